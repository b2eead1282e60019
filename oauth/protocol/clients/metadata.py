"""Client metadata of a registration request (RFC 7591 §2): what is accepted of what a stranger says of itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import category

from oauth.foundation.vocabulary import Scope
from oauth.protocol import redirect_uri, scope
from oauth.protocol.errors import OAuthError, invalid_client_metadata, invalid_redirect_uri
from oauth.protocol.models import GRANTS_OF_PEOPLE, ClientAuthenticationMethod, GrantType

MAX_REDIRECT_URIS = 10
MAX_NAME = 120  # characters, about what fits a consent page

# Grants that a stranger cannot have (STD-85, STD-86, STD-226). What we merely do not offer is left out instead:
# RFC 7591 §2 lets the server replace values, and the answer says which are in force.
_REFUSED_GRANTS = frozenset({"client_credentials", "implicit", "password"})
# Unicode categories of what cannot be seen, or changes how the rest is seen.
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# What cannot be seen either, though its category is that of letters, marks and symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# More marks over and under one letter than any script has: they are drawn across the lines around it.
_TOO_MANY_MARKS = "M" * 7


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The metadata in force. name is None where the client gave none. requires_pushed_requests: RFC 9126 §6.
    dpop_bound: RFC 9449 §5.2."""

    redirect_uris: tuple[str, ...]
    authentication_method: ClientAuthenticationMethod
    grant_types: frozenset[GrantType]
    scope: frozenset[Scope]
    name: str | None
    requires_pushed_requests: bool = False
    dpop_bound: bool = False


_FLAGS = ("require_pushed_authorization_requests", "dpop_bound_access_tokens")

# What can be registered dynamically: a secret of ours, or none.
REGISTRABLE_METHODS = (
    ClientAuthenticationMethod.NONE,
    ClientAuthenticationMethod.CLIENT_SECRET_BASIC,
    ClientAuthenticationMethod.CLIENT_SECRET_POST,
)


def parse(
    document: Mapping[str, object],
    known_scopes: frozenset[Scope],
    methods: Sequence[ClientAuthenticationMethod] = REGISTRABLE_METHODS,
    grants: frozenset[GrantType] = GRANTS_OF_PEOPLE,
    custom_redirects: Collection[str] = (),
) -> ClientMetadata | OAuthError:
    """A decoded JSON object → the metadata in force. Unknown members are ignored (RFC 7591 §2), and those that are null
    count as left out (RFC 7592 §2.2).

    methods, grants: what such a client can have at all. custom_redirects: see `redirect_uri.check_registrable`."""
    document = without_null(document)
    grant_types = _grant_types(document.get("grant_types"), grants)
    if isinstance(grant_types, OAuthError):
        return grant_types
    redirect_uris = _redirect_uris(document.get("redirect_uris"), grant_types, custom_redirects)
    if isinstance(redirect_uris, OAuthError):
        return redirect_uris
    method = _authentication_method(document.get("token_endpoint_auth_method"), methods)
    if isinstance(method, OAuthError):
        return method
    default_scope = _scope(document.get("scope"), known_scopes)
    if isinstance(default_scope, OAuthError):
        return default_scope
    name = _name(document.get("client_name"))
    if isinstance(name, OAuthError):
        return name
    if document.get("response_types") not in (None, ["code"]):
        return invalid_client_metadata("response_types must be an array that holds code alone.")
    if "jwks" in document and "jwks_uri" in document:
        return invalid_client_metadata("jwks and jwks_uri must not both be present.")
    flags = [document.get(name, False) for name in _FLAGS]
    if not all(isinstance(flag, bool) for flag in flags):
        return invalid_client_metadata(f"{' and '.join(_FLAGS)} must be true or false.")
    return ClientMetadata(redirect_uris, method, grant_types, default_scope, name, *map(bool, flags))


def without_null(document: Mapping[str, object]) -> dict[str, object]:
    """The members that say something."""
    return {name: value for name, value in document.items() if value is not None}


def _redirect_uris(
    value: object, grant_types: frozenset[GrantType], custom: Collection[str]
) -> tuple[str, ...] | OAuthError:
    if GrantType.AUTHORIZATION_CODE not in grant_types and value in (None, []):
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_REDIRECT_URIS:
        return invalid_redirect_uri(f"redirect_uris must be an array of 1 to {MAX_REDIRECT_URIS} URIs.")
    for uri in value:
        if not isinstance(uri, str):
            return invalid_redirect_uri("redirect_uris must contain strings only.")
        refused = redirect_uri.check_registrable(uri, custom)
        if refused is not None:
            return refused
    return tuple(dict.fromkeys(value))


def _authentication_method(
    value: object, methods: Sequence[ClientAuthenticationMethod]
) -> ClientAuthenticationMethod | OAuthError:
    # RFC 7591 §2: the default is client_secret_basic.
    named = ClientAuthenticationMethod.CLIENT_SECRET_BASIC if value is None else value
    if named not in methods:
        return invalid_client_metadata(f"token_endpoint_auth_method must be one of {', '.join(methods)}.")
    return ClientAuthenticationMethod(str(named))


def _grant_types(value: object, grants: frozenset[GrantType]) -> frozenset[GrantType] | OAuthError:
    # RFC 7591 §2: the default is the authorization code alone.
    named = [GrantType.AUTHORIZATION_CODE] if value is None else value
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        return invalid_client_metadata("grant_types must be an array of strings.")
    if (_REFUSED_GRANTS - grants).intersection(named):
        return invalid_client_metadata("A requested grant type cannot be registered here.")
    offered = frozenset(grant for grant in grants if grant in named)
    # A client of people begins with a code, and only a code leads to a refresh token.
    if not offered - {GrantType.REFRESH_TOKEN}:
        return invalid_client_metadata("grant_types must contain authorization_code.")
    return offered


def _scope(value: object, known: frozenset[Scope]) -> frozenset[Scope] | OAuthError:
    if value is None or value == "":
        return frozenset()
    parsed = scope.parse(value) if isinstance(value, str) else None
    if parsed is None or isinstance(parsed, OAuthError):
        return invalid_client_metadata("scope must be a string of scopes separated by spaces.")
    return parsed & known


def _name(value: object) -> str | OAuthError | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_NAME or not _is_plain(value):
        return invalid_client_metadata(f"client_name must be plain text of at most {MAX_NAME} characters.")
    return value.strip() or None


def _is_plain(name: str) -> bool:
    """Ours: a name is shown to people, so nothing invisible, and nothing that turns or covers the text around it."""
    categories = [category(character) for character in name]
    if not _INVISIBLE.isdisjoint(categories) or not _BLANK.isdisjoint(name):
        return False
    kinds = "".join(each[0] for each in categories)
    # Marks need something to stand on.
    return _TOO_MANY_MARKS not in kinds and (not name.strip() or not set(kinds) <= set("MZ"))
