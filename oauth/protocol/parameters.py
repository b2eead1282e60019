"""Request parameters: each at most once, an empty one counts as absent (OAuth 2.1 §3.1, §3.2)."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.errors import OAuthError, invalid_request, invalid_target

Parameters = Mapping[str, str]

MAX_VALUE_LENGTH = 4096  # characters; a state of 2 KB has to survive (STD-63)
MAX_PARAMETERS = 64
FORM = "application/x-www-form-urlencoded"


def parse(pairs: Iterable[tuple[str, str]]) -> Parameters | OAuthError:
    """Names and values → a mapping without empty values.

    A repeated name is `invalid_request` (D-17), a repeated `resource` is `invalid_target`: RFC 8707 §2 allows
    several, and we issue tokens for exactly one."""
    seen: dict[str, str] = {}
    for name, value in pairs:
        if name in seen:
            if name == "resource":
                return invalid_target(
                    "Only one resource can be asked for at a time.", reason=ReasonCode.SEVERAL_RESOURCES
                )
            return invalid_request("A parameter is repeated.", reason=ReasonCode.REPEATED_PARAMETER)
        if len(value) > MAX_VALUE_LENGTH:
            return invalid_request("A parameter is too long.", reason=ReasonCode.OVERSIZED_PARAMETER)
        if "\0" in value:
            return invalid_request("A parameter contains a NUL character.", reason=ReasonCode.NUL_IN_PARAMETER)
        seen[name] = value
    return {name: value for name, value in seen.items() if value}


def parse_encoded(raw: bytes) -> Parameters | OAuthError:
    """A query string, or the body of a form. Never raises, whatever the bytes."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:  # not UTF-8, before or after unescaping, or too many fields
        return invalid_request("The parameters are not well-formed.", reason=ReasonCode.MALFORMED_PARAMETERS)
    return parse(pairs)


def parse_form(content_type: str, body: bytes) -> Parameters | OAuthError:
    """The body of a POST to one of our endpoints."""
    if content_type.split(";", 1)[0].strip().lower() != FORM:
        return invalid_request(
            "The request body must be application/x-www-form-urlencoded.", reason=ReasonCode.CONTENT_TYPE
        )
    return parse_encoded(body)
