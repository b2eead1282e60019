"""Phone numbers → E.164. Two numbers are equal only if all digits are: people in different countries share the last
ten."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

_MAX_LENGTH = 40


def parse_confirmed(number: str, region: str) -> str | None:
    """A number that Supabase has confirmed → E.164; None if it cannot be parsed.

    Supabase stores numbers with the country code and without the plus, but accepts what an app sends: `+91`, `0091`
    and national digits without a country code occur.
    region: the country of the national numbers, such as `IN`."""
    if len(number) > _MAX_LENGTH:
        return None
    international = _parse(number if number.startswith(("+", "00")) else f"+{number}", region)
    if international is not None and phonenumbers.is_valid_number(international):
        return _e164(international)
    national = _parse(number.lstrip("+"), region)
    if national is not None and phonenumbers.is_valid_number(national):
        return _e164(national)
    # The tables of `phonenumbers` lack newly assigned ranges and numbers reserved for tests.
    if international is not None and phonenumbers.is_possible_number(international):
        return _e164(international)
    return None


def parse_typed(text: str, region: str) -> str | None:
    """A number that a person typed → E.164; None if it is not valid. region: whose numbers need no country code."""
    number = _parse(text, region) if len(text) <= _MAX_LENGTH else None
    return _e164(number) if number is not None and phonenumbers.is_valid_number(number) else None


def _parse(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
