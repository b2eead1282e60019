"""One interface over SQLite and PostgreSQL: connections, transactions, batched writes, outages.

Knows nothing of grants or clients; `oauth.stores` and `mcp_auth` define the tables and write the statements."""
