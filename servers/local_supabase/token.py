"""POST /token: password, refresh_token, pkce."""

import base64
import hashlib
import hmac

from sqlalchemy import delete, select
from starlette.responses import Response

from servers.local_supabase import accounts, sessions
from servers.local_supabase.context import Call
from servers.local_supabase.errors import CAPTCHA_FAILED, INVALID_CREDENTIALS, Refusal, validation_failed
from servers.local_supabase.passwords import password_matches
from servers.local_supabase.social import PROVIDER, PROVIDER_TOKEN
from servers.local_supabase.tables import flow_states, users


async def token(call: Call) -> Response | Refusal:
    """By `grant_type` in the query."""
    match call.request.query_params.get("grant_type"):
        case "password":
            return await _password(call)
        case "refresh_token":
            return await _refresh(call)
        case "pkce":
            return await _pkce(call)
        case _:
            return Refusal(400, "invalid_credentials", "unsupported_grant_type")


async def _password(call: Call) -> Response | Refusal:
    if call.lacks_captcha():
        return CAPTCHA_FAILED
    texts = call.texts("email", "phone", "password")
    if isinstance(texts, Refusal):
        return texts
    email, phone, password = texts
    if (email is None) == (phone is None):
        return validation_failed("Only an email address or phone number should be provided on login.")
    context = call.context
    async with context.transaction() as connection:
        user = await accounts.by_identifier(connection, email, phone)
    stored = user["password_hash"] if user is not None else None
    # An unknown account costs as much time as a wrong password.
    matches = await password_matches(password or "", stored or _NOBODY)
    if user is None or stored is None or not matches:
        return INVALID_CREDENTIALS
    if email is not None and user["email_confirmed_at"] is None:
        return Refusal(400, "email_not_confirmed", "Email not confirmed")
    if phone is not None and user["phone_confirmed_at"] is None:
        return Refusal(400, "phone_not_confirmed", "Phone not confirmed")
    async with context.transaction() as connection:
        return sessions.session_response(await sessions.begin(connection, context, user, "password"))


async def _refresh(call: Call) -> Response | Refusal:
    refresh_token = call.text("refresh_token")
    if isinstance(refresh_token, Refusal):
        return refresh_token
    if refresh_token is None:
        return validation_failed("refresh_token is required")
    async with call.context.transaction() as connection:
        return sessions.session_response(await sessions.refresh(connection, call.context, refresh_token))


async def _pkce(call: Call) -> Response | Refusal:
    auth_code, verifier = call.text("auth_code"), call.text("code_verifier")
    if not isinstance(auth_code, str) or not isinstance(verifier, str):
        return validation_failed("invalid request: both auth code and code verifier should be non-empty")
    context = call.context
    async with context.transaction() as connection:
        found = await connection.execute(select(flow_states).where(flow_states.c.auth_code == auth_code))
        flow = found.mappings().first()
        if flow is None:
            return Refusal(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
        if flow["expires_at"] < context.now():
            return Refusal(422, "flow_state_expired", "invalid flow state, flow state has expired")
        if not hmac.compare_digest(s256(verifier).encode(), (flow["code_challenge"] or "").encode()):
            return Refusal(400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
        await connection.execute(delete(flow_states).where(flow_states.c.id == flow["id"]))
        user = await accounts.find(connection, users.c.id == flow["user_id"])
        if user is None:
            return Refusal(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
        if flow["method"] != "oauth":
            return sessions.session_response(await sessions.begin(connection, context, user, flow["method"]))
        session = await sessions.begin(connection, context, user, "oauth", PROVIDER)
        return sessions.session_response(session, provider_token=PROVIDER_TOKEN)


def s256(verifier: str) -> str:
    """RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


_NOBODY = "4$AAAAAAAAAAAAAAAAAAAAAA==$" + base64.b64encode(bytes(64)).decode()
