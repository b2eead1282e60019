"""GET /api/v1/users/me (SEED-21)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from mcp_auth.rest import get_current_user
from mcp_auth.users.models import User

router = APIRouter(prefix="/v1/users", tags=["users"])


class Me(BaseModel):
    """The caller's own row."""

    id: str
    subject: str
    email: str | None
    phone: str | None
    role: str
    is_active: bool
    created_at: datetime


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
    )
