"""What somebody typed → an email address or a phone number."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from oauth.resource_owners import Channel, Recipient

_MAX_EMAIL = 320  # RFC 5321: 64 + @ + 255
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MOST_TYPED = 40


def parse(text: str, region: str) -> Recipient | None:
    """region: whose national numbers may be typed without a country code, such as `IN`. None: neither of the two."""
    text = text.strip()
    if "@" in text:
        return Recipient(Channel.EMAIL, text.lower()) if len(text) <= _MAX_EMAIL and _EMAIL.fullmatch(text) else None
    if len(text) > _MOST_TYPED:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return Recipient(Channel.PHONE, phonenumbers.format_number(number, PhoneNumberFormat.E164))
