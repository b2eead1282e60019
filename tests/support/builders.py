"""Valid things. A test changes what it is about."""

from datetime import UTC, datetime, timedelta

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Role, Scope, Subject
from oauth.protocol.errors import OAuthError
from oauth.protocol.grant_types.decision import Refuse
from oauth.protocol.models import (
    GRANTS_OF_PEOPLE,
    AuthorizationCode,
    Client,
    ClientAuthenticationMethod,
    Grant,
    GrantType,
    RefreshToken,
    Registration,
)
from oauth.protocol.resources import Resource, Resources, SupabaseTokens
from oauth.protocol.settings import Settings

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
PUBLIC_URL = "https://auth.test"
SETTINGS = Settings(PUBLIC_URL)

# RFC 7636 Appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

USER = Resource(
    PUBLIC_URL,
    "/mcp",
    "Example",
    {Scope("mcp:read"): "See your data", Scope("mcp:write"): "Change your data"},
    baseline=frozenset({Scope("mcp:read")}),
    supabase_tokens=SupabaseTokens.AUDIENCE,
)
ADMIN = Resource(
    PUBLIC_URL,
    "/mcp-admin",
    "Example administration",
    {Scope("mcp:admin"): "Use the administration tools"},
    baseline=frozenset({Scope("mcp:admin")}),
    roles=frozenset({Role.AGENT, Role.ADMIN}),
)
API = Resource(
    PUBLIC_URL,
    "/api",
    "Example API",
    {Scope("api"): "Use the API"},
    baseline=frozenset({Scope("api")}),
    supabase_tokens=SupabaseTokens.SESSION,
)
RESOURCES = Resources((USER, ADMIN, API))


def scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))


def make_client(
    *,
    client_id: str = "client_1",
    method: ClientAuthenticationMethod = ClientAuthenticationMethod.NONE,
    secret: str | None = None,
    grant_types: frozenset[GrantType] = GRANTS_OF_PEOPLE,
    scope: str = "",
    redirect_uris: tuple[str, ...] = ("https://app.example/cb",),
    registration: Registration = Registration.DYNAMIC,
) -> Client:
    return Client(
        client_id=ClientId(client_id),
        registration=registration,
        name="App",
        redirect_uris=redirect_uris,
        authentication_method=method,
        secret_digest=None if secret is None else digest(secret),
        grant_types=grant_types,
        scope=scopes(scope),
        created_at=NOW,
    )


def make_grant(
    *,
    scope: str = "mcp:read mcp:write offline_access",
    expires_at: datetime = NOW + timedelta(days=180),
    revoked_at: datetime | None = None,
) -> Grant:
    return Grant(
        grant_id=GrantId("grant_1"),
        subject=Subject("subject_1"),
        client_id=ClientId("client_1"),
        resource=ResourceIndicator("https://auth.test/mcp"),
        scope=scopes(scope),
        auth_time=NOW - timedelta(minutes=5),
        acr="aal2",
        created_at=NOW,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


def make_code(
    *,
    grant: Grant | None = None,
    expires_at: datetime = NOW + timedelta(seconds=60),
    redeemed_at: datetime | None = None,
) -> AuthorizationCode:
    return AuthorizationCode(
        digest=digest("ac_1"),
        grant=grant or make_grant(),
        redirect_uri="https://app.example/cb",
        code_challenge=CHALLENGE,
        expires_at=expires_at,
        redeemed_at=redeemed_at,
    )


def make_refresh_token(
    plain: str = "rt_0",
    *,
    grant: Grant | None = None,
    generation: int = 0,
    expires_at: datetime = NOW + timedelta(days=30),
    superseded_at: datetime | None = None,
    sealed_successor: bytes | None = None,
    successor_seen: bool = False,
) -> RefreshToken:
    return RefreshToken(
        digest=digest(plain),
        grant=grant or make_grant(),
        generation=generation,
        expires_at=expires_at,
        superseded_at=superseded_at,
        sealed_successor=sealed_successor,
        successor_seen=successor_seen,
    )


def refused(outcome: object) -> tuple[str, str]:
    """Code and reason of an error, whose description may go on the wire (STD-74, RFC 6749 §5.2)."""
    error = outcome.error if isinstance(outcome, Refuse) else outcome
    assert isinstance(error, OAuthError), outcome
    assert error.description
    assert all(" " <= each <= "~" and each not in '"\\' for each in error.description), error.description
    return str(error.code), error.reason
