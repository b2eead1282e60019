"""/signup, /user and /logout: what people do with their own account."""

from typing import Any

from starlette.responses import JSONResponse, Response

from servers.local_supabase import accounts, sessions
from servers.local_supabase.accounts import check_email, check_password, check_phone, plain_phone
from servers.local_supabase.context import Call
from servers.local_supabase.errors import SESSION_NOT_FOUND, Refusal, validation_failed
from servers.local_supabase.passwords import hash_password
from servers.local_supabase.tables import users


async def sign_up(call: Call) -> Response | Refusal:
    """A new account, confirmed at once, signed in."""
    email, phone, password = call.text("email"), call.text("phone"), call.text("password")
    data = call.object("data")
    for value in (email, phone, password, data):
        if isinstance(value, Refusal):
            return value
    if not isinstance(password, str):
        return validation_failed("Signup requires a valid password")
    if isinstance(email, str) == isinstance(phone, str):
        return validation_failed("To signup, please provide your email or phone number")
    refused = check_password(password) or (check_email(email) if isinstance(email, str) else check_phone(str(phone)))
    if refused is not None:
        return refused
    context = call.context
    password_hash = await hash_password(password, context.password_cost)
    async with context.transaction() as connection:
        if await accounts.by_identifier(connection, _text(email), _text(phone)) is not None:
            return Refusal(422, "user_already_exists", "User already registered")
        user = await accounts.create(
            connection,
            context,
            email=_text(email),
            phone=_text(phone),
            password_hash=password_hash,
            provider="email" if isinstance(email, str) else "phone",
            user_metadata=data if isinstance(data, dict) else None,
        )
        return sessions.session_response(await sessions.begin(connection, context, user, "password"))


async def read_user(call: Call) -> Response | Refusal:
    """GET /user: also tells whether the session still is one."""
    async with call.context.transaction() as connection:
        user = await sessions.caller(connection, call.context, call.claims)
        if isinstance(user, Refusal):
            return user
        return JSONResponse(await accounts.to_json(connection, user))


async def update_user(call: Call) -> Response | Refusal:
    """PUT /user: password, email, phone, data."""
    email, phone, password = call.text("email"), call.text("phone"), call.text("password")
    data = call.object("data")
    for value in (email, phone, password, data):
        if isinstance(value, Refusal):
            return value
    refused = (
        (check_email(email) if isinstance(email, str) else None)
        or (check_phone(phone) if isinstance(phone, str) else None)
        or (check_password(password) if isinstance(password, str) else None)
    )
    if refused is not None:
        return refused
    context = call.context
    changes: dict[str, Any] = {}
    if isinstance(password, str):
        changes["password_hash"] = await hash_password(password, context.password_cost)
    async with context.transaction() as connection:
        user = await sessions.caller(connection, context, call.claims)
        if isinstance(user, Refusal):
            return user
        for name, value in (("email", email), ("phone", phone)):
            if isinstance(value, str):
                plain = value.lower() if name == "email" else plain_phone(value)
                owner = await accounts.find(connection, users.c[name] == plain)
                if owner is not None and owner["id"] != user["id"]:
                    return Refusal(422, f"{name}_exists", f"A user with this {name} has already been registered")
                changes |= {name: plain, f"{name}_confirmed_at": context.now()}
        if isinstance(data, dict):
            changes["user_metadata"] = {**user["user_metadata"], **data}
        return JSONResponse(
            await accounts.to_json(connection, await accounts.change(connection, context, user["id"], **changes))
        )


async def log_out(call: Call) -> Response | Refusal:
    """POST /logout?scope=global|local|others: the session is gone, its JWT verifies until it expires."""
    scope = call.request.query_params.get("scope", "global")
    if scope not in {"global", "local", "others"}:
        return validation_failed(f"Unsupported logout scope {scope[:20]!r}")
    async with call.context.transaction() as connection:
        if not await sessions.exists(connection, str(call.claims.get("session_id"))):
            return SESSION_NOT_FOUND
        await sessions.end(connection, str(call.claims["sub"]), str(call.claims["session_id"]), scope)
    return Response(status_code=204)


def _text(value: str | Refusal | None) -> str | None:
    return value if isinstance(value, str) else None
