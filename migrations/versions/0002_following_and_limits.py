"""Sessions of the Supabase project that are followed, second factors, and clients that publish their metadata."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "supabase_sessions",
        sa.Column("supabase_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("supabase_id", name=op.f("pk_supabase_sessions")),
    )
    op.add_column("supabase_states", sa.Column("has_factor", sa.Integer(), server_default="0", nullable=False))
    op.add_column("clients", sa.Column("jwks", sa.Text(), nullable=True))
    op.add_column("clients", sa.Column("fresh_until", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("former_secret_digest", sa.LargeBinary(), nullable=True))
    op.add_column("clients", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("introspects", sa.Text(), server_default="", nullable=False))
    op.create_index(
        op.f("ix_supabase_states_state_checked_at"), "supabase_states", ["state", "checked_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_supabase_states_state_checked_at"), table_name="supabase_states")
    op.drop_column("clients", "introspects")
    op.drop_column("clients", "disabled_at")
    op.drop_column("clients", "former_secret_digest")
    op.drop_column("clients", "fresh_until")
    op.drop_column("clients", "jwks")
    op.drop_column("supabase_states", "has_factor")
    op.drop_table("supabase_sessions")
