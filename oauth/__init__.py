"""Who may act for whom? The authorization server: OAuth 2.1 with PKCE, for several resources."""
