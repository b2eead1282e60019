"""Parse the email address or phone number that a person typed."""

import re

from mcp_auth.users import phone
from oauth.protocol.resource_owners import Channel, Recipient

_MAX_EMAIL = 320  # RFC 5321: 64 + @ + 255
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def parse(text: str, region: str) -> Recipient | None:
    """→ the address or number; None for any other text. region: whose numbers need no country code, such as `IN`."""
    text = text.strip()
    if "@" in text:
        return Recipient(Channel.EMAIL, text.lower()) if len(text) <= _MAX_EMAIL and _EMAIL.fullmatch(text) else None
    number = phone.parse_typed(text, region)
    return None if number is None else Recipient(Channel.PHONE, number)
