"""Run by Alembic: migrations go through the connection that `migrations.upgrade` opened."""

from alembic import context

import mcp_auth.supabase.held_sessions
import mcp_auth.supabase.states
import mcp_auth.users.tables
import oauth.stores.tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[oauth.stores.tables.metadata, mcp_auth.users.tables.metadata],
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
