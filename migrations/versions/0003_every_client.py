"""Managed and configured clients, pushed requests, keys that tokens are bound to, and the story of each connection."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CLIENT_FLAGS = ("requires_pushed_requests", "dpop_bound", "is_configured")


def upgrade() -> None:
    op.add_column("clients", sa.Column("jwks_uri", sa.Text(), nullable=True))
    op.add_column("clients", sa.Column("registration_token_digest", sa.LargeBinary(), nullable=True))
    op.add_column("clients", sa.Column("registered_as", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_clients_registered_as"), "clients", ["registered_as"], unique=True)
    for name in _CLIENT_FLAGS:
        op.add_column("clients", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("authorization_requests", sa.Column("dpop_jkt", sa.Text(), nullable=True))
    op.add_column("authorization_requests", sa.Column("flow_id", sa.Text(), nullable=True))
    op.add_column("grants", sa.Column("flow_id", sa.Text(), nullable=True))
    op.add_column("authorization_codes", sa.Column("dpop_jkt", sa.Text(), nullable=True))
    op.add_column("refresh_tokens", sa.Column("dpop_jkt", sa.Text(), nullable=True))
    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_pushed_requests_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pushed_requests")),
    )
    op.create_index(op.f("ix_pushed_requests_client_id"), "pushed_requests", ["client_id"])
    op.create_index(op.f("ix_pushed_requests_expires_at"), "pushed_requests", ["expires_at"])
    op.create_table(
        "linked_subjects",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("issuer_subject", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "issuer_subject", name=op.f("pk_linked_subjects")),
    )
    op.create_index(op.f("ix_linked_subjects_subject"), "linked_subjects", ["subject"])
    op.create_table(
        "flow_steps",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("network", sa.LargeBinary(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_flow_steps")),
    )
    for name in ("flow_id", "client_id", "network", "request_id", "grant_id", "expires_at"):
        op.create_index(op.f(f"ix_flow_steps_{name}"), "flow_steps", [name])


def downgrade() -> None:
    op.drop_table("flow_steps")
    op.drop_table("linked_subjects")
    op.drop_table("pushed_requests")
    op.drop_column("refresh_tokens", "dpop_jkt")
    op.drop_column("authorization_codes", "dpop_jkt")
    op.drop_column("grants", "flow_id")
    op.drop_column("authorization_requests", "flow_id")
    op.drop_column("authorization_requests", "dpop_jkt")
    for name in reversed(_CLIENT_FLAGS):
        op.drop_column("clients", name)
    op.drop_index(op.f("ix_clients_registered_as"), table_name="clients")
    op.drop_column("clients", "registered_as")
    op.drop_column("clients", "registration_token_digest")
    op.drop_column("clients", "jwks_uri")
