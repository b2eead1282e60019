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
    texts, data = call.texts("email", "phone", "password"), call.object("data")
    if isinstance(texts, Refusal):
        return texts
    if isinstance(data, Refusal):
        return data
    email, phone, password = texts
    if password is None:
        return validation_failed("Signup requires a valid password")
    if (email is None) == (phone is None):
        return validation_failed("To signup, please provide your email or phone number")
    refused = check_password(password) or (check_email(email) if email is not None else check_phone(phone or ""))
    if refused is not None:
        return refused
    context = call.context
    password_hash = await hash_password(password, context.password_cost)
    async with context.transaction() as connection:
        if await accounts.by_identifier(connection, email, phone) is not None:
            return Refusal(422, "user_already_exists", "User already registered")
        user = await accounts.create(
            connection,
            context,
            email=email,
            phone=phone,
            password_hash=password_hash,
            provider="email" if email is not None else "phone",
            user_metadata=data,
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
    texts, data = call.texts("email", "phone", "password"), call.object("data")
    if isinstance(texts, Refusal):
        return texts
    if isinstance(data, Refusal):
        return data
    email, phone, password = texts
    refused = (
        (check_email(email) if email is not None else None)
        or (check_phone(phone) if phone is not None else None)
        or (check_password(password) if password is not None else None)
    )
    if refused is not None:
        return refused
    context = call.context
    changes: dict[str, Any] = {}
    if password is not None:
        changes["password_hash"] = await hash_password(password, context.password_cost)
    async with context.transaction() as connection:
        user = await sessions.caller(connection, context, call.claims)
        if isinstance(user, Refusal):
            return user
        for name, value in (("email", email), ("phone", phone)):
            if value is not None:
                plain = value.lower() if name == "email" else plain_phone(value)
                owner = await accounts.find(connection, users.c[name] == plain)
                if owner is not None and owner["id"] != user["id"]:
                    return Refusal(422, f"{name}_exists", f"A user with this {name} has already been registered")
                changes |= {name: plain, f"{name}_confirmed_at": context.now()}
        if data is not None:
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
