"""Parse the webhook messages of the Supabase project, signed as in Standard Webhooks (standardwebhooks.com, version 1).

A signature is HMAC-SHA-256 over `id.timestamp.body`. Every event is idempotent, so a replay within the tolerance of the
timestamp changes nothing."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from oauth.foundation.vocabulary import Subject

TOLERANCE = timedelta(minutes=5)
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix
_MIN_SECRET = 24  # bytes, as the specification requires


class EventType(StrEnum):
    """What happened to a person: a change of the account, its deletion, or a sign-out everywhere."""

    CHANGED = "user.changed"
    DELETED = "user.deleted"
    SIGNED_OUT = "user.signed_out"


@dataclass(frozen=True, slots=True)
class Event:
    """An authenticated message.

    type: what happened.
    subject: the Supabase user id.
    banned_until: aware; only for CHANGED, and None without a ban."""

    type: EventType
    subject: Subject
    banned_until: datetime | None


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """Why a message is refused.

    status: of the HTTP answer.
    reason: a snake_case code."""

    status: int
    reason: str


def read_secret(text: str) -> bytes | None:
    """`whsec_` and base64 of at least 24 bytes → the key; None for any other text."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if text.startswith(SECRET_PREFIX) and len(key) >= _MIN_SECRET else None


def read(headers: Mapping[str, str], body: bytes, keys: tuple[bytes, ...], now: datetime) -> Event | Unacceptable:
    """→ the event, if the signature and the timestamp are valid. headers: with names in lower case.

    keys: any of them may have signed, for rotation. now: aware UTC."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp:
        return Unacceptable(401, "webhook_unsigned")
    if not _is_signed(f"{message_id}.{timestamp}.".encode() + body, headers.get("webhook-signature", ""), keys):
        return Unacceptable(401, "webhook_signature")
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > TOLERANCE.total_seconds():
        return Unacceptable(401, "webhook_timestamp")
    try:
        return _parse_event(json.loads(body))
    except (ValueError, RecursionError):
        return Unacceptable(400, "webhook_malformed")


def sign(message_id: str, timestamp: int, body: bytes, key: bytes) -> str:
    """→ one signature, in the form of the `webhook-signature` header. timestamp: seconds since 1970."""
    mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"


def _is_signed(content: bytes, signatures: str, keys: tuple[bytes, ...]) -> bool:
    expected = [base64.b64encode(hmac.digest(key, content, "sha256")) for key in keys]
    received = [text.removeprefix("v1,").encode() for text in signatures.split(" ") if text.startswith("v1,")]
    return any(hmac.compare_digest(one, other) for one in expected for other in received)


def _parse_event(message: object) -> Event:
    """→ the event. Raises ValueError if the message is not one."""
    match message:
        case {"type": str(kind), "user_id": str(subject), **rest}:
            banned_until = rest.get("banned_until")
            until = datetime.fromisoformat(str(banned_until)) if banned_until is not None else None
            if until is not None and until.tzinfo is None:
                raise ValueError("an instant without a time zone")
            return Event(EventType(kind), Subject(str(UUID(subject))), until)
        case _:
            raise ValueError("not an event")
