"""What the stand-in keeps. Instants are text as it goes on the wire, metadata is JSON."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, MetaData, String, Table

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    Column("email", String, unique=True),
    Column("phone", String, unique=True),
    Column("password_hash", String),
    Column("email_confirmed_at", String),
    Column("phone_confirmed_at", String),
    Column("last_sign_in_at", String),
    Column("banned_until", String),
    Column("deleted_at", String),
    Column("app_metadata", JSON, nullable=False),
    Column("user_metadata", JSON, nullable=False),
    Column("created_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("aal", String, nullable=False),
    Column("amr", JSON, nullable=False),
    Column("created_at", String, nullable=False),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("token", String, unique=True, nullable=False),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent", String),
    Column("revoked", Boolean, nullable=False),
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    Column("recipient", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("code", String, nullable=False),
    Column("link_token", String, nullable=False, unique=True),
    Column("code_challenge", String),
    Column("expires_at", String, nullable=False),
)

flow_states = Table(
    "flow_states",
    metadata,
    Column("id", String, primary_key=True),
    Column("redirect_to", String, nullable=False),
    Column("code_challenge", String),
    Column("auth_code", String, unique=True),
    Column("user_id", String),
    Column("method", String, nullable=False),
    Column("expires_at", String, nullable=False),
)

factors = Table(
    "factors",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("friendly_name", String),
    # One of the two: of an authenticator app, or of a telephone.
    Column("secret", String),
    Column("phone", String),
    Column("status", String, nullable=False),
    Column("created_at", String, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("id", String, primary_key=True),
    Column("factor_id", ForeignKey("factors.id", ondelete="CASCADE"), nullable=False),
    Column("code", String),
    Column("expires_at", String, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("jwk", JSON, nullable=False),
)

kept = Table("kept", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
