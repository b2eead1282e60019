"""Clients that the operator registers, with `mcp-auth clients`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oauth.protocol.clients import assertion as client_assertion
from tests.support.command_line import Run
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import Gateway
from tests.support.raw_client import CALLBACK, RawClient

KEY = ec_key(9)

Command = Callable[..., Any]
Eventually = Callable[[Callable[[], bool]], None]


def client_of(gateway: Gateway, described: dict[str, Any]) -> RawClient:
    client = gateway.client()
    client.client_id = described["client_id"]
    return client


def test_client_that_was_added_signs_in_with_its_secret(gateway: Gateway, clients: Command) -> None:
    described = clients("add", "Partner", CALLBACK, "--auth", "client_secret_post")
    assert described["client_secret"].startswith("cs_")
    client = client_of(gateway, described)
    code = gateway.code(client)
    assert client.redeem(code).status_code == 401
    assert client.redeem(code, client_secret=described["client_secret"]).status_code == 200
    shown = clients("show", client.client_id)
    assert "client_secret" not in shown
    assert shown["client_name"] == "Partner"
    assert f"{client.client_id}\tpreregistered\tenabled\tPartner\n" in clients("list")


def test_two_secrets_are_good_while_one_is_rotated(gateway: Gateway, clients: Command) -> None:
    described = clients("add", "Partner", CALLBACK, "--auth", "client_secret_post")
    client, first = client_of(gateway, described), described["client_secret"]
    second = clients("rotate-secret", client.client_id)["client_secret"]
    assert second != first
    for secret in (first, second):
        assert client.redeem(gateway.code(client), client_secret=secret).status_code == 200
    clients("rotate-secret", client.client_id, "--end")
    code = gateway.code(client)
    assert client.redeem(code, client_secret=first).status_code == 401
    assert client.redeem(code, client_secret=second).status_code == 200


def test_client_that_was_added_with_its_keys_signs_its_requests(
    gateway: Gateway, clients: Command, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public_jwk(KEY.public_key(), "1")]}))
    client = client_of(
        gateway, clients("add", "Partner", CALLBACK, "--auth", "private_key_jwt", "--jwks", str(tmp_path / "keys.json"))
    )
    now = int(gateway.clock().timestamp())
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": gateway.url, "jti": "1", "exp": now + 60}
    assertion = jws({"alg": "ES256", "kid": "1"}, claims, es256(KEY))
    proof = {"client_assertion_type": client_assertion.TYPE, "client_assertion": assertion}
    assert client.redeem(gateway.code(client), **proof).status_code == 200


def test_disabled_client_loses_what_it_has_and_gets_nothing_until_it_is_enabled(
    gateway: Gateway, clients: Command, eventually: Eventually
) -> None:
    client = client_of(gateway, clients("add", "Partner", CALLBACK))
    tokens = gateway.tokens(client)
    assert client.call_tool(tokens["access_token"]).status_code == 200
    assert clients("disable", client.client_id) == f"{client.client_id}\tdisabled\t1 grants ended\n"
    eventually(lambda: client.call_tool(tokens["access_token"]).status_code == 401)
    refused = client.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    page = gateway.browser().http.get(client.authorization_url())
    assert page.status_code == 403
    assert "switched off" in page.text
    clients("enable", client.client_id)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.call_tool(gateway.tokens(client)["access_token"]).status_code == 200


def test_removed_client_is_gone_with_its_tokens(gateway: Gateway, clients: Command, eventually: Eventually) -> None:
    client, other = client_of(gateway, clients("add", "Partner", CALLBACK)), gateway.registered()
    tokens, others = gateway.tokens(client), gateway.tokens(other)
    clients("remove", client.client_id)
    eventually(lambda: client.call_tool(tokens["access_token"]).status_code == 401)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
    assert client.client_id not in clients("list")
    assert other.call_tool(others["access_token"]).status_code == 200


# D-19
def test_client_that_the_operator_added_never_expires(gateway: Gateway, clients: Command) -> None:
    client = client_of(gateway, clients("add", "Partner", CALLBACK))
    gateway.clock.advance(days=400)
    gateway.store(lambda store: store.upkeep.sweep(gateway.clock(), 100))
    assert client.client_id in clients("list")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "Partner"), "redirect_uris must be an array of 1 to 10 URIs."),
        (("add", "Partner", "http://evil.example/cb"), "An http redirect URI must be"),
        (("add", "a\u202eb", CALLBACK), "client_name must be plain text"),
        (("add", "Partner", CALLBACK, "--scope", "everything"), "There is no scope everything."),
        (
            ("add", "Partner", CALLBACK, "--auth", "private_key_jwt"),
            "private_key_jwt needs the client's public keys: a file of them, or their address.",
        ),
        (("add", "Partner", CALLBACK, "--jwks", "no.json"), "--jwks and --auth private_key_jwt belong together"),
        (("show", "client_unknown"), "There is no client client_unknown"),
        (("remove", "client_unknown"), "There is no client client_unknown"),
        (("disable", "client_unknown"), "There is no client client_unknown"),
        (("rotate-secret", "client_unknown"), "There is no client client_unknown"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    run: Run, sqlite_url: str, arguments: tuple[str, ...], sentence: str
) -> None:
    status, out, err = run("clients", *arguments, database_url=sqlite_url)
    assert (status, out) == (2, "")
    assert err.startswith("mcp-auth: ")
    assert sentence in err


def test_client_without_a_secret_has_none_to_rotate(run: Run, sqlite_url: str) -> None:
    _, out, _ = run("clients", "add", "Partner", CALLBACK, database_url=sqlite_url)
    status, _, err = run("clients", "rotate-secret", json.loads(out)["client_id"], database_url=sqlite_url)
    assert status == 2
    assert "has no secret: it authenticates with none." in err


def test_shipped_copies_are_listed_with_their_date(run: Run) -> None:
    status, out, _ = run("clients", "known")
    assert status == 0
    assert "https://claude.ai/oauth/mcp-oauth-client-metadata\tClaude\n" in out
    assert out.startswith("Copies of 20")


OWN_COPIES = {
    "as_of": "2026-11-01",
    "clients": [{"client_id": "https://app.test/client", "client_name": "Our app", "redirect_uris": [CALLBACK]}],
    "vendors": [],
    "custom_redirects": ["ourapp://signed-in"],
}


def test_file_of_known_clients_counts_for_the_commands_too(run: Run, sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(json.dumps(OWN_COPIES))
    listed = run("clients", "known", known_clients=str(file))[1]
    assert listed.startswith("Copies of 2026-11-01")
    assert listed.splitlines()[1:] == ["https://app.test/client\tOur app"]
    adding = ("clients", "add", "Our app", "ourapp://signed-in")
    assert run(*adding, database_url=sqlite_url)[0] == 2
    assert run(*adding, database_url=sqlite_url, known_clients=str(file))[0] == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"{", "is not a file of known clients"),
        (b"[]", "is not a file of known clients"),
        (b"\xff", "is not a file of known clients"),
        (b'{"as_of": "", "clients": [{}], "vendors": [], "custom_redirects": []}', "is not a file of known clients"),
    ],
)
def test_file_of_known_clients_that_is_none_is_told_in_a_sentence(
    run: Run, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "known.json"
    if content is not None:
        file.write_bytes(content)
    for command in ("known", "check-known"):
        told = run("clients", command, known_clients=str(file))
        assert told == (2, "", f"mcp-auth: MCP_AUTH_KNOWN_CLIENTS {problem}.\n")
