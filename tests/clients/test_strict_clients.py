"""Strict third parties: oauth4webapi and openid-client, which refuse what an RFC does not allow, and the MCP
conformance suite."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from oauth.foundation.vocabulary import ClientId, Scope
from oauth.protocol.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, GrantType, Registration
from tests.clients.test_npm import heard_from, program, tell
from tests.support.builders import make_client
from tests.support.forging import base64url, ec_key, public_jwk
from tests.support.gateway import Gateway
from tests.support.npm import WAIT_SECONDS
from tests.support.person import Person

KEY = ec_key(61)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def private_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    number = key.private_numbers().private_value
    return {**public_jwk(key.public_key(), "k1"), "d": base64url(number.to_bytes(32, "big"))}


@asynccontextmanager
async def connecting(script: Path, gateway: Gateway, **asked: object) -> AsyncIterator[dict[str, Any]]:
    """What the script found, after a person has signed in."""
    given = json.dumps({"resource": f"{gateway.url}/mcp", **asked})
    async with program(script, gateway.url, given) as node:
        url = (await heard_from(node))["visit"]
        tell(node, await asyncio.to_thread(Person(gateway).visit, url))
        yield (await heard_from(node))["done"]


def registered(gateway: Gateway, method: str) -> dict[str, object]:
    client = gateway.registered(token_endpoint_auth_method=method)
    return {
        "client": client.client_id,
        **({"secret": client.client_secret} if client.client_secret is not None else {}),
        "post": method == "client_secret_post",
    }


def check_token_of(done: dict[str, Any], *, bound: bool) -> None:
    assert done["token_type"] == ("dpop" if bound else "bearer")
    assert done["refused"] == "invalid_grant"


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize(("par", "dpop"), [(False, False), (True, False), (False, True), (True, True)])
async def test_oauth4webapi_takes_every_answer(
    installed: Path, gateway: Gateway, method: str, par: bool, dpop: bool
) -> None:
    client = registered(gateway, method)
    async with connecting(installed / "oauth4webapi.mjs", gateway, **client, par=par, dpop=dpop) as done:
        check_token_of(done, bound=dpop)
        assert done["claims"]["aud"] == f"{gateway.url}/mcp"
        assert ("cnf" in done["claims"]) is dpop
        if method != "none":
            assert done["introspected"]["active"] is True


async def test_oauth4webapi_signs_its_requests(installed: Path, gateway: Gateway) -> None:
    await _put(gateway, _with_keys("signing-client", GRANTS_OF_PEOPLE))
    asked = {"client": "signing-client", "key": private_jwk(KEY), "par": True}
    async with connecting(installed / "oauth4webapi.mjs", gateway, **asked) as done:
        check_token_of(done, bound=False)
        assert done["introspected"]["client_id"] == "signing-client"


@pytest.mark.parametrize("dpop", [False, True])
async def test_oauth4webapi_gets_a_token_for_a_machine(installed: Path, gateway: Gateway, dpop: bool) -> None:
    await _put(gateway, _with_keys("machine", frozenset({GrantType.CLIENT_CREDENTIALS})))
    asked = {"resource": f"{gateway.url}/mcp", "client": "machine", "key": private_jwk(KEY), "machine": "mcp:read"}
    async with program(installed / "oauth4webapi.mjs", gateway.url, json.dumps({**asked, "dpop": dpop})) as node:
        done = (await heard_from(node))["done"]
    assert (done["claims"]["sub"], done["scope"]) == ("machine", "mcp:read")


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize(("par", "dpop"), [(False, False), (True, True)])
async def test_openid_client_takes_every_answer(
    installed: Path, gateway: Gateway, method: str, par: bool, dpop: bool
) -> None:
    client = registered(gateway, method)
    async with connecting(installed / "openid-client.mjs", gateway, **client, par=par, dpop=dpop) as done:
        check_token_of(done, bound=dpop)
        if method != "none":
            assert done["introspected"]["active"] is True


async def test_mcp_conformance_suite_finds_nothing_wrong_with_the_authorization_server(
    installed: Path, gateway: Gateway
) -> None:
    client = gateway.registered()
    arguments = ["authorization", "--url", gateway.url, "--client-id", client.client_id]
    arguments += ["--resource", f"{gateway.url}/mcp", "--port", str(free_port())]
    person, said = Person(gateway), ""
    async with program(installed / "conformance" / "run.mjs", *arguments) as node:
        assert node.stdout is not None
        while line := (await asyncio.wait_for(node.stdout.readline(), WAIT_SECONDS)).decode():
            said += line
            if line.startswith("Callback server started"):
                (url,) = [each for each in said.splitlines() if each.startswith(f"{gateway.url}/authorize?")]
                await asyncio.to_thread(person.visit_and_return, url)
        status = await node.wait()
    assert status == 0, said
    assert "authorization-server-metadata-endpoint" in said
    assert "authorization-code-grant" in said
    assert "FAIL" not in said.replace("0 failed", ""), said


def _with_keys(client_id: str, grants: frozenset[GrantType]) -> Client:
    return replace(
        make_client(
            client_id=client_id,
            method=ClientAuthenticationMethod.PRIVATE_KEY_JWT,
            grant_types=grants,
            redirect_uris=("http://127.0.0.1:33418/callback",),
            registration=Registration.PREREGISTERED,
        ),
        client_id=ClientId(client_id),
        scope=frozenset({Scope("mcp:read")}),
        jwks=json.dumps({"keys": [public_jwk(KEY.public_key(), "k1")]}),
    )


async def _put(gateway: Gateway, client: Client) -> None:
    await asyncio.to_thread(gateway.store, lambda store: store.clients.put(client))
