"""find_users: finds users for administrators. Agents see masked addresses, enough to recognise a user (D-13)."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import BaseModel, Field

from mcp_auth.principal import current_principal
from mcp_auth.users.models import User
from mcp_auth.users.store import UserStore
from oauth.foundation.outages import Outage
from oauth.foundation.vocabulary import Role
from servers.mcp.tools.annotations import read_only
from servers.mcp.tools.envelope import ToolAnswer, failure, success

_MAX_USERS = 50


class FoundUser(BaseModel):
    """A user.

    id: of the local row.
    subject: the Supabase id; null until the user has signed in.
    email: masked for agents.
    phone: masked for agents.
    role: what the user may do.
    is_active: whether the user has access."""

    id: str
    subject: str | None
    email: str | None
    phone: str | None
    role: str
    is_active: bool


class FoundUsers(BaseModel):
    """The users that match.

    users: at most 50.
    complete: whether these are all matches."""

    users: list[FoundUser]
    complete: bool


def add_find_users(server: FastMCP, users: UserStore) -> None:
    """Add the tool to the admin server."""

    @server.tool(
        annotations=read_only("Find users"),
        description="Find users by a part of their email or phone, or by their id.",
    )
    async def find_users(
        query: Annotated[str, Field(min_length=2, max_length=320, description="Part of an email or phone, or an id")],
    ) -> ToolAnswer[FoundUsers]:
        try:
            found = await users.find(query.strip(), _MAX_USERS + 1)
        except Outage:
            return failure("AUTH_DB_UNAVAILABLE", "The database does not answer. Try again in a few seconds.")
        masked = current_principal().role is not Role.ADMIN
        results = [_to_result(user, masked=masked) for user in found[:_MAX_USERS]]
        return success(FoundUsers(users=results, complete=len(found) <= _MAX_USERS))


def _to_result(user: User, *, masked: bool) -> FoundUser:
    return FoundUser(
        id=user.id,
        subject=user.supabase_id,
        email=mask_email(user.email) if masked else user.email,
        phone=mask_phone(user.phone) if masked else user.phone,
        role=user.role,
        is_active=user.is_active,
    )


def mask_email(email: str | None) -> str | None:
    """`alice@example.com` → `a***@example.com`."""
    if email is None:
        return None
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}"


def mask_phone(phone: str | None) -> str | None:
    """`+919876543210` → `+91***10`."""
    return None if phone is None else f"{phone[:3]}***{phone[-2:]}"
