"""Run by Alembic: migrations go through the connection that `migrations.upgrade` opened."""

from alembic import context

import mcp_auth.supabase.account_states
import mcp_auth.supabase.sealed_sessions
import mcp_auth.users.tables
import oauth.stores.sql.tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[oauth.stores.sql.tables.metadata, mcp_auth.users.tables.metadata],
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
