"""Phone numbers in E.164: what two people have in common is the whole number, never its last ten digits (F-2)."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

_MOST = 40


def parse_confirmed(number: str, region: str) -> str | None:
    """A number that Supabase has confirmed → E.164; None when nobody can tell which number it is.

    Supabase keeps numbers with their country code and without the plus, but takes what an app gives it: `+91`, `0091`
    and bare national digits occur (SEED-30). region: the country of the latter, such as `IN`."""
    if len(number) > _MOST:
        return None
    international = _parse(number if number.startswith(("+", "00")) else f"+{number}", region)
    if international is not None and phonenumbers.is_valid_number(international):
        return _e164(international)
    national = _parse(number.lstrip("+"), region)
    if national is not None and phonenumbers.is_valid_number(national):
        return _e164(national)
    # Numbers of ranges that were assigned after our tables were made, and those that are kept for tests.
    if international is not None and phonenumbers.is_possible_number(international):
        return _e164(international)
    return None


def parse_typed(text: str, region: str) -> str | None:
    """A number that somebody typed → E.164; None when it is none. region: whose numbers need no country code."""
    number = _parse(text, region) if len(text) <= _MOST else None
    return _e164(number) if number is not None and phonenumbers.is_valid_number(number) else None


def _parse(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
