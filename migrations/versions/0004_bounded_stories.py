"""Stories of connections that are read from their newest end, and that a pushed request belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SOUGHT_BY = ("flow_id", "client_id", "network", "request_id", "grant_id")


def upgrade() -> None:
    op.add_column("pushed_requests", sa.Column("flow_id", sa.Text(), nullable=True))
    for name in _SOUGHT_BY:
        op.drop_index(op.f(f"ix_flow_steps_{name}"), table_name="flow_steps")
        op.create_index(op.f(f"ix_flow_steps_{name}_recorded_at"), "flow_steps", [name, "recorded_at"])


def downgrade() -> None:
    for name in reversed(_SOUGHT_BY):
        op.drop_index(op.f(f"ix_flow_steps_{name}_recorded_at"), table_name="flow_steps")
        op.create_index(op.f(f"ix_flow_steps_{name}"), "flow_steps", [name])
    op.drop_column("pushed_requests", "flow_id")
