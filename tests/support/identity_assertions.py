"""Identity assertions (ID-JAG) made by hand, and the client that brings them."""

import itertools
from dataclasses import replace
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from oauth.foundation.vocabulary import Subject
from oauth.protocol.models import ClientAuthenticationMethod, GrantType, Registration
from tests.support.builders import make_client
from tests.support.forging import Signer, ec_key, es256, jws
from tests.support.gateway import USER, Gateway

ISSUER = "https://app.test"
KEY = ec_key(41)
SECRET = "cs_partner-secret-0123456789abcdef"
CLIENT = replace(
    make_client(
        client_id="partner",
        method=ClientAuthenticationMethod.CLIENT_SECRET_POST,
        secret=SECRET,
        grant_types=frozenset({GrantType.JWT_BEARER}),
        registration=Registration.PREREGISTERED,
    ),
    redirect_uris=(),
)
_JTI = itertools.count()


def assertion(
    gateway: Gateway,
    *,
    key: EllipticCurvePrivateKey = KEY,
    header: dict[str, Any] | None = None,
    sign: Signer | None = None,
    **changed: object,
) -> str:
    """A valid one; a claim or header given as None is left out."""
    now = int(gateway.clock().timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "okta|1",
        "aud": gateway.url,
        "client_id": "partner",
        "resource": f"{gateway.url}/mcp",
        "scope": "mcp:read mcp:write",
        "jti": f"jti-{next(_JTI)}",
        "iat": now,
        "exp": now + 300,
        **changed,
    }
    headers = {"alg": "ES256", "kid": "k1", "typ": "oauth-id-jag+jwt", **(header or {})}
    return jws(_given(headers), _given(claims), sign or es256(key))


def exchange(gateway: Gateway, assertion: str, **changed: str | None) -> httpx.Response:
    client = gateway.client()
    client.client_id = "partner"
    given = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion,
        "client_secret": SECRET,
        **changed,
    }
    return client.token(**given)


def introduce(gateway: Gateway, issuer: str = ISSUER) -> None:
    """The client is registered; the person has an account here, and is okta|1 to the issuer."""
    gateway.store(lambda store: store.clients.put(CLIENT))
    gateway.tokens(gateway.registered())
    gateway.store(lambda store: store.people.link(issuer, "okta|1", Subject(USER.id), gateway.clock()))


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
