"""Supabase authenticates the human (D-11): the authorization server's ResourceOwners."""

from datetime import UTC, datetime

import structlog

from mcp_auth import bearer
from mcp_auth.rejection import Rejection
from mcp_auth.supabase import identity, session_token
from mcp_auth.supabase.client import Answer, SupabaseClient
from mcp_auth.supabase.jwks import SupabaseKeys
from mcp_auth.supabase.session_token import SESSION_AUDIENCE, SessionToken
from mcp_auth.users.standings import Standings
from mcp_auth.users.store import UserStore
from oauth.clock import Clock
from oauth.outages import ProviderUnavailable
from oauth.resource_owners import ResourceOwner, SignInRefusal, Standing
from oauth.vocabulary import Subject

log = structlog.get_logger()

_OK = 200
_TOO_MANY = 429
_REFUSALS = {
    "invalid_credentials": SignInRefusal.WRONG_CREDENTIALS,
    "user_not_found": SignInRefusal.WRONG_CREDENTIALS,
    "validation_failed": SignInRefusal.WRONG_CREDENTIALS,
    "email_not_confirmed": SignInRefusal.EMAIL_NOT_CONFIRMED,
    "user_banned": SignInRefusal.ACCOUNT_BLOCKED,
    "email_provider_disabled": SignInRefusal.METHOD_DISABLED,
    "captcha_failed": SignInRefusal.METHOD_DISABLED,
}


class SupabaseResourceOwners:
    """See ResourceOwners."""

    def __init__(
        self, client: SupabaseClient, keys: SupabaseKeys, users: UserStore, standings: Standings, clock: Clock
    ) -> None:
        self._client = client
        self._keys = keys
        self._users = users
        self._standings = standings
        self._clock = clock

    async def sign_in_with_password(self, email: str, password: str) -> ResourceOwner | SignInRefusal:
        """See ResourceOwners. What Supabase answers is believed once its token has passed our verifier."""
        answer = await self._client.request(
            "POST", "/token", query={"grant_type": "password"}, json={"email": email, "password": password}
        )
        if answer.status == _TOO_MANY:
            return SignInRefusal.TOO_MANY_ATTEMPTS
        if answer.status != _OK:
            return _refusal(answer)
        return await self._signed_in(answer)

    async def standing(self, subject: Subject) -> Standing:
        """See ResourceOwners."""
        return await self._standings.of(subject)

    async def _signed_in(self, answer: Answer) -> ResourceOwner | SignInRefusal:
        token, user = answer.body.get("access_token"), answer.body.get("user")
        if not isinstance(token, str) or not isinstance(user, dict):
            raise ProviderUnavailable("/token: a session without token or user")
        person = identity.of(user)
        if person is None:
            raise ProviderUnavailable("/token: a user without id")
        session = await self._check(token)
        if isinstance(session, Rejection) or session.subject != person.supabase_id:
            log.warning("sign_in_token_refused", reason=session.reason if isinstance(session, Rejection) else "subject")
            return SignInRefusal.ACCOUNT_BLOCKED
        local = await self._users.get_or_create(person, self._clock())
        if not local.is_active:
            return SignInRefusal.ACCOUNT_BLOCKED
        account = local.email or local.phone or str(user.get("email") or user.get("phone") or person.supabase_id)
        return ResourceOwner(person.supabase_id, account, datetime.fromtimestamp(session.issued_at, UTC), session.acr)

    async def _check(self, token: str) -> SessionToken | Rejection:
        unverified = bearer.read(token)
        if isinstance(unverified, Rejection):
            return unverified
        if unverified.claims.get("iss") != self._client.issuer or unverified.claims.get("aud") != SESSION_AUDIENCE:
            return Rejection("supabase_issuer_or_audience", "The provider's token is for somebody else.")
        forged = bearer.check_signature(unverified, await self._keys.verification_key(unverified.kid))
        if forged is not None:
            return forged
        untimely = bearer.check_times(unverified, self._clock().timestamp())
        return untimely or session_token.check_person(unverified.claims)


def _refusal(answer: Answer) -> SignInRefusal:
    refusal = _REFUSALS.get(answer.error_code)
    if refusal is None:
        # A wrong key or path of ours, for instance: not the person's fault, so not told as such.
        raise ProviderUnavailable(f"/token: status {answer.status}, code {answer.error_code[:64]!r}")
    return refusal
