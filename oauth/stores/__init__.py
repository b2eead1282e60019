"""What the authorization server keeps, as ports, and how a process opens them.

One contract holds on SQLite and PostgreSQL; `oauth.stores.sql` implements it."""
