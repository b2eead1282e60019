"""Second factors: authenticator apps (TOTP, RFC 6238) and telephones. Enrol, challenge, verify."""

import base64
import hmac
import secrets
import struct
from urllib.parse import quote

from sqlalchemy import delete, insert, select, update
from starlette.responses import JSONResponse, Response

from servers.local_supabase import sessions
from servers.local_supabase.accounts import check_phone, plain_phone
from servers.local_supabase.context import Call, new_id
from servers.local_supabase.errors import Refusal, validation_failed
from servers.local_supabase.tables import challenges, factors

_STEP_SECONDS = 30
_NOT_FOUND = Refusal(404, "mfa_factor_not_found", "Factor not found")


def totp(secret: str, now: float) -> str:
    """The six digits of a moment. secret: base32."""
    counter = struct.pack(">Q", int(now) // _STEP_SECONDS)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


async def enroll(call: Call) -> Response | Refusal:
    """POST /factors: a new factor, unverified until its first code."""
    kind = call.body.get("factor_type")
    if kind not in ("totp", "phone"):  # a tuple: it may be a list
        return validation_failed("factor_type needs to be totp or phone")
    texts = call.texts("friendly_name", "phone")
    if isinstance(texts, Refusal):
        return texts
    name, phone = texts
    refused = check_phone(phone or "") if kind == "phone" else None
    if refused is not None:
        return refused
    secret = base64.b32encode(secrets.token_bytes(20)).decode() if kind == "totp" else None
    factor_id = new_id()
    async with call.context.transaction() as connection:
        user = await sessions.caller(connection, call.context, call.claims)
        if isinstance(user, Refusal):
            return user
        await connection.execute(
            insert(factors).values(
                id=factor_id,
                user_id=user["id"],
                friendly_name=name,
                secret=secret,
                phone=plain_phone(phone or "") if kind == "phone" else None,
                status="unverified",
                created_at=call.context.now(),
            )
        )
    factor = {"id": factor_id, "type": kind, "friendly_name": name}
    if secret is None:
        return JSONResponse({**factor, "phone": phone})
    uri = f"otpauth://totp/local:{quote(user['email'] or user['id'])}?secret={secret}&issuer=local"
    picture = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    return JSONResponse({**factor, "totp": {"qr_code": picture, "secret": secret, "uri": uri}})


async def challenge(call: Call) -> Response | Refusal:
    """POST /factors/{id}/challenge"""
    async with call.context.transaction() as connection:
        user = await sessions.caller(connection, call.context, call.claims)
        if isinstance(user, Refusal):
            return user
        own = await connection.execute(
            select(factors).where(
                factors.c.id == call.request.path_params["factor_id"], factors.c.user_id == user["id"]
            )
        )
        factor = own.mappings().first()
        if factor is None:
            return _NOT_FOUND
        challenge_id, code = new_id(), None
        if factor["phone"] is not None:
            code = f"{secrets.randbelow(1_000_000):06d}"
            call.context.messages[factor["phone"]] = {"type": "mfa", "code": code}
        await connection.execute(
            insert(challenges).values(
                id=challenge_id, factor_id=factor["id"], code=code, expires_at=call.context.later(minutes=5)
            )
        )
    expires_at = int(call.context.clock().timestamp()) + 300
    kind = "totp" if factor["phone"] is None else "phone"
    return JSONResponse({"id": challenge_id, "type": kind, "expires_at": expires_at})


async def verify(call: Call) -> Response | Refusal:
    """POST /factors/{id}/verify with challenge_id and code → a session at aal2."""
    challenge_id, code = call.text("challenge_id"), call.text("code")
    if not isinstance(challenge_id, str) or not isinstance(code, str):
        return validation_failed("challenge_id and code are required")
    context = call.context
    now = context.clock().timestamp()
    async with context.transaction() as connection:
        user = await sessions.caller(connection, context, call.claims)
        if isinstance(user, Refusal):
            return user
        found = await connection.execute(
            select(factors, challenges.c.code.label("sent"))
            .join(challenges, challenges.c.factor_id == factors.c.id)
            .where(
                challenges.c.id == challenge_id,
                challenges.c.expires_at > context.now(),
                factors.c.id == call.request.path_params["factor_id"],
                factors.c.user_id == user["id"],
            )
        )
        factor = found.mappings().first()
        if factor is None:
            return _NOT_FOUND
        if factor["secret"] is None:
            valid = {factor["sent"]}
        else:
            valid = {totp(factor["secret"], now + step * _STEP_SECONDS) for step in (-1, 0, 1)}
        if code not in valid:
            return Refusal(422, "mfa_verification_failed", "Invalid code entered")
        await connection.execute(delete(challenges).where(challenges.c.id == challenge_id))
        await connection.execute(update(factors).where(factors.c.id == factor["id"]).values(status="verified"))
        method = "totp" if factor["secret"] is not None else "mfa/phone"
        session = await sessions.raise_level(connection, context, str(call.claims["session_id"]), method)
        return sessions.session_response(session)


async def unenroll(call: Call) -> Response | Refusal:
    """DELETE /factors/{id}"""
    factor_id = call.request.path_params["factor_id"]
    async with call.context.transaction() as connection:
        user = await sessions.caller(connection, call.context, call.claims)
        if isinstance(user, Refusal):
            return user
        gone = await connection.execute(
            delete(factors).where(factors.c.id == factor_id, factors.c.user_id == user["id"])
        )
    return JSONResponse({"id": factor_id}) if gone.rowcount else _NOT_FOUND
