"""Sessions: access token, refresh token, and how the latter rotates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse

from servers.local_supabase import accounts
from servers.local_supabase.accounts import Row
from servers.local_supabase.context import Context, new_id, new_token
from servers.local_supabase.errors import SESSION_NOT_FOUND, USER_BANNED, Refusal
from servers.local_supabase.tables import refresh_tokens, sessions, users

LIFETIME_SECONDS = 3600

_NOT_FOUND = Refusal(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
_ALREADY_USED = Refusal(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")


@dataclass(frozen=True, slots=True)
class Session:
    """body: the session object that clients see."""

    id: str
    body: Mapping[str, Any]


async def begin(
    connection: AsyncConnection, context: Context, user: Row, method: str, provider: str | None = None
) -> Session | Refusal:
    """Sign somebody in."""
    if accounts.is_banned(user, context.now()):
        return USER_BANNED
    signed_in = await accounts.change(connection, context, user["id"], last_sign_in_at=context.now())
    entry = _method(method, context.clock(), provider)
    session = {
        "id": new_id(),
        "user_id": user["id"],
        "aal": "aal1",
        "amr": [entry],
        "created_at": context.now(),
    }
    await connection.execute(insert(sessions).values(session))
    return await _issue(connection, context, signed_in, session, await _add_token(connection, session["id"], None))


async def refresh(connection: AsyncConnection, context: Context, token: str) -> Session | Refusal:
    """Rotate. The parent of the active token gets the active one again; any older one ends the session."""
    found = await connection.execute(select(refresh_tokens).where(refresh_tokens.c.token == token))
    row = found.mappings().first()
    if row is None:
        return _NOT_FOUND
    session = await _read(connection, row["session_id"])
    user = await accounts.find(connection, users.c.id == session["user_id"])
    if user is None:
        return _NOT_FOUND
    if accounts.is_banned(user, context.now()):
        return USER_BANNED
    if not row["revoked"]:
        await connection.execute(
            update(refresh_tokens).where(refresh_tokens.c.number == row["number"]).values(revoked=True)
        )
        return await _issue(connection, context, user, session, await _add_token(connection, session["id"], token))
    active = await connection.execute(
        select(refresh_tokens.c.token, refresh_tokens.c.parent).where(
            refresh_tokens.c.session_id == session["id"], refresh_tokens.c.revoked.is_(False)
        )
    )
    current = active.mappings().first()
    if current is not None and current["parent"] == token:
        return await _issue(connection, context, user, session, current["token"])
    await connection.execute(delete(sessions).where(sessions.c.id == session["id"]))
    return _ALREADY_USED


async def raise_level(connection: AsyncConnection, context: Context, session_id: str, method: str) -> Session:
    """A second factor was shown: the session is at aal2 from here on."""
    session = await _read(connection, session_id)
    amr = [_method(method, context.clock(), None), *session["amr"]]
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(aal="aal2", amr=amr))
    active = refresh_tokens.c.session_id == session_id, refresh_tokens.c.revoked.is_(False)
    parent = (await connection.execute(select(refresh_tokens.c.token).where(*active))).scalar_one_or_none()
    await connection.execute(update(refresh_tokens).where(*active).values(revoked=True))
    user = dict((await connection.execute(select(users).where(users.c.id == session["user_id"]))).mappings().one())
    raised = {**session, "aal": "aal2", "amr": amr}
    return await _issue(connection, context, user, raised, await _add_token(connection, session_id, parent))


async def end(connection: AsyncConnection, user_id: str, session_id: str, scope: str) -> None:
    """Sign out: `global` all sessions, `local` this one, `others` all but this one."""
    condition = sessions.c.user_id == user_id
    if scope == "local":
        condition &= sessions.c.id == session_id
    elif scope == "others":
        condition &= sessions.c.id != session_id
    await connection.execute(delete(sessions).where(condition))


async def caller(connection: AsyncConnection, context: Context, claims: Mapping[str, Any]) -> Row | Refusal:
    """Whose access token these claims are of, if the account and the session still are."""
    user = await accounts.find(connection, users.c.id == claims.get("sub"))
    if user is None:
        return Refusal(403, "user_not_found", "User from sub claim in JWT does not exist")
    if accounts.is_banned(user, context.now()):
        return Refusal(403, "user_banned", "User is banned")
    if not await exists(connection, str(claims.get("session_id"))):
        return SESSION_NOT_FOUND
    return user


async def exists(connection: AsyncConnection, session_id: str) -> bool:
    """Has the session not been ended?"""
    return (await connection.execute(select(sessions.c.id).where(sessions.c.id == session_id))).first() is not None


def session_response(session: Session | Refusal, **more: str) -> JSONResponse | Refusal:
    """The answer to a sign-in. more: members beside the session's own."""
    if isinstance(session, Refusal):
        return session
    headers = {
        "sb-auth-user-id": session.body["user"]["id"],
        "sb-auth-session-id": session.id,
        "Cache-Control": "no-store",
    }
    return JSONResponse({**session.body, **more}, headers=headers)


async def _read(connection: AsyncConnection, session_id: str) -> Mapping[str, Any]:
    return dict((await connection.execute(select(sessions).where(sessions.c.id == session_id))).mappings().one())


async def _add_token(connection: AsyncConnection, session_id: str, parent: str | None) -> str:
    token = new_token()
    await connection.execute(
        insert(refresh_tokens).values(token=token, session_id=session_id, parent=parent, revoked=False)
    )
    return token


async def _issue(
    connection: AsyncConnection, context: Context, user: Row, session: Mapping[str, Any], refresh_token: str
) -> Session:
    issued_at = int(context.clock().timestamp())
    expires_at = issued_at + LIFETIME_SECONDS
    claims = {
        "iss": context.issuer,
        "sub": user["id"],
        "aud": "authenticated",
        "exp": expires_at,
        "iat": issued_at,
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "role": "authenticated",
        "aal": session["aal"],
        "amr": _recent_first(session["amr"]),
        "session_id": session["id"],
        "is_anonymous": False,
    }
    body = {
        "access_token": context.keys.sign(claims),
        "token_type": "bearer",
        "expires_in": LIFETIME_SECONDS,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": await accounts.to_json(connection, user),
    }
    return Session(session["id"], body)


def _method(method: str, now: datetime, provider: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"method": method, "timestamp": int(now.timestamp())}
    return entry | ({"provider": provider} if provider is not None else {})


def _recent_first(amr: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(amr, key=lambda entry: -int(entry["timestamp"]))
