"""Sign people in with Supabase, by the methods that the project has enabled (D-11)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import structlog

from mcp_auth.rejection import Rejection
from mcp_auth.supabase import identity, recipient, session_token
from mcp_auth.supabase.client import Answer, SupabaseClient
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.supabase.jwks import JWKSUnavailable, SupabaseKeys
from mcp_auth.supabase.liveness import Liveness
from mcp_auth.supabase.project import Project
from mcp_auth.supabase.session_token import SESSION_AUDIENCE, SessionToken
from mcp_auth.tokens import bearer
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.users.store import UserStore
from oauth.foundation.clock import Clock
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import AAL2, Subject
from oauth.jose.jws import instant
from oauth.protocol.resource_owners import (
    AccessStatus,
    Channel,
    FirstFactor,
    Outcome,
    ProviderReturn,
    Recipient,
    ResourceOwner,
    SignInMethods,
    SignInRefusal,
)

log = structlog.get_logger()

_TOO_MANY = 429
_REFUSALS = {
    "invalid_credentials": SignInRefusal.WRONG_CREDENTIALS,
    "user_not_found": SignInRefusal.WRONG_CREDENTIALS,
    "validation_failed": SignInRefusal.WRONG_CREDENTIALS,
    "email_address_invalid": SignInRefusal.NOT_AN_IDENTIFIER,
    "otp_expired": SignInRefusal.WRONG_CODE,
    "mfa_verification_failed": SignInRefusal.WRONG_CODE,
    "mfa_verification_rejected": SignInRefusal.WRONG_CODE,
    "mfa_challenge_expired": SignInRefusal.SIGN_IN_LAPSED,
    "mfa_factor_not_found": SignInRefusal.SIGN_IN_LAPSED,
    "bad_jwt": SignInRefusal.SIGN_IN_LAPSED,
    "session_not_found": SignInRefusal.SIGN_IN_LAPSED,
    "session_expired": SignInRefusal.SIGN_IN_LAPSED,
    "flow_state_not_found": SignInRefusal.SIGN_IN_LAPSED,
    "flow_state_expired": SignInRefusal.SIGN_IN_LAPSED,
    "bad_code_verifier": SignInRefusal.SIGN_IN_LAPSED,
    "sso_provider_not_found": SignInRefusal.NO_SUCH_DOMAIN,
    "sso_domain_already_exists": SignInRefusal.NO_SUCH_DOMAIN,
    "email_not_confirmed": SignInRefusal.EMAIL_NOT_CONFIRMED,
    "phone_not_confirmed": SignInRefusal.EMAIL_NOT_CONFIRMED,
    "user_banned": SignInRefusal.ACCOUNT_BLOCKED,
    "user_sso_managed": SignInRefusal.METHOD_DISABLED,
    "email_provider_disabled": SignInRefusal.METHOD_DISABLED,
    "phone_provider_disabled": SignInRefusal.METHOD_DISABLED,
    "provider_disabled": SignInRefusal.METHOD_DISABLED,
    "saml_provider_disabled": SignInRefusal.METHOD_DISABLED,
    "captcha_failed": SignInRefusal.CAPTCHA_FAILED,
    "over_request_rate_limit": SignInRefusal.TOO_MANY_ATTEMPTS,
    "over_email_send_rate_limit": SignInRefusal.TOO_MANY_ATTEMPTS,
    "over_sms_send_rate_limit": SignInRefusal.TOO_MANY_ATTEMPTS,
}
# Supabase gives these errors only for accounts that exist, or only for those that do not. The sign-in page treats them
# as success ("if there is such an account, a code is on its way"), so that the answer reveals no accounts.
_HIDDEN_ERRORS = frozenset(
    {"otp_disabled", "signup_disabled", "user_banned", "over_email_send_rate_limit", "over_sms_send_rate_limit"}
)
_FIELD = {Channel.EMAIL: "email", Channel.PHONE: "phone"}
_VERIFY_TYPE = {Channel.EMAIL: "email", Channel.PHONE: "sms"}


class SupabaseResourceOwners:
    """ResourceOwners over Supabase Auth.

    region: whose phone numbers need no country code.
    answer_time: the constant response time of `send_code`; zero for none."""

    def __init__(
        self,
        client: SupabaseClient,
        keys: SupabaseKeys,
        introspection: Introspection,
        users: UserStore,
        access_statuses: AccessStatuses,
        liveness: Liveness,
        clock: Clock,
        *,
        region: str,
        answer_time: timedelta,
    ) -> None:
        self._client = client
        self._keys = keys
        self._introspection = introspection
        self._users = users
        self._access_statuses = access_statuses
        self._liveness = liveness
        self._clock = clock
        self._region = region
        self._answer_time = answer_time.total_seconds()
        self._sending: set[asyncio.Task[SignInRefusal | None]] = set()
        self._project = Project(client, clock)

    async def methods(self) -> SignInMethods:
        """See ResourceOwners."""
        return await self._project.methods()

    def recipient(self, identifier: str) -> Recipient | None:
        """See ResourceOwners."""
        return recipient.parse(identifier, self._region)

    async def sign_in_with_password(self, recipient: Recipient, password: str, captcha_token: str | None) -> Outcome:
        """See ResourceOwners. The answer counts only if its access token passes our checks."""
        body = {_FIELD[recipient.channel]: recipient.address, "password": password, **_captcha_fields(captcha_token)}
        return await self._request_session("/token", body, {"grant_type": "password"})

    async def send_code(
        self, recipient: Recipient, back: ProviderReturn, captcha_token: str | None
    ) -> SignInRefusal | None:
        """See ResourceOwners. Answers after `answer_time`, so that timing reveals no accounts. A slower request
        continues in the background and counts as success."""
        task = asyncio.create_task(self._send_code(recipient, back, captcha_token))
        self._sending.add(task)
        task.add_done_callback(self._finish_sending)
        if not self._answer_time:
            return await task
        await asyncio.sleep(self._answer_time)
        return task.result() if task.done() else None

    def _finish_sending(self, task: "asyncio.Task[SignInRefusal | None]") -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("code_not_sent", cause=str(task.exception()))

    async def _send_code(
        self, recipient: Recipient, back: ProviderReturn, captcha_token: str | None
    ) -> SignInRefusal | None:
        body = {
            _FIELD[recipient.channel]: recipient.address,
            "create_user": await self._project.allows_sign_ups(),
            "data": {},
            **_captcha_fields(captcha_token),
            **({"channel": "sms"} if recipient.channel is Channel.PHONE else _challenge_fields(back)),
        }
        answer = await self._client.request("POST", "/otp", query={"redirect_to": back.redirect_uri}, json=body)
        if answer.is_ok or answer.error_code in _HIDDEN_ERRORS:
            return None
        return _to_refusal("/otp", answer)

    async def sign_in_with_code(self, recipient: Recipient, code: str) -> Outcome:
        """See ResourceOwners."""
        body = {_FIELD[recipient.channel]: recipient.address, "token": code, "type": _VERIFY_TYPE[recipient.channel]}
        outcome = await self._request_session("/verify", body)
        return SignInRefusal.WRONG_CODE if outcome is SignInRefusal.WRONG_CREDENTIALS else outcome

    def provider_url(self, provider_id: str, back: ProviderReturn) -> str:
        """See ResourceOwners."""
        query = {"provider": provider_id, "redirect_to": back.redirect_uri, **_challenge_fields(back)}
        return f"{self._client.issuer}/authorize?{urlencode(query)}"

    async def sso_url(self, domain: str, back: ProviderReturn) -> str | SignInRefusal:
        """See ResourceOwners."""
        body = {
            "domain": domain,
            "redirect_to": back.redirect_uri,
            "skip_http_redirect": True,
            **_challenge_fields(back),
        }
        answer = await self._client.request("POST", "/sso", json=body)
        if not answer.is_ok:
            return _to_refusal("/sso", answer)
        url = answer.body.get("url")
        # Ours: the browser is sent only to https, or to the project itself, which may be http in development.
        project_url = f"{self._client.issuer.removesuffix('/auth/v1')}/"
        if not isinstance(url, str) or not url.startswith(("https://", project_url)):
            raise ProviderUnavailable("/sso: no https address")
        return url

    async def sign_in_with_return(self, code: str, code_verifier: str) -> Outcome:
        """See ResourceOwners."""
        body = {"auth_code": code, "code_verifier": code_verifier}
        outcome = await self._request_session("/token", body, {"grant_type": "pkce"})
        return SignInRefusal.SIGN_IN_LAPSED if outcome is SignInRefusal.WRONG_CREDENTIALS else outcome

    async def challenge(self, proof: str, factor_id: str) -> str | SignInRefusal:
        """See ResourceOwners."""
        path = f"/factors/{quote(factor_id, safe='')}/challenge"
        answer = await self._client.request("POST", path, json={"channel": "sms"}, bearer=proof)
        if not answer.is_ok:
            return _to_refusal("/factors/challenge", answer)
        challenge_id = answer.body.get("id")
        if not isinstance(challenge_id, str):
            raise ProviderUnavailable("/factors/challenge: no id")
        return challenge_id

    async def sign_in_with_factor(self, proof: str, factor_id: str, challenge_id: str, code: str) -> Outcome:
        """See ResourceOwners."""
        path = f"/factors/{quote(factor_id, safe='')}/verify"
        outcome = await self._request_session(path, {"challenge_id": challenge_id, "code": code}, bearer=proof)
        return SignInRefusal.WRONG_CODE if outcome is SignInRefusal.WRONG_CREDENTIALS else outcome

    async def standing(self, subject: Subject) -> AccessStatus:
        """See ResourceOwners. Confirms the state with Supabase, since the caller grants lasting access (D-14)."""
        is_confirmed = await self._liveness.confirm(subject)
        status = await self._access_statuses.get(subject)
        return status if is_confirmed else replace(status, active=False)

    async def _request_session(
        self,
        path: str,
        body: Mapping[str, object],
        query: Mapping[str, str] | None = None,
        bearer: str | None = None,
    ) -> Outcome:
        """Request a session. → the person, the second factors that are still required, or a refusal. Raises Outage."""
        answer = await self._client.request("POST", path, query=query, json=body, bearer=bearer)
        if not answer.is_ok:
            return _to_refusal(path.split("/")[1], answer)
        token, user = answer.body.get("access_token"), answer.body.get("user")
        if not isinstance(token, str) or not isinstance(user, dict):
            raise ProviderUnavailable("a session without token or user")
        person = identity.parse(user)
        if person is None:
            raise ProviderUnavailable("a user without id")
        session = await self._check_token(token, person.supabase_id)
        if isinstance(session, Rejection) or session.subject != person.supabase_id:
            log.warning("sign_in_token_refused", reason=session.reason if isinstance(session, Rejection) else "subject")
            return SignInRefusal.ACCOUNT_BLOCKED
        factors = identity.verified_factors(user)
        if factors and session.acr != AAL2:
            return FirstFactor(person.supabase_id, token, factors)
        local = await self._users.get_or_create(person, self._clock())
        if not local.is_active:
            return SignInRefusal.ACCOUNT_BLOCKED
        account = local.email or local.phone or str(user.get("email") or user.get("phone") or person.supabase_id)
        return ResourceOwner(
            person.supabase_id,
            account,
            instant(session.issued_at),
            session.acr,
            identity.external_identities(user),
            self._liveness.record_sign_in(person.supabase_id, answer.body),
        )

    async def _check_token(self, token: str, subject: Subject) -> SessionToken | Rejection:
        """→ the claims of the session's access token, or why it is refused. Raises Outage."""
        unverified = bearer.read(token)
        if isinstance(unverified, Rejection):
            return unverified
        if unverified.claims.get("iss") != self._client.issuer or unverified.claims.get("aud") != SESSION_AUDIENCE:
            return Rejection(ReasonCode.SUPABASE_ISSUER_OR_AUDIENCE, "The provider's token is for another audience.")
        bad_times = bearer.check_times(unverified, self._clock().timestamp())
        if bad_times is not None:
            return bad_times
        session = session_token.check_person(unverified.claims)
        if isinstance(session, Rejection):
            return session
        try:
            bad_signature = bearer.check_signature(unverified, await self._keys.key_of(unverified))
        except JWKSUnavailable:
            # Without the key, Supabase decides whether the token is valid.
            confirmed = await self._introspection.confirm(token, subject, instant(session.expires_at))
            return confirmed if isinstance(confirmed, Rejection) else session
        return bad_signature or session


def _to_refusal(path: str, answer: Answer) -> SignInRefusal:
    """→ why the person is not signed in. Raises ProviderUnavailable for an error that the person did not cause."""
    refusal = _REFUSALS.get(answer.error_code)
    if refusal is not None:
        return refusal
    if answer.status == _TOO_MANY:
        return SignInRefusal.TOO_MANY_ATTEMPTS
    raise answer.to_outage(path)


def _challenge_fields(back: ProviderReturn) -> dict[str, str]:
    return {"code_challenge": back.code_challenge, "code_challenge_method": "s256"}


def _captcha_fields(token: str | None) -> dict[str, object]:
    return {} if token is None else {"gotrue_meta_security": {"captcha_token": token}}
