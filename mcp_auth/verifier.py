"""SupabaseTokenVerifier: our tokens and Supabase's, each only for the audience it names (SEED-41).

A token is verified once. After that it costs a hash, a lookup and three comparisons: nothing of a verified call
touches disk, network or another thread."""

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
# So long is a verdict good without a look at where its person stands, which is remembered for 45 s itself: together
# they stay within the 60 s of D-14, whatever changed the row.
VERDICT_LIFETIME = timedelta(seconds=15)
_SUPABASE_TYPE = "JWT"
_REVOKED = Rejection(ReasonCode.REVOKED, rejection.REVOKED)


@dataclass(frozen=True, slots=True)
class SupabaseSessions:
    """What it takes to accept Supabase's tokens. issuer: `{project}/auth/v1`. followed: whether Supabase is asked if a
    session is still on, while its tokens are used (D-14)."""

    issuer: str
    keys: SupabaseKeys
    introspection: Introspection
    admission: FirstVisit
    followed: bool


@dataclass(slots=True)
class _Verdict:
    """A principal, and until when it may be believed without a second look."""

    principal: Principal
    good_until: datetime
    version: int


class SupabaseTokenVerifier(TokenVerifier):
    """Verifies bearer tokens for one resource.

    issuer: ours. sessions: None where Supabase's own tokens are of no use. on_first_sight: told once of every first
    party token, for the sake of D-8. Raises Outage when nobody can tell whether a token is good (D-16)."""

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
        """The caller that the token proves, with all its scopes: whether they are enough is not asked here (F-24)."""
        key = sha256(token.encode("utf-8", "surrogatepass")).digest()
        verdict = self._verdicts.get(key)
        # Read before anything is awaited: what is revoked meanwhile must count the next time.
        now, version = self._clock(), self._revocations.version
        if verdict is None:
            outcome = await self._verify(token, now)
        elif now < verdict.good_until and verdict.version == version:
            return verdict.principal
        else:
            outcome = await self._verify_again(verdict.principal, token, now)
        return self._remember(key, outcome, now, version)

    def watch(self, subject: Subject) -> Callable[[], Awaitable[bool]]:
        """For what lasts longer than a request: → asks whether the person may still have what they have now (D-14).
        Raises Outage when nobody can tell."""
        since = self._clock()

        async def still_permitted() -> bool:
            standing = await self._access_statuses.get(subject)
            return standing.active and not self._revocations.access_ended_since(subject, since)

        return still_permitted

    async def verify_token(self, token: str) -> FastMCPAccessToken | None:
        """The same in FastMCP's words, for servers that use it as their `auth`."""
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
        # F-11: never past the token's own end.
        good_until = min(now + VERDICT_LIFETIME, outcome.expires_at + bearer.LEEWAY)
        self._verdicts[key] = _Verdict(outcome, good_until, version)
        return outcome

    async def _verify_again(self, principal: Principal, token: str, now: datetime) -> Principal | Rejection:
        """Our signature and claims stand; what may have changed is time, revocations and where the person stands."""
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
        foreign = audience.check(token, self.resource)
        if foreign is not None:
            return foreign.with_grant_id(token.grant_id)
        outcome = await self._admit(principal_of(token))
        if not isinstance(outcome, Rejection):
            self._on_first_sight(token)
        return outcome

    async def _verify_session(
        self, token: str, unverified: UnverifiedToken, sessions: SupabaseSessions, now: datetime
    ) -> Principal | Rejection:
        # What no key could help is refused before one is fetched (F-12).
        if (unverified.type or _SUPABASE_TYPE).upper() != _SUPABASE_TYPE:
            return Rejection(ReasonCode.WRONG_TYPE, rejection.MALFORMED)
        if self.resource.supabase_tokens is SupabaseTokens.NEVER:
            return session_token.NOT_ACCEPTED
        try:
            key = await sessions.keys.key_of(unverified)
        except JWKSUnavailable:
            provable = False  # SEED-4: Supabase itself is asked, about nothing that the token's own claims condemn
        else:
            provable = True
            forged = bearer.check_signature(unverified, key)
            if forged is not None:
                return forged
        untimely = bearer.check_times(unverified, now.timestamp())
        if untimely is not None:
            return untimely
        session = session_token.check(unverified.claims, self.resource)
        if isinstance(session, Rejection):
            return session
        expires_at = instant(session.expires_at)
        if not provable:
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
        """Is the token still good, and may its person still use the resource? (D-6, D-13)"""
        outcome = await self._judge(principal)
        return outcome.with_grant_id(principal.grant_id) if isinstance(outcome, Rejection) else outcome

    async def _judge(self, principal: Principal) -> Principal | Rejection:
        if self._revocations.is_revoked(principal):
            return _REVOKED
        if principal.is_machine:
            admitted = self.resource.admits_machines
            return principal if admitted else Rejection(ReasonCode.MACHINE_NOT_ADMITTED, rejection.PEOPLE_ONLY)
        standing = await self._access_statuses.get(principal.subject)
        # To look where somebody stands may be to find out that they have signed out everywhere.
        if self._revocations.is_revoked(principal):
            return _REVOKED
        if not standing.active:
            return Rejection(ReasonCode.USER_INACTIVE, rejection.NOT_PERMITTED)
        if not self.resource.admits(standing.role):
            return Rejection(ReasonCode.ROLE_REQUIRED, rejection.NOT_PERMITTED)
        if not self.resource.is_assured(principal.acr, has_factor=standing.has_factor):
            return rejection.SECOND_FACTOR
        return principal if standing.role is principal.role else replace(principal, role=standing.role)


def fastmcp_token(token: str, principal: Principal, issuer: str) -> FastMCPAccessToken:
    """A principal in FastMCP's words. issuer: ours."""
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
    """The caller of a first party token; the role is looked up where there are people."""
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
    """Supabase knows no scopes of ours: a session gets what a client gets that asks for nothing."""
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
