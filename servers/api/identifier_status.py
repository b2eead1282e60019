"""POST /api/v1/auth/identifier-status (SEED-24): does anybody have this email or phone?

It tells accounts to whoever asks, so it is off unless configured, and slow for those who ask often."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mcp_auth.rest import ApiError
from mcp_auth.supabase import recipient
from mcp_auth.users.models import AuthMethod
from mcp_auth.users.store import UserStore
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import digest
from oauth.foundation.request_context import context_of
from oauth.protocol.resource_owners import Channel
from oauth.stores.ports import AttemptCount, Attempts

PER_ADDRESS, ADDRESS_WINDOW = 10, timedelta(minutes=1)
PER_IDENTIFIER, IDENTIFIER_WINDOW = 5, timedelta(hours=1)
_MAX_BODY = 4 * 1024


class IdentifierRequest(BaseModel):
    """An email address or a phone number, as somebody typed it."""

    identifier: Annotated[str, Field(min_length=1, max_length=320)]


class IdentifierStatus(BaseModel):
    """has_password: whether the person last signed in with one; Supabase tells nobody whether there is one."""

    exists: bool
    verified: bool
    has_password: bool
    channel: Literal["email", "phone"]
    next_step: Literal["password", "otp"]


def identifier_status_router(users: UserStore, attempts: Attempts, region: str, clock: Clock) -> APIRouter:
    """region: whose phone numbers may be typed without a country code."""
    router = APIRouter(prefix="/v1/auth", tags=["auth"], max_body_size=_MAX_BODY)

    @router.post("/identifier-status")
    async def read_status(sent: IdentifierRequest, request: Request) -> IdentifierStatus:
        """How to go on with somebody who has typed an email or phone; public."""
        now = clock()
        address = context_of(request.scope).client_network
        _check(await _count(attempts, f"address {address}", now, ADDRESS_WINDOW), PER_ADDRESS, now)
        # NUL and halves of a character are in no identifier, and no database takes them.
        typed = recipient.parse(sent.identifier, region) if sent.identifier.isprintable() else None
        if typed is None:
            raise ApiError(422, "IDENTIFIER_INVALID", "This is neither an email address nor a phone number.")
        _check(await _count(attempts, f"identifier {typed.address}", now, IDENTIFIER_WINDOW), PER_IDENTIFIER, now)
        is_phone = typed.channel is Channel.PHONE
        user = await (users.by_phone(typed.address) if is_phone else users.by_email(typed.address))
        # A row that waits for its person is no account: nobody has proven anything yet.
        exists = user is not None and user.supabase_id is not None
        has_password = exists and user is not None and user.last_auth_method is AuthMethod.PASSWORD
        return IdentifierStatus(
            exists=exists,
            verified=exists,
            has_password=has_password,
            channel="phone" if is_phone else "email",
            next_step="password" if has_password else "otp",
        )

    return router


async def _count(attempts: Attempts, key: str, now: datetime, window: timedelta) -> AttemptCount:
    counted: Sequence[AttemptCount] = await attempts.count([digest(f"identifier-status {key}")], now, window)
    return counted[0]


def _check(counted: AttemptCount, most: int, now: datetime) -> None:
    if counted.count > most:
        headers = {"Retry-After": str(counted.seconds_left(now))}
        raise ApiError(429, "RATE_LIMITED", "Too many requests. Try again later.", headers)
