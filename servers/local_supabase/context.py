"""What every route works with, and how a request becomes arguments."""

import json
import secrets
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import Request
from starlette.responses import Response

from servers.local_supabase.errors import BAD_JSON, Refusal, validation_failed
from servers.local_supabase.faults import Faults
from servers.local_supabase.signing import SigningKeys

Clock = Callable[[], datetime]
_MAX_TEXT = 4096


@dataclass(slots=True)
class Context:
    """One stand-in. messages: what would have been sent by mail or text, by recipient. requests: counted by path."""

    engine: AsyncEngine
    keys: SigningKeys
    clock: Clock
    public_url: str
    site_url: str
    publishable_key: str
    secret_key: str
    password_cost: int
    faults: Faults = field(default_factory=Faults)
    messages: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    # What an owner of the project switched off: `email`, `phone`, `github`, `sign_up`.
    switched_off: set[str] = field(default_factory=set)
    # The one captcha token that is right, where the project demands a captcha.
    captcha_token: str | None = None
    # Domains with an identity provider of their own (SAML); here it is the pretend one.
    sso_domains: set[str] = field(default_factory=set)

    @property
    def issuer(self) -> str:
        """What `iss` says."""
        return f"{self.public_url}/auth/v1"

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Committed when it ends well."""
        return self.engine.begin()

    def now(self) -> str:
        """As it goes on the wire."""
        return to_text(self.clock())

    def later(self, **parts: float) -> str:
        """An instant to come."""
        return to_text(self.clock() + timedelta(**parts))


def to_text(instant: datetime) -> str:
    """RFC 3339, in UTC; text of later instants sorts later."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id() -> str:
    """A UUID."""
    return str(uuid.uuid4())


def new_token(size: int = 12) -> str:
    """Lower-case letters and digits, as Supabase's refresh tokens are."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(size))


@dataclass(frozen=True, slots=True)
class Call:
    """One request. claims: of the caller's access token, where the route asks for one."""

    context: Context
    request: Request
    body: Mapping[str, Any]
    claims: Mapping[str, Any]

    def lacks_captcha(self) -> bool:
        """Is a captcha demanded, and not solved?"""
        security = self.body.get("gotrue_meta_security")
        given = security.get("captcha_token") if isinstance(security, dict) else None
        return self.context.captcha_token is not None and given != self.context.captcha_token

    def text(self, name: str) -> str | Refusal | None:
        """A member of the body that is text; absent, null and empty are None."""
        value = self.body.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not storable(value):
            return validation_failed(f"Invalid value for {name}")
        return value

    def texts(self, *names: str) -> list[str | None] | Refusal:
        """Several such members, or why one of them is none."""
        values: list[str | None] = []
        for name in names:
            value = self.text(name)
            if isinstance(value, Refusal):
                return value
            values.append(value)
        return values

    def object(self, name: str) -> Mapping[str, Any] | Refusal | None:
        """A member of the body that is an object."""
        value = self.body.get(name)
        if value is None or isinstance(value, dict):
            return value
        return validation_failed(f"{name} must be an object")


Handler = Callable[[Call], Awaitable[Response | Refusal]]


def storable(text: str) -> bool:
    """Can it be kept in a database: no NUL, no lone surrogates?"""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


async def read_body(request: Request) -> Mapping[str, Any] | Refusal:
    """The JSON object of a request; no body at all is an empty one."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
        storable_whole = storable(json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\\u0000", "\0"))
    except (ValueError, RecursionError):
        return BAD_JSON
    if not isinstance(value, dict) or not storable_whole:
        return BAD_JSON
    return value
