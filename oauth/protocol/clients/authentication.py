"""Client authentication at the endpoints for programs (OAuth 2.1 §2.4, §3.2.2)."""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.jose import jws
from oauth.protocol.clients import assertion as client_assertion
from oauth.protocol.errors import OAuthError, invalid_client, invalid_request, unknown_client
from oauth.protocol.models import Client, ClientAuthenticationMethod
from oauth.protocol.parameters import Parameters

_METHODS = ClientAuthenticationMethod
# RFC 6749 Appendix A.1 and A.2: both are VSCHAR.
_VSCHAR = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class PresentedClient:
    """Who the caller says it is, nothing of it proven."""

    client_id: ClientId
    method: ClientAuthenticationMethod
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)
    # Both are checked before the rest, since they take the store and time (see endpoints): has the assertion been, and
    # which of the stored secrets is the presented one?
    assertion_holds: bool = False
    matched: Digest | None = field(default=None, repr=False)


def is_client_id(text: str) -> bool:
    """Could it be one? (RFC 6749 Appendix A.1)"""
    return _VSCHAR.fullmatch(text) is not None


def parse(parameters: Parameters, authorization: str | None) -> PresentedClient | OAuthError:
    """Body parameters and the Authorization header → one way of authenticating (OAuth 2.1 §2.4: not two)."""
    client_id = parameters.get("client_id")
    secret = parameters.get("client_secret")
    assertion = parameters.get("client_assertion")
    if assertion is not None:
        if authorization is not None or secret is not None:
            return TWO_WAYS
        return _with_assertion(assertion, parameters.get("client_assertion_type"), client_id)
    if authorization is not None:
        basic = _basic(authorization)
        if isinstance(basic, OAuthError):
            return basic
        if secret is not None:
            return TWO_WAYS
        if client_id is not None and client_id != basic.client_id:
            return invalid_client(
                "client_id differs from the Authorization header.", reason=ReasonCode.CLIENT_ID_DIFFERS
            )
        return basic
    if client_id is None:
        return invalid_client("client_id is missing.", reason=ReasonCode.CLIENT_ID_MISSING)
    if secret is None:
        return PresentedClient(ClientId(client_id), _METHODS.NONE)
    return PresentedClient(ClientId(client_id), _METHODS.CLIENT_SECRET_POST, secret)


def authenticate(client: Client | None, presented: PresentedClient) -> Client | OAuthError:
    """The client, if the caller is it. Only the registered method counts (OAuth 2.1 §2.4)."""
    if client is None:
        return unknown_client()
    if client.disabled_at is not None:
        return invalid_client("The client has been switched off here.", reason=ReasonCode.CLIENT_DISABLED)
    if presented.method is not client.authentication_method:
        return invalid_client(
            "This is not the client's registered authentication method.", reason=ReasonCode.CLIENT_AUTHENTICATION_METHOD
        )
    if client.authentication_method is _METHODS.NONE:
        return client
    if client.authentication_method is _METHODS.PRIVATE_KEY_JWT:
        if presented.assertion_holds:
            return client
        return invalid_client("Client authentication failed.", reason=ReasonCode.CLIENT_ASSERTION_UNCHECKED)
    # One that was taken back in the meantime is no longer among them.
    if presented.matched is None or presented.matched not in {client.secret_digest, client.former_secret_digest}:
        return invalid_client("Client authentication failed.", reason=ReasonCode.CLIENT_SECRET_WRONG)
    return client


def _with_assertion(assertion: str, kind: str | None, client_id: str | None) -> PresentedClient | OAuthError:
    """RFC 7521 §4.2: the assertion says whose it is; client_id is not needed, and must not differ."""
    if kind != client_assertion.TYPE:
        return invalid_client("client_assertion_type must be jwt-bearer.", reason=ReasonCode.CLIENT_ASSERTION_TYPE)
    token = jws.read(assertion)
    subject = None if isinstance(token, str) else token.claims.get("sub")
    if not isinstance(subject, str) or not is_client_id(subject):
        return invalid_client("client_assertion is malformed.", reason=ReasonCode.CLIENT_ASSERTION_MALFORMED)
    if client_id is not None and client_id != subject:
        return invalid_client("client_id differs from the assertion.", reason=ReasonCode.CLIENT_ID_DIFFERS)
    return PresentedClient(ClientId(subject), _METHODS.PRIVATE_KEY_JWT, assertion=assertion)


TWO_WAYS = invalid_request(
    "Use one way of client authentication, not two.", reason=ReasonCode.TWO_CLIENT_AUTHENTICATIONS
)


def _basic(authorization: str) -> PresentedClient | OAuthError:
    """RFC 6749 §2.3.1: id and secret are form-encoded before they are joined and base64-encoded."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return invalid_client(
            "The Authorization header must use Basic.", reason=ReasonCode.CLIENT_AUTHENTICATION_SCHEME
        )
    try:
        client_id, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        return invalid_client("The Authorization header is malformed.", reason=ReasonCode.BASIC_MALFORMED)
    if not colon or not is_client_id(client_id):
        return invalid_client("The Authorization header is malformed.", reason=ReasonCode.BASIC_MALFORMED)
    return PresentedClient(ClientId(client_id), _METHODS.CLIENT_SECRET_BASIC, secret)
