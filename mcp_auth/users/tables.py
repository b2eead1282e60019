"""The tables of users, account deletions and stream tickets. Instants are microseconds since 1970."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from mcp_auth.users.models import AuthMethod
from oauth.database.database import NAMING_CONVENTION

metadata = MetaData(naming_convention=NAMING_CONVENTION)

_METHODS = ", ".join(f"'{method}'" for method in AuthMethod)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    # Tokens are bound to this, never to email or phone (D-12). Null in a provisioned row until its person signs in.
    Column("supabase_id", Text),
    Column("email", Text),  # lower case; verified, or provisioned
    Column("phone", Text),  # E.164; verified, or provisioned
    Column("role", Text, nullable=False),
    Column("is_active", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # A deleted row stays: a token that outlives the account finds it and does not create a new row.
    Column("deleted_at", BigInteger),
    Column("last_auth_method", Text),
    Column("last_auth_method_at", BigInteger),
    CheckConstraint("role IN ('user', 'agent', 'admin')", name="role"),
    CheckConstraint("is_active IN (0, 1)", name="is_active"),
    CheckConstraint(f"last_auth_method IN ({_METHODS})", name="last_auth_method"),
    CheckConstraint(
        "deleted_at IS NULL OR (email IS NULL AND phone IS NULL AND is_active = 0)", name="deleted_is_anonymous"
    ),
    Index("uq_users_supabase_id", "supabase_id", unique=True),
)

for _identifier in (users.c.email, users.c.phone):
    Index(
        f"uq_users_{_identifier.name}",
        _identifier,
        unique=True,
        sqlite_where=_identifier.is_not(None),
        postgresql_where=_identifier.is_not(None),
    )

# Account deletions in progress, so that one that a crash interrupts is finished later.
account_deletions = Table(
    "account_deletions",
    metadata,
    Column("supabase_id", Text, primary_key=True),
    Column("requested_at", BigInteger, nullable=False),
)

# Tickets for streams of browsers, which cannot send headers.
stream_tickets = Table(
    "stream_tickets",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("supabase_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
