"""The tables of the authorization server. Secrets stand here as digests, or sealed; nothing else of them (D-7).

Instants are microseconds since 1970; sets and redirect URIs are text separated by spaces: both databases and all
drivers read them alike."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from oauth.database.database import NAMING_CONVENTION

# The newest migration: a database at any other is refused at start.
REVISION = "0004"

metadata = MetaData(naming_convention=NAMING_CONVENTION)

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("registration", Text, nullable=False),
    Column("name", Text),
    Column("redirect_uris", Text, nullable=False),
    Column("authentication_method", Text, nullable=False),
    Column("secret_digest", LargeBinary),
    Column("grant_types", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # When an unused registration goes; null while there is a grant, and for clients that the operator registered.
    Column("expires_at", BigInteger, index=True),
    # Public keys of a client that signs its requests, as JSON.
    Column("jwks", Text),
    # How long a published description need not be fetched again.
    Column("fresh_until", BigInteger),
    # Good beside the newer one, while a secret is rotated.
    Column("former_secret_digest", LargeBinary),
    Column("disabled_at", BigInteger),
    # Resources whose tokens it may ask about.
    Column("introspects", Text, nullable=False, server_default=""),
    # Where the keys in jwks come from.
    Column("jwks_uri", Text),
    # Of the token that manages the registration.
    Column("registration_token_digest", LargeBinary),
    # The same metadata from the same source is the same client.
    Column("registered_as", LargeBinary, index=True, unique=True),
    Column("requires_pushed_requests", Integer, nullable=False, server_default="0"),
    Column("dpop_bound", Integer, nullable=False, server_default="0"),
    # Declared in the operator's file, by which it comes and goes.
    Column("is_configured", Integer, nullable=False, server_default="0"),
)

authorization_requests = Table(
    "authorization_requests",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("browser", LargeBinary, nullable=False),
    Column("client_id", ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("redirect_uri", Text, nullable=False),
    Column("state", Text),
    Column("scope", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("decided_at", BigInteger),
    Column("sealed_answer", LargeBinary),
    Column("sealed_progress", LargeBinary),
    Column("dpop_jkt", Text),
    Column("flow_id", Text),
)

pushed_requests = Table(
    "pushed_requests",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("client_id", ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("query", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("flow_id", Text),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    # D-19: a client with a grant cannot be deleted.
    Column("client_id", ForeignKey("clients.client_id", ondelete="RESTRICT"), nullable=False, index=True),
    Column("resource", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("acr", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("revoked_at", BigInteger, index=True),
    Column("flow_id", Text),
)

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", ForeignKey("grants.grant_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("redeemed_at", BigInteger),
    Column("dpop_jkt", Text),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", ForeignKey("grants.grant_id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("superseded_at", BigInteger),
    Column("sealed_successor", LargeBinary),
    # When an access token that was minted with this one was first seen at a resource (D-8).
    Column("seen_at", BigInteger),
    # The key that has to present it.
    Column("dpop_jkt", Text),
    # A family cannot fork: a generation exists once.
    UniqueConstraint("grant_id", "generation"),
)

sign_in_sessions = Table(
    "sign_in_sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("acr", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    # 1, 2, 3 …: two nodes that both make the next key collide here, and one of them wins.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kid", Text, nullable=False, unique=True),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("signs_from", BigInteger, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    # What is counted: a digest, because it names an account or an address.
    Column("key", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    # When the window ends and the next one begins.
    Column("expires_at", BigInteger, nullable=False, index=True),
)

revocations = Table(
    "revocations",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

# Who somebody is that another identity provider vouches for: by issuer and subject, never by an address.
linked_subjects = Table(
    "linked_subjects",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("issuer_subject", Text, primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
)

# What happened on the way from a first refusal to a first call.
flow_steps = Table(
    "flow_steps",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("flow_id", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    # Null where the step was taken; otherwise why it was not.
    Column("reason", Text),
    Column("error", Text),
    Column("description", Text),
    Column("client_id", Text),
    Column("resource", Text),
    # A digest: an address is nobody's business.
    Column("network", LargeBinary),
    Column("request_id", Text),
    Column("grant_id", Text),
    Column("expires_at", BigInteger, nullable=False, index=True),
    # Whatever is looked for, its newest steps can be read alone.
    Index(None, "flow_id", "recorded_at"),
    Index(None, "client_id", "recorded_at"),
    Index(None, "network", "recorded_at"),
    Index(None, "request_id", "recorded_at"),
    Index(None, "grant_id", "recorded_at"),
)
