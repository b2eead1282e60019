"""The resource server's side: authenticates callers.

Verifies our tokens and Supabase's, keeps the local user, and guards MCP endpoints and REST routes. Imports the lower
folders of `oauth` and nothing of its endpoints or stores."""
