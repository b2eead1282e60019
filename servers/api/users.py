"""GET and DELETE /api/v1/users/me (SEED-21)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from mcp_auth.principal import Principal
from mcp_auth.rest import get_current_person, get_current_user
from mcp_auth.supabase.account_deletion import AccountDeletion
from mcp_auth.users.models import User
from servers.api.deletion import delete_account


class Me(BaseModel):
    """The caller's own row."""

    id: str
    subject: str | None
    email: str | None
    phone: str | None
    role: str
    is_active: bool
    created_at: datetime
    last_auth_method: str | None
    last_auth_method_at: datetime | None


class Message(BaseModel):
    """A sentence for people."""

    message: str


def users_router(deletion: AccountDeletion | None) -> APIRouter:
    """deletion: None where there is no key to delete with."""
    router = APIRouter(prefix="/v1/users", tags=["users"])

    @router.get("/me")
    async def read_me(user: Annotated[User, Depends(get_current_user)]) -> Me:
        """The account of whoever sent the access token."""
        return Me(
            id=user.id,
            subject=user.supabase_id,
            email=user.email,
            phone=user.phone,
            role=user.role,
            is_active=user.is_active,
            created_at=user.created_at,
            last_auth_method=user.last_auth_method,
            last_auth_method_at=user.last_auth_method_at,
        )

    @router.delete("/me")
    async def delete_me(principal: Annotated[Principal, Depends(get_current_person)]) -> Message:
        """Delete the account of whoever sent the access token, for good."""
        await delete_account(deletion, principal)
        return Message(message="Your account was deleted.")

    return router
