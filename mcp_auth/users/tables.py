"""The local user row (SEED-30 to SEED-33). Instants are microseconds since 1970."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s", "pk": "pk_%(table_name)s"})

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    # Tokens are bound to this, never to email or phone (D-12).
    Column("supabase_id", Text, nullable=False),
    Column("email", Text),  # lower case, verified
    Column("phone", Text),  # E.164, verified
    Column("role", Text, nullable=False),
    Column("is_active", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("role IN ('user', 'agent', 'admin')", name="role"),
    CheckConstraint("is_active IN (0, 1)", name="is_active"),
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
