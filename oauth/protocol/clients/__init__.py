"""Rules about clients: identifiers, metadata, registration, authentication (RFC 7591, RFC 7592, RFC 7523, CIMD).

Pure. Fetching a metadata document and checking an argon2 hash belong to `oauth.client_registry`."""
