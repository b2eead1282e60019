"""The token request (OAuth 2.1 §3.2.2): one of the grant types that we offer."""

from dataclasses import dataclass, field

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.errors import OAuthError, invalid_request, unsupported_grant_type
from oauth.protocol.models import GrantType
from oauth.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class AuthorizationCodeRequest:
    """grant_type=authorization_code, as sent (OAuth 2.1 §4.1.3)."""

    client_id: ClientId
    code: str = field(repr=False)
    redirect_uri: str | None
    code_verifier: str | None = field(repr=False)
    resource: str | None


@dataclass(frozen=True, slots=True)
class RefreshTokenRequest:
    """grant_type=refresh_token, as sent (OAuth 2.1 §4.3.1)."""

    client_id: ClientId
    refresh_token: str = field(repr=False)
    scope: str | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class ClientCredentialsRequest:
    """grant_type=client_credentials, as sent (OAuth 2.1 §4.2.1)."""

    client_id: ClientId
    scope: str | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class IdentityAssertionRequest:
    """grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer, as sent (RFC 7523 §2.1)."""

    client_id: ClientId
    assertion: str = field(repr=False)
    scope: str | None
    resource: str | None


TokenRequest = AuthorizationCodeRequest | RefreshTokenRequest | ClientCredentialsRequest | IdentityAssertionRequest


def parse(parameters: Parameters, client_id: ClientId) -> TokenRequest | OAuthError:
    """Parameters → the request of its grant type. Unknown parameters are ignored (OAuth 2.1 §3.2)."""
    match parameters.get("grant_type"):
        case None:
            return invalid_request("grant_type is required.", reason=ReasonCode.GRANT_TYPE_MISSING)
        case GrantType.AUTHORIZATION_CODE:
            code = parameters.get("code")
            if code is None:
                return invalid_request("code is required.", reason=ReasonCode.CODE_MISSING)
            return AuthorizationCodeRequest(
                client_id,
                code,
                parameters.get("redirect_uri"),
                parameters.get("code_verifier"),
                parameters.get("resource"),
            )
        case GrantType.REFRESH_TOKEN:
            refresh_token = parameters.get("refresh_token")
            if refresh_token is None:
                return invalid_request("refresh_token is required.", reason=ReasonCode.REFRESH_TOKEN_MISSING)
            return RefreshTokenRequest(client_id, refresh_token, parameters.get("scope"), parameters.get("resource"))
        case GrantType.CLIENT_CREDENTIALS:
            return ClientCredentialsRequest(client_id, parameters.get("scope"), parameters.get("resource"))
        case GrantType.JWT_BEARER:
            assertion = parameters.get("assertion")
            if assertion is None:
                return invalid_request("assertion is required.", reason=ReasonCode.ASSERTION_MISSING)
            return IdentityAssertionRequest(client_id, assertion, parameters.get("scope"), parameters.get("resource"))
        case _:
            return unsupported_grant_type("grant_type is none of those in grant_types_supported.")
