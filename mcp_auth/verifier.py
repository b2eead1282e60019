"""SupabaseTokenVerifier: verifies our tokens and Supabase's, each only for the audience that it names (RFC 8707).

A token is verified once. While its verdict is cached, a call costs a hash, a lookup and three comparisons, without
disk, network or another thread."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from fastmcp.server.auth import AccessToken as FastMCPAccessToken
from fastmcp.server.auth import TokenVerifier

from mcp_auth import rejection
from mcp_auth.principal import Principal, TokenKind
from mcp_auth.rejection import Rejection
from mcp_auth.supabase import session_token
from mcp_auth.supabase.first_visit import FirstVisit
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.supabase.jwks import JWKSUnavailable, SupabaseKeys
from mcp_auth.supabase.session_token import SessionToken
from mcp_auth.tokens import audience, bearer, first_party
from mcp_auth.tokens.first_party import FirstPartyKeys
from mcp_auth.tokens.revocations import Revocations
from mcp_auth.users.access_status import UNKNOWN, AccessStatuses
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Role, Subject
from oauth.jose.jws import UnverifiedToken, instant
from oauth.protocol.access_token import AccessToken
from oauth.protocol.resources import Resource, SupabaseTokens

MAX_VERDICTS = 100_000
# A verdict counts for 15 s without a check of its person's access status, which is itself cached for 45 s. Together
# they stay within the 60 s of D-14, for every kind of change to the row.
VERDICT_LIFETIME = timedelta(seconds=15)
_SUPABASE_TYPE = "JWT"
_REVOKED = Rejection(ReasonCode.REVOKED, rejection.REVOKED)


@dataclass(frozen=True, slots=True)
class SupabaseSessions:
    """What the verifier needs to accept Supabase's tokens.

    issuer: `{project}/auth/v1`.
    keys: the project's signing keys.
    introspection: asks Supabase about a session.
    admission: creates the row of a person without one.
    followed: whether Supabase is asked if a session still exists while its tokens are used (D-14)."""

    issuer: str
    keys: SupabaseKeys
    introspection: Introspection
    admission: FirstVisit
    followed: bool


@dataclass(slots=True)
class _Verdict:
    """The cached result of a successful verification.

    principal: the caller.
    good_until: aware UTC; until then the principal counts without another check.
    version: of the revocations that were known at the verification."""

    principal: Principal
    good_until: datetime
    version: int


class SupabaseTokenVerifier(TokenVerifier):
    """Verifies bearer tokens for one resource.

    issuer: of our own tokens.
    keys: verify our own tokens.
    sessions: None if Supabase's tokens are not accepted.
    access_statuses: whether people are active, and their roles.
    revocations: of tokens that have not expired.
    on_first_sight: called with a first-party token at its first verification: its use proves that the client received
        the reply to its refresh (D-8).

    Raises Outage when a token can neither be accepted nor refused (D-16)."""

    def __init__(
        self,
        resource: Resource,
        *,
        issuer: str,
        keys: FirstPartyKeys,
        sessions: SupabaseSessions | None,
        access_statuses: AccessStatuses,
        revocations: Revocations,
        clock: Clock,
        on_first_sight: Callable[[AccessToken], None],
    ) -> None:
        super().__init__()
        self.resource = resource
        self._issuer = issuer
        self._keys = keys
        self._sessions = sessions
        self._access_statuses = access_statuses
        self._revocations = revocations
        self._clock = clock
        self._on_first_sight = on_first_sight
        self._verdicts: BoundedCache[bytes, _Verdict] = BoundedCache(MAX_VERDICTS)

    async def verify(self, token: str) -> Principal | Rejection:
        """→ the caller, with all scopes of the token, or why the token is refused. Raises Outage.

        Does not check that the scopes suffice: too little scope is a 403 (RFC 6750 §3.1), not an invalid token."""
        key = sha256(token.encode("utf-8", "surrogatepass")).digest()
        verdict = self._verdicts.get(key)
        # Read before the first await: a revocation during the verification must count at the next call.
        now, version = self._clock(), self._revocations.version
        if verdict is None:
            outcome = await self._verify(token, now)
        elif now < verdict.good_until and verdict.version == version:
            return verdict.principal
        else:
            outcome = await self._verify_again(verdict.principal, token, now)
        return self._remember(key, outcome, now, version)

    def watch(self, subject: Subject) -> Callable[[], Awaitable[bool]]:
        """→ a function that tells whether the person's access has continued since this call; it raises Outage.

        For streams and WebSockets, which outlive the check of their request (D-14)."""
        since = self._clock()

        async def still_permitted() -> bool:
            status = await self._access_statuses.get(subject)
            return status.active and not self._revocations.access_ended_since(subject, since)

        return still_permitted

    async def verify_token(self, token: str) -> FastMCPAccessToken | None:
        """As verify, as FastMCP's AccessToken; None for a token that is refused. For servers that set it as `auth`."""
        principal = await self.verify(token)
        # RFC 9449 §7.2: a bound token is no bearer token, and no proof reaches this method.
        if isinstance(principal, Rejection) or principal.jkt is not None:
            return None
        return fastmcp_token(token, principal, self._issuer)

    def _remember(
        self, key: bytes, outcome: Principal | Rejection, now: datetime, version: int
    ) -> Principal | Rejection:
        if isinstance(outcome, Rejection):
            self._verdicts.pop(key, None)
            return outcome
        # A verdict never outlives the token.
        good_until = min(now + VERDICT_LIFETIME, outcome.expires_at + bearer.LEEWAY)
        self._verdicts[key] = _Verdict(outcome, good_until, version)
        return outcome

    async def _verify_again(self, principal: Principal, token: str, now: datetime) -> Principal | Rejection:
        """Check what can change after the first verification: expiry, revocations and access status. A Supabase token
        is verified in full, because Supabase can end its session at any time."""
        if principal.kind is TokenKind.SUPABASE:
            return await self._verify(token, now)
        if now > principal.expires_at + bearer.LEEWAY:
            return Rejection(ReasonCode.EXPIRED, rejection.EXPIRED)
        return await self._admit(principal)

    async def _verify(self, token: str, now: datetime) -> Principal | Rejection:
        unverified = bearer.read(token)
        if isinstance(unverified, Rejection):
            return unverified
        issuer = unverified.claims.get("iss")
        if issuer == self._issuer:
            return await self._verify_first_party(unverified, now)
        if self._sessions is not None and issuer == self._sessions.issuer:
            return await self._verify_session(token, unverified, self._sessions, now)
        return Rejection(ReasonCode.UNKNOWN_ISSUER, rejection.UNKNOWN_ISSUER)

    async def _verify_first_party(self, unverified: UnverifiedToken, now: datetime) -> Principal | Rejection:
        token = first_party.check(unverified, self._keys, now)
        if isinstance(token, Rejection):
            return token
        wrong_audience = audience.check(token, self.resource)
        if wrong_audience is not None:
            return wrong_audience.with_grant_id(token.grant_id)
        outcome = await self._admit(principal_of(token))
        if not isinstance(outcome, Rejection):
            self._on_first_sight(token)
        return outcome

    async def _verify_session(
        self, token: str, unverified: UnverifiedToken, sessions: SupabaseSessions, now: datetime
    ) -> Principal | Rejection:
        # Before any fetch of keys: a token that no key can make valid must not cause outgoing requests.
        if (unverified.type or _SUPABASE_TYPE).upper() != _SUPABASE_TYPE:
            return Rejection(ReasonCode.WRONG_TYPE, rejection.MALFORMED)
        if self.resource.supabase_tokens is SupabaseTokens.NEVER:
            return session_token.NOT_ACCEPTED
        try:
            key = await sessions.keys.key_of(unverified)
        except JWKSUnavailable:
            has_key = False  # Supabase is asked below, unless the token's own claims already refuse it
        else:
            has_key = True
            bad_signature = bearer.check_signature(unverified, key)
            if bad_signature is not None:
                return bad_signature
        bad_times = bearer.check_times(unverified, now.timestamp())
        if bad_times is not None:
            return bad_times
        session = session_token.check(unverified.claims, self.resource)
        if isinstance(session, Rejection):
            return session
        expires_at = instant(session.expires_at)
        if not has_key:
            confirmed = await sessions.introspection.confirm(token, session.subject, expires_at)
            if isinstance(confirmed, Rejection):
                return confirmed
        elif sessions.followed:
            ended = await sessions.introspection.follow(token, session.subject, expires_at)
            if ended is not None:
                return ended
        if await self._access_statuses.get(session.subject) is UNKNOWN:
            ended = await sessions.admission.admit(token, session.subject, expires_at)
            if ended is not None:
                return ended
        return await self._admit(_principal_of_session(session, self.resource))

    async def _admit(self, principal: Principal) -> Principal | Rejection:
        """Check revocations, and that the principal may still use the resource (D-6, D-13). Raises Outage."""
        outcome = await self._check_access(principal)
        return outcome.with_grant_id(principal.grant_id) if isinstance(outcome, Rejection) else outcome

    async def _check_access(self, principal: Principal) -> Principal | Rejection:
        if self._revocations.is_revoked(principal):
            return _REVOKED
        if principal.is_machine:
            admitted = self.resource.admits_machines
            return principal if admitted else Rejection(ReasonCode.MACHINE_NOT_ADMITTED, rejection.PEOPLE_ONLY)
        status = await self._access_statuses.get(principal.subject)
        # Again: reading the status can ask Supabase, and its answer (a global sign-out) adds a revocation.
        if self._revocations.is_revoked(principal):
            return _REVOKED
        if not status.active:
            return Rejection(ReasonCode.USER_INACTIVE, rejection.NOT_PERMITTED)
        if not self.resource.admits(status.role):
            return Rejection(ReasonCode.ROLE_REQUIRED, rejection.NOT_PERMITTED)
        if not self.resource.is_assured(principal.acr, has_factor=status.has_factor):
            return rejection.SECOND_FACTOR
        return principal if status.role is principal.role else replace(principal, role=status.role)


def fastmcp_token(token: str, principal: Principal, issuer: str) -> FastMCPAccessToken:
    """→ a principal as FastMCP's AccessToken. issuer: of our own tokens."""
    return FastMCPAccessToken(
        token=token,
        client_id=principal.client_id or principal.subject,
        scopes=sorted(principal.scopes),
        expires_at=int(principal.expires_at.timestamp()),
        resource=principal.resource,
        subject=principal.subject,
        claims={
            "iss": issuer if principal.kind is TokenKind.FIRST_PARTY else None,
            "sub": principal.subject,
            "aud": principal.resource,
            "acr": principal.acr,
            "role": principal.role,
            "gid": principal.grant_id,
            "jti": principal.token_id,
        },
    )


def principal_of(token: AccessToken) -> Principal:
    """→ the caller of a first-party token. The role of a person is a placeholder for the one in the local row."""
    return Principal(
        subject=token.subject,
        role=None if token.is_of_machine else Role.USER,
        resource=token.audience,
        scopes=token.scope,
        kind=TokenKind.FIRST_PARTY,
        client_id=token.client_id,
        grant_id=token.grant_id,
        token_id=token.token_id,
        issued_at=instant(token.issued_at),
        expires_at=instant(token.expires_at),
        acr=token.acr,
        jkt=token.jkt,
    )


def _principal_of_session(session: SessionToken, resource: Resource) -> Principal:
    """→ the caller of a Supabase session. Its token has no scopes of ours, so it gets the resource's baseline, as a
    client does that requests no scope."""
    return Principal(
        subject=session.subject,
        role=Role.USER,
        resource=resource.identifier,
        scopes=resource.baseline,
        kind=TokenKind.SUPABASE,
        client_id=None,
        grant_id=None,
        token_id=None,
        issued_at=instant(session.issued_at),
        expires_at=instant(session.expires_at),
        acr=session.acr,
    )
