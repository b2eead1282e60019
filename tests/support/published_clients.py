"""Clients whose id is the URL of their own metadata, which is published on a DocumentServer."""

import time

import httpx

from oauth.protocol.clients import assertion as client_assertion
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import Gateway
from tests.support.raw_client import CALLBACK, RawClient

URL = "https://app.test/oauth/client.json"
KEY = ec_key(7)


def document(**changed: object) -> dict[str, object]:
    """What the client says of itself; None leaves a member out."""
    described: dict[str, object] = {
        "client_id": URL,
        "client_name": "An assistant",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        **changed,
    }
    return {name: value for name, value in described.items() if value is not None}


def signing(**where: object) -> dict[str, object]:
    """Of a client that signs its requests. where: its keys are, `jwks` or `jwks_uri`."""
    return document(token_endpoint_auth_method="private_key_jwt", **where)


def key_set(key: object = KEY, **changed: object) -> dict[str, object]:
    jwk = {**public_jwk(key.public_key(), "key"), **changed}  # type: ignore[attr-defined]
    return {"keys": [{name: value for name, value in jwk.items() if value is not None}]}


def published(gateway: Gateway, url: str = URL) -> RawClient:
    client = gateway.client()
    client.client_id = url
    return client


def authorize(gateway: Gateway, url: str = URL, **changed: str) -> httpx.Response:
    """What a browser is answered that the client sends there."""
    client = published(gateway, url)
    return client.http.get(client.authorization_url(**changed))


def proof(gateway: Gateway, key: object = KEY, **changed: object) -> dict[str, str | None]:
    """An assertion of the client, as parameters of a form."""
    now = int(gateway.clock().timestamp())
    claims = {
        "iss": URL,
        "sub": URL,
        "aud": gateway.url,
        "jti": f"{time.monotonic_ns()}",
        "iat": now,
        "exp": now + 60,
        **changed,
    }
    assertion = jws({"alg": "ES256", "kid": "key"}, claims, es256(key))  # type: ignore[arg-type]
    return {"client_id": None, "client_assertion_type": client_assertion.TYPE, "client_assertion": assertion}
