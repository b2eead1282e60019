"""Resource indicators (RFC 8707): which of our resources is meant."""

from urllib.parse import urlsplit

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.errors import OAuthError, invalid_target
from oauth.protocol.resources import Resource, Resources


def canonical(indicator: str) -> str:
    """Scheme and host in lower case and without one trailing slash: all the leniency that D-4 allows."""
    scheme, separator, rest = indicator.partition("://")
    authority, slash, path = rest.partition("/")
    lowered = scheme.lower() + separator + authority.lower() + slash + path
    return lowered.removesuffix("/")


def resolve(indicator: str | None, resources: Resources) -> Resource | OAuthError:
    """The resource that a request asks for; without the parameter, the default one (D-4).

    Source: RFC 8707 §2: an absolute URI without fragment, or invalid_target."""
    if indicator is None:
        return resources.default
    try:
        parts = urlsplit(indicator)
    except ValueError:
        return invalid_target("resource is not a URI.", reason=ReasonCode.RESOURCE_MALFORMED)
    if not parts.scheme or not parts.netloc or "#" in indicator:
        return invalid_target(
            "resource must be an absolute URI without a fragment.", reason=ReasonCode.RESOURCE_MALFORMED
        )
    return resources.get(canonical(indicator)) or invalid_target("resource is not one of this server's.")


def check_granted(indicator: str | None, granted: str) -> OAuthError | None:
    """At the token endpoint a resource may be repeated, never changed (RFC 8707 §2.2)."""
    if indicator is None or canonical(indicator) == granted:
        return None
    return invalid_target("resource is not the one that was granted.", reason=ReasonCode.RESOURCE_NOT_GRANTED)
