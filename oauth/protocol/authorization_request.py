"""The authorization request (OAuth 2.1 §4.1.1): what may be asked once we know where answers go."""

from dataclasses import dataclass
from urllib.parse import urlencode

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Scope
from oauth.protocol import dpop, pkce, resource_indicator, scope
from oauth.protocol.errors import OAuthError, invalid_request, unauthorized_client, unsupported_response_type
from oauth.protocol.models import Client, GrantType
from oauth.protocol.parameters import Parameters
from oauth.protocol.resources import Resource, Resources

# All that has a meaning here (OAuth 2.1 §4.1.1; RFC 8707 §2; RFC 9449 §10). What else is sent is ignored, and not kept.
PARAMETERS = (
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
)


@dataclass(frozen=True, slots=True)
class ValidatedRequest:
    """A valid request: what the person will be asked to agree to, and the challenge that guards its code.

    dpop_jkt: thumbprint of the key that has to redeem the code (RFC 9449 §10)."""

    resource: Resource
    scope: frozenset[Scope]
    code_challenge: str
    dpop_jkt: str | None = None


def query_of(parameters: Parameters) -> str:
    """The request as a query of /authorize, to begin it again with."""
    return urlencode({name: parameters[name] for name in PARAMETERS if name in parameters})


def validate(parameters: Parameters, client: Client, resources: Resources) -> ValidatedRequest | OAuthError:
    """The rest of the request, client and redirect URI being proven."""
    # OAuth 2.1 §4.1.2.1
    response_type = parameters.get("response_type")
    if response_type is None:
        return invalid_request("response_type is required.", reason=ReasonCode.RESPONSE_TYPE_MISSING)
    if response_type != "code":
        return unsupported_response_type("response_type must be code.")
    if parameters.get("response_mode", "query") != "query":
        return invalid_request("response_mode must be query.", reason=ReasonCode.RESPONSE_MODE)
    # OpenID Connect Core §6, RFC 9101: parameters inside another document would go unchecked.
    if "request" in parameters or "request_uri" in parameters:
        return invalid_request("Request objects are not supported.", reason=ReasonCode.REQUEST_OBJECT)
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        return unauthorized_client("The client is not registered for authorization_code.")
    challenge = pkce.validate_code_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))
    if isinstance(challenge, OAuthError):
        return challenge
    resource = resource_indicator.resolve(parameters.get("resource"), resources)
    if isinstance(resource, OAuthError):
        return resource
    asked = scope.grantable(parameters.get("scope"), client.scope, resource, resources)
    if isinstance(asked, OAuthError):
        return asked
    dpop_jkt = dpop.validate_thumbprint(parameters.get("dpop_jkt"))
    if isinstance(dpop_jkt, OAuthError):
        return dpop_jkt
    return ValidatedRequest(resource, asked, challenge, dpop_jkt)
