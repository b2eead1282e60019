"""News from the Supabase project: signed as Standard Webhooks asks (standardwebhooks.com, version 1).

A signature is HMAC-SHA-256 over `id.timestamp.body`. What a message makes us do is harmless when it is done again, so
a replay within the minutes that a timestamp is good for changes nothing."""

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
_MIN_SECRET = 24  # bytes, as the specification asks


class EventType(StrEnum):
    """What may have happened to a person."""

    CHANGED = "user.changed"
    DELETED = "user.deleted"
    SIGNED_OUT = "user.signed_out"


@dataclass(frozen=True, slots=True)
class Event:
    """A message. banned_until: as Supabase has it, for CHANGED."""

    type: EventType
    subject: Subject
    banned_until: datetime | None


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """Why a message is not believed, or not understood. status: of the answer."""

    status: int
    reason: str


def read_secret(text: str) -> bytes | None:
    """`whsec_` and base64 of at least 24 bytes → the key."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if text.startswith(SECRET_PREFIX) and len(key) >= _MIN_SECRET else None


def read(headers: Mapping[str, str], body: bytes, keys: tuple[bytes, ...], now: datetime) -> Event | Unacceptable:
    """The event, once it is proven to come from the project. headers: with names in lower case."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp:
        return Unacceptable(401, "webhook_unsigned")
    if not _is_signed(f"{message_id}.{timestamp}.".encode() + body, headers.get("webhook-signature", ""), keys):
        return Unacceptable(401, "webhook_signature")
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > TOLERANCE.total_seconds():
        return Unacceptable(401, "webhook_timestamp")
    try:
        return _event_of(json.loads(body))
    except (ValueError, RecursionError):
        return Unacceptable(400, "webhook_malformed")


def sign(message_id: str, timestamp: int, body: bytes, key: bytes) -> str:
    """One signature, as it stands in `webhook-signature`."""
    mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"


def _is_signed(content: bytes, signatures: str, keys: tuple[bytes, ...]) -> bool:
    expected = [base64.b64encode(hmac.digest(key, content, "sha256")) for key in keys]
    given = [text.removeprefix("v1,").encode() for text in signatures.split(" ") if text.startswith("v1,")]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)


def _event_of(message: object) -> Event:
    """ValueError where it is none."""
    match message:
        case {"type": str(kind), "user_id": str(subject), **rest}:
            banned_until = rest.get("banned_until")
            until = datetime.fromisoformat(str(banned_until)) if banned_until is not None else None
            if until is not None and until.tzinfo is None:
                raise ValueError("an instant without a time zone")
            return Event(EventType(kind), Subject(str(UUID(subject))), until)
        case _:
            raise ValueError("not an event")
