"""The records of the protocol: frozen values, as they are stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oauth.foundation.vocabulary import ClientId, Digest, GrantId, ResourceIndicator, Scope, Subject
from oauth.protocol.redirect_uri import RedirectTarget


class Registration(StrEnum):
    """How a client came to be known (D-19)."""

    PREREGISTERED = "preregistered"
    DYNAMIC = "dynamic"
    METADATA_DOCUMENT = "metadata_document"


class ClientAuthenticationMethod(StrEnum):
    """token_endpoint_auth_method (RFC 7591 §2)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - the method's name
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - the method's name
    PRIVATE_KEY_JWT = "private_key_jwt"


class GrantType(StrEnum):
    """grant_type (RFC 6749 §4.1.3, §4.4, §6; RFC 7523 §2.1)."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the grant type's name
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


# What a client needs that people connect in their browser; all that one can have that registers itself.
GRANTS_OF_PEOPLE = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. name: its own claim. scope: its default, never a ceiling.

    expires_at: when the registration goes unless it is used; None while it has a grant, and for clients that the
    operator registered (D-19). jwks: public keys of one that signs its requests, a JWK Set as JSON. fresh_until: of one
    that publishes its metadata, how long that need not be fetched again. former_secret_digest: a secret that is good
    beside the newer one. disabled_at: since when the operator has it switched off. introspects: the resources that it
    serves elsewhere, and may ask about tokens for (RFC 7662). jwks_uri: where it publishes the keys in jwks.
    registration_token_digest: of the token with which it may manage its registration (RFC 7592). registered_as: what an
    identical registration from the same source is known by. requires_pushed_requests: RFC 9126 §6. dpop_bound: RFC 9449
    §5.2. is_configured: declared in the operator's file."""

    client_id: ClientId
    registration: Registration
    name: str | None
    redirect_uris: tuple[str, ...]
    authentication_method: ClientAuthenticationMethod
    secret_digest: Digest | None
    grant_types: frozenset[GrantType]
    scope: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    jwks: str | None = None
    fresh_until: datetime | None = None
    former_secret_digest: Digest | None = None
    disabled_at: datetime | None = None
    introspects: frozenset[ResourceIndicator] = frozenset()
    jwks_uri: str | None = None
    registration_token_digest: Digest | None = None
    registered_as: Digest | None = None
    requires_pushed_requests: bool = False
    dpop_bound: bool = False
    is_configured: bool = False

    @property
    def proves_its_identity(self) -> bool:
        """Was it somebody we know who registered it? What is not, gets no automatic redirects (D-18, D-21)."""
        return self.registration is Registration.PREREGISTERED


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A validated request at /authorize, waiting for the person's answer.

    digest: of the handle that the browser carries. browser: digest of the cookie that it is bound to.
    query: as it came, so that an expired request can be started again.
    sealed_answer: the code that was given, or an empty one for a no; readable with the handle alone, set once decided.
    sealed_progress: how far a sign-in of several steps has come, readable with the handle alone.
    dpop_jkt: thumbprint of the key that its code is bound to (RFC 9449 §10). flow_id: what the log and the pages call
    this attempt to connect."""

    digest: Digest
    browser: Digest
    client_id: ClientId
    target: RedirectTarget
    scope: frozenset[Scope]
    resource: ResourceIndicator
    code_challenge: str
    query: str
    expires_at: datetime
    decided_at: datetime | None = None
    sealed_answer: bytes | None = None
    sealed_progress: bytes | None = None
    dpop_jkt: str | None = None
    flow_id: str | None = None


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """Parameters of an authorization request that the client sent ahead (RFC 9126). digest: of its request_uri's
    secret. query: the parameters, form-encoded. flow_id: of the attempt to connect that it belongs to."""

    digest: Digest
    client_id: ClientId
    query: str
    expires_at: datetime
    flow_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What ties a person, a client, one resource and the granted scopes together (D-6).

    auth_time, acr: when and how strongly the person proved who they are. expires_at: the absolute end.
    flow_id: of the attempt to connect that it came from."""

    grant_id: GrantId
    subject: Subject
    client_id: ClientId
    resource: ResourceIndicator
    scope: frozenset[Scope]
    auth_time: datetime
    acr: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    flow_id: str | None = None

    @property
    def is_of_machine(self) -> bool:
        """Does the client act for itself? (OAuth 2.1 §4.2)"""
        return str(self.subject) == str(self.client_id)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code, waiting for its one redemption. dpop_jkt: thumbprint of the key that has to redeem it, if it is bound."""

    digest: Digest
    grant: Grant
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    redeemed_at: datetime | None = None
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One generation of a grant's refresh tokens; the one that is not superseded is the head.

    sealed_successor: the next token, readable with this one's plain value alone (D-8).
    successor_seen: has the client shown that the successor reached it? dpop_jkt: thumbprint of the key that has to
    present it, if it is bound (RFC 9449 §5)."""

    digest: Digest
    grant: Grant
    generation: int
    expires_at: datetime
    superseded_at: datetime | None = None
    sealed_successor: bytes | None = None
    successor_seen: bool = False
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class SignInSession:
    """A browser that is signed in. account: what the consent page calls the person, such as an email."""

    digest: Digest
    subject: Subject
    account: str
    auth_time: datetime
    acr: str
    expires_at: datetime


class RevocationKind(StrEnum):
    """What a revocation ends: the tokens of a grant, one access token, or all that a person was given until now; of
    SUBJECT_GRANTS, what we gave and not what Supabase did.
    STANDING ends nothing by itself: what is remembered of the person is out of date."""

    GRANT = "grant"
    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind
    SUBJECT = "subject"
    SUBJECT_GRANTS = "subject_grants"
    STANDING = "standing"


@dataclass(frozen=True, slots=True)
class Revocation:
    """News for every node (D-6). value: a gid, a jti or a subject. expires_at: when nobody need know any more."""

    kind: RevocationKind
    value: str
    recorded_at: datetime
    expires_at: datetime
