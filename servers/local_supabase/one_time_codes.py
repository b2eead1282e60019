"""/otp, /verify, /recover and /resend: codes and links. Nothing is sent; the outbox keeps what would have been."""

import hmac
import secrets
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, RedirectResponse, Response

from servers.local_supabase import accounts, sessions
from servers.local_supabase.accounts import check_email, check_phone, plain_phone
from servers.local_supabase.context import Call, Context, new_id, new_token
from servers.local_supabase.errors import CAPTCHA_FAILED, Refusal, validation_failed
from servers.local_supabase.social import allowed_redirect, answer_at, fragment_of
from servers.local_supabase.tables import flow_states, one_time_codes, users

_LIFETIME_SECONDS = 3600
_EXPIRED = Refusal(403, "otp_expired", "Token has expired or is invalid")


async def send_code(call: Call) -> Response | Refusal:
    """POST /otp: a code to an email or phone; `create_user` makes an account where there is none."""
    if call.lacks_captcha():
        return CAPTCHA_FAILED
    recipient = _recipient(call)
    if isinstance(recipient, Refusal):
        return recipient
    data = call.object("data")
    if isinstance(data, Refusal):
        return data
    email, phone = recipient
    context = call.context
    async with context.transaction() as connection:
        user = await accounts.by_identifier(connection, email, phone)
        if user is None:
            if call.body.get("create_user", True) is not True or "sign_up" in context.switched_off:
                return Refusal(422, "otp_disabled", "Signups not allowed for otp")
            await accounts.create(
                connection,
                context,
                email=email,
                phone=phone,
                confirmed=False,
                provider="email" if email is not None else "phone",
                user_metadata=data,
            )
        await _keep(connection, call, email, phone, "magiclink" if email is not None else "sms")
    return JSONResponse({} if email is not None else {"message_id": new_id()})


async def recover(call: Call) -> Response | Refusal:
    """POST /recover and /resend: the answer does not say whether there is such an account."""
    recipient = _recipient(call)
    if isinstance(recipient, Refusal):
        return recipient
    email, phone = recipient
    async with call.context.transaction() as connection:
        if await accounts.by_identifier(connection, email, phone) is not None:
            await _keep(connection, call, email, phone, "recovery" if email is not None else "sms")
    return JSONResponse({})


async def verify(call: Call) -> Response | Refusal:
    """POST /verify: a code, or the hash out of a link, becomes a session."""
    code, link_token = call.text("token"), call.text("token_hash")
    if isinstance(link_token, str):
        condition = one_time_codes.c.link_token == link_token
    else:
        recipient = _recipient(call)
        if isinstance(recipient, Refusal):
            return recipient
        if not isinstance(code, str):
            return validation_failed("Verify requires a token or a token hash")
        condition = one_time_codes.c.recipient == _key(*recipient)
    if not isinstance(call.body.get("type"), str):
        return validation_failed("Verify requires a verification type")
    context = call.context
    async with context.transaction() as connection:
        row = await _take(connection, context, condition, code if isinstance(code, str) else None)
        if isinstance(row, Refusal):
            return row
        user = await _confirmed(connection, context, row)
        if user is None:
            return _EXPIRED
        return sessions.session_response(await sessions.begin(connection, context, user, "otp"))


async def follow_link(call: Call) -> Response | Refusal:
    """GET /verify?token=&type=&redirect_to=: what the link in a mail points to."""
    context, query = call.context, call.request.query_params
    redirect_to = allowed_redirect(query.get("redirect_to"), context)
    async with context.transaction() as connection:
        row = await _take(connection, context, one_time_codes.c.link_token == query.get("token", ""), None)
        user = None if isinstance(row, Refusal) else await _confirmed(connection, context, row)
        if isinstance(row, Refusal) or user is None:
            fault = {"error": "access_denied", "error_code": _EXPIRED.code, "error_description": _EXPIRED.message}
            return RedirectResponse(answer_at(redirect_to, query=fault, fragment={**fault, "sb": ""}), 303)
        if row["code_challenge"] is not None:
            auth_code = new_id()
            await connection.execute(
                insert(flow_states).values(
                    id=new_id(),
                    redirect_to=redirect_to,
                    code_challenge=row["code_challenge"],
                    auth_code=auth_code,
                    user_id=user["id"],
                    method="magiclink",
                    expires_at=context.later(minutes=5),
                )
            )
            return RedirectResponse(answer_at(redirect_to, query={"code": auth_code}, fragment={}), 303)
        session = await sessions.begin(connection, context, user, "otp")
    if isinstance(session, Refusal):
        return session
    given = fragment_of(session, type=query.get("type", "magiclink"))
    return RedirectResponse(answer_at(redirect_to, fragment=given), 303)


def _recipient(call: Call) -> tuple[str | None, str | None] | Refusal:
    texts = call.texts("email", "phone")
    if isinstance(texts, Refusal):
        return texts
    email, phone = texts
    if (email is None) == (phone is None):
        return validation_failed("One of email or phone must be set")
    refused = check_email(email) if email is not None else check_phone(phone or "")
    return refused or (email, phone)


def _key(email: str | None, phone: str | None) -> str:
    return email.lower() if email is not None else plain_phone(phone or "")


async def _keep(connection: AsyncConnection, call: Call, email: str | None, phone: str | None, kind: str) -> None:
    context, recipient = call.context, _key(email, phone)
    code, link_token = f"{secrets.randbelow(1_000_000):06d}", new_token(56)
    challenge = call.text("code_challenge")
    await connection.execute(delete(one_time_codes).where(one_time_codes.c.recipient == recipient))
    await connection.execute(
        insert(one_time_codes).values(
            recipient=recipient,
            kind=kind,
            code=code,
            link_token=link_token,
            code_challenge=challenge if isinstance(challenge, str) else None,
            expires_at=context.later(seconds=_LIFETIME_SECONDS),
        )
    )
    redirect_to = call.request.query_params.get("redirect_to", context.site_url)
    query = urlencode({"token": link_token, "type": kind, "redirect_to": redirect_to})
    message = {"type": kind, "code": code}
    if email is not None:
        message |= {"token_hash": link_token, "link": f"{context.issuer}/verify?{query}"}
    context.messages[recipient] = message


async def _take(connection: AsyncConnection, context: Context, condition: ColumnElement[bool], code: str | None) -> Any:  # noqa: ANN401 - a row, or a Refusal
    found = await connection.execute(select(one_time_codes).where(condition))
    row = found.mappings().first()
    if row is None or row["expires_at"] < context.now():
        return _EXPIRED
    if code is not None and not hmac.compare_digest(code.encode(), row["code"].encode()):
        return _EXPIRED
    await connection.execute(delete(one_time_codes).where(one_time_codes.c.recipient == row["recipient"]))
    return row


async def _confirmed(connection: AsyncConnection, context: Context, row: Any) -> accounts.Row | None:  # noqa: ANN401
    column = users.c.phone if row["kind"] == "sms" else users.c.email
    user = await accounts.find(connection, column == row["recipient"])
    if user is None or user[f"{column.name}_confirmed_at"] is not None:
        return user
    return await accounts.change(connection, context, user["id"], **{f"{column.name}_confirmed_at": context.now()})
