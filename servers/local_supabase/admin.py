"""/admin/users: for whoever holds the secret key."""

import re
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from servers.local_supabase import accounts
from servers.local_supabase.accounts import Row, check_email, check_password, check_phone, plain_phone
from servers.local_supabase.context import Call, Context, to_text
from servers.local_supabase.errors import USER_NOT_FOUND, Refusal, validation_failed
from servers.local_supabase.passwords import hash_password
from servers.local_supabase.tables import factors, sessions, users

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_MOST = 1000
_LAST_PAGE = 1_000_000


async def list_users(call: Call) -> Response | Refusal:
    """GET /admin/users?page=&per_page="""
    query = call.request.query_params
    try:
        page = min(_LAST_PAGE, max(1, int(query.get("page") or 1)))
        per_page = min(_MOST, max(1, int(query.get("per_page") or 50)))
    except ValueError:
        return validation_failed("Bad Pagination Parameters")
    async with call.context.transaction() as connection:
        total = (await connection.execute(select(func.count()).select_from(users))).scalar_one()
        found = await connection.execute(
            select(users).order_by(users.c.created_at, users.c.id).limit(per_page).offset((page - 1) * per_page)
        )
        listed = [await accounts.to_json(connection, dict(user)) for user in found.mappings()]
    last = max(1, -(-total // per_page))
    url = f"{call.context.issuer}/admin/users"
    links = [f'<{url}?page={last}&per_page={per_page}>; rel="last"']
    if page < last:
        links.insert(0, f'<{url}?page={page + 1}&per_page={per_page}>; rel="next"')
    headers = {"x-total-count": str(total), "link": ", ".join(links)}
    return JSONResponse({"users": listed, "aud": "authenticated"}, headers=headers)


async def create_user(call: Call) -> Response | Refusal:
    """POST /admin/users"""
    changes = await _changes(call, None)
    if isinstance(changes, Refusal):
        return changes
    if "email" not in changes and "phone" not in changes:
        return validation_failed("Cannot create a user without either an email or phone")
    context = call.context
    async with context.transaction() as connection:
        taken = await _taken(connection, changes, None)
        if taken is not None:
            return taken
        user = await accounts.create(
            connection,
            context,
            provider="email" if "email" in changes else "phone",
            email=changes.pop("email", None),
            phone=changes.pop("phone", None),
            confirmed=False,
            app_metadata=changes.pop("app_metadata", None),
            user_metadata=changes.pop("user_metadata", None),
        )
        user = await accounts.change(connection, context, user["id"], **changes)
        return JSONResponse(await accounts.to_json(connection, user))


async def read_user(call: Call) -> Response | Refusal:
    """GET /admin/users/{id}"""
    user = await _named(call)
    if isinstance(user, Refusal):
        return user
    async with call.context.transaction() as connection:
        return JSONResponse(await accounts.to_json(connection, user))


async def update_user(call: Call) -> Response | Refusal:
    """PUT /admin/users/{id}"""
    user = await _named(call)
    if isinstance(user, Refusal):
        return user
    changes = await _changes(call, user)
    if isinstance(changes, Refusal):
        return changes
    async with call.context.transaction() as connection:
        taken = await _taken(connection, changes, user["id"])
        if taken is not None:
            return taken
        changed = await accounts.change(connection, call.context, user["id"], **changes)
        return JSONResponse(await accounts.to_json(connection, changed))


async def delete_user(call: Call) -> Response | Refusal:
    """DELETE /admin/users/{id}: the row with all that hangs on it, or softly, what is personal in it."""
    user = await _named(call)
    if isinstance(user, Refusal):
        return user
    context = call.context
    async with context.transaction() as connection:
        if call.body.get("should_soft_delete") is True:
            await connection.execute(delete(sessions).where(sessions.c.user_id == user["id"]))
            await connection.execute(delete(factors).where(factors.c.user_id == user["id"]))
            await accounts.change(
                connection,
                context,
                user["id"],
                email=None,
                phone=None,
                password_hash=None,
                app_metadata={},
                user_metadata={},
                deleted_at=context.now(),
            )
        else:
            await connection.execute(delete(users).where(users.c.id == user["id"]))
    return JSONResponse({})


async def _named(call: Call) -> Row | Refusal:
    user_id = call.request.path_params["user_id"]
    try:
        uuid.UUID(user_id)
    except ValueError:
        return Refusal(404, "validation_failed", "user_id must be an UUID")
    async with call.context.transaction() as connection:
        found = await connection.execute(select(users).where(users.c.id == user_id))
        row = found.mappings().first()
    return USER_NOT_FOUND if row is None else dict(row)


async def _taken(connection: AsyncConnection, changes: dict[str, Any], own_id: str | None) -> Refusal | None:
    for name in ("email", "phone"):
        if changes.get(name) is None:
            continue
        found = await connection.execute(select(users.c.id).where(users.c[name] == changes[name]))
        owner = found.scalar_one_or_none()
        if owner is not None and owner != own_id:
            return Refusal(422, f"{name}_exists", f"A user with this {name} has already been registered")
    return None


async def _changes(call: Call, user: Row | None) -> dict[str, Any] | Refusal:
    """Columns, from the members of the body that are there."""
    context = call.context
    changes: dict[str, Any] = {}
    for name, check in (("email", check_email), ("phone", check_phone), ("password", check_password)):
        value = call.text(name)
        if isinstance(value, Refusal):
            return value
        if value is None:
            continue
        refused = check(value)
        if refused is not None:
            return refused
        if name == "password":
            changes["password_hash"] = await hash_password(value, context.password_cost)
        else:
            changes[name] = value.lower() if name == "email" else plain_phone(value)
    for name in ("email", "phone"):
        if call.body.get(f"{name}_confirm") is True:
            changes[f"{name}_confirmed_at"] = context.now()
    for name in ("app_metadata", "user_metadata"):
        given = call.object(name)
        if isinstance(given, Refusal):
            return given
        if given is not None:
            changes[name] = {**(user[name] if user is not None else {}), **given}
    ban = call.text("ban_duration")
    if isinstance(ban, Refusal):
        return ban
    if ban is not None:
        until = _banned_until(ban, context)
        if isinstance(until, Refusal):
            return until
        changes["banned_until"] = until
    return changes


def _banned_until(duration: str, context: Context) -> str | Refusal | None:
    """`24h`, `1h30m`, or `none` to lift a ban."""
    if duration == "none":
        return None
    parts = _DURATION.fullmatch(duration)
    if parts is None or not any(parts.groups()):
        return validation_failed("invalid format for ban duration")
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return to_text(context.clock() + timedelta(hours=hours, minutes=minutes, seconds=seconds))
