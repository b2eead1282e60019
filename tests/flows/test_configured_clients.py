"""Clients that the operator's file declares come and go with it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import assertion as client_assertion
from servers.configuration.loading import UnusableSettings
from servers.configuration.settings import GatewaySettings
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.complete_settings import load_with
from tests.support.document_server import DocumentServer
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.processes import port_of
from tests.support.raw_client import CALLBACK, RawClient, claims_of

Eventually = Callable[[Callable[[], bool]], None]
PARTNER: dict[str, Any] = {"client_id": "partner", "name": "Partner", "redirect_uris": [CALLBACK]}
KEYS = "https://app.test/keys.json"


@contextmanager
def declaring(
    database_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    *declared: dict[str, Any],
    **more: Any,  # noqa: ANN401
) -> Iterator[Gateway]:
    """A gateway that was started with these in its file."""
    with running_gateway(database_url, supabase, clock, clients=declared, **more) as running:
        yield running


def partner(gateway: Gateway) -> RawClient:
    client = gateway.client()
    client.client_id = "partner"
    return client


def test_declared_client_signs_in_and_loses_its_access_when_it_is_declared_no_more(
    database_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with declaring(database_url, supabase, clock, PARTNER) as gateway:
        client, port = partner(gateway), port_of(gateway.url)
        tokens = gateway.tokens(client)
        assert client.call_tool(tokens["access_token"]).status_code == 200
    with declaring(database_url, supabase, clock, PARTNER, port_to_bind=port) as gateway:
        renewed = partner(gateway).refresh(tokens["refresh_token"])
        assert renewed.status_code == 200
    with declaring(database_url, supabase, clock, port_to_bind=port) as gateway:
        client = partner(gateway)
        assert client.refresh(renewed.json()["refresh_token"]).json()["error"] == "invalid_client"
        assert "switched off" in client.http.get(client.authorization_url()).text
    with declaring(database_url, supabase, clock, PARTNER, port_to_bind=port) as gateway:
        client = partner(gateway)
        assert client.refresh(renewed.json()["refresh_token"]).json()["error"] == "invalid_grant"
        assert gateway.tokens(client)["access_token"]


# D-6: clocks differ, and whoever restarts reads what still matters.
def test_end_of_a_declared_client_is_known_as_long_as_a_slow_clock_takes_its_tokens(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with declaring(sqlite_url, supabase, clock, PARTNER) as gateway:
        expires = claims_of(gateway.tokens(partner(gateway))["access_token"])["exp"]
    with declaring(sqlite_url, supabase, clock) as gateway:
        long_ago = clock() - timedelta(days=1)
        (news,) = gateway.store(lambda store: store.revocations.recorded_after(long_ago, clock()))
    assert news.expires_at.timestamp() >= expires + 120


def test_two_secrets_are_good_while_one_is_rotated(
    database_url: str, supabase: RunningSupabase, clock: SettableClock, run: Run
) -> None:
    made = [json.loads(run("clients", "hash-secret")[1]) for _ in range(2)]
    both = [each["secret_hash"] for each in made]

    def told(hashes: list[str]) -> list[str]:
        declared = {**PARTNER, "auth": "client_secret_post", "secret_hashes": hashes}
        with declaring(database_url, supabase, clock, declared) as gateway:
            sent = (
                partner(gateway).token(
                    grant_type="refresh_token", refresh_token="rt_x", client_secret=each["client_secret"]
                )
                for each in made
            )
            return [answer.json()["error"] for answer in sent]

    assert told(both[:1]) == ["invalid_grant", "invalid_client"]
    assert told(both[::-1]) == ["invalid_grant", "invalid_grant"]
    assert told(both[1:]) == ["invalid_client", "invalid_grant"]


def test_start_that_changes_nothing_writes_nothing(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, capfd: pytest.CaptureFixture[str]
) -> None:
    off = {**PARTNER, "client_id": "off", "disabled": True}
    with declaring(sqlite_url, supabase, clock, PARTNER, off) as gateway:
        before = gateway.store(lambda store: store.clients.newest(10))
    assert capfd.readouterr().out.count("client_configured") == 2
    clock.advance(hours=1)
    with declaring(sqlite_url, supabase, clock, PARTNER, off) as gateway:
        assert gateway.store(lambda store: store.clients.newest(10)) == before
    assert "client_configured" not in capfd.readouterr().out


def test_client_of_the_file_is_changed_in_the_file_alone(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, run: Run
) -> None:
    with declaring(sqlite_url, supabase, clock, PARTNER):
        pass
    assert "partner\tconfigured\tenabled\tPartner\n" in run("clients", "list", database_url=sqlite_url)[1]
    for command in ("disable", "enable", "remove", "rotate-secret"):
        status, _, err = run("clients", command, "partner", database_url=sqlite_url)
        assert (status, err) == (
            2,
            "mcp-auth: partner is declared in mcp-auth.toml: change it there, and restart the nodes.\n",
        )


def test_client_that_is_registered_by_other_means_is_left_as_it_is(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, capfd: pytest.CaptureFixture[str]
) -> None:
    with declaring(sqlite_url, supabase, clock) as gateway:
        client_id = gateway.registered().client_id
        stored = gateway.store(lambda store: store.clients.get(ClientId(client_id)))
    assert stored is not None
    with declaring(sqlite_url, supabase, clock, {**PARTNER, "client_id": "dynamic-one"}) as gateway:
        assert gateway.store(lambda store: store.clients.get(ClientId(client_id))) == stored
    assert "client_not_configured" not in capfd.readouterr().out


BAD: list[tuple[dict[str, Any], str]] = [
    ({"client_id": "client_x"}, "clients[0].client_id must be letters, digits"),
    ({"client_id": "a b"}, "clients[0].client_id must be letters, digits"),
    ({"client_id": "https://x.example/"}, "clients[0].client_id must be letters, digits"),
    ({"client_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}, "no UUID"),
    ({"name": None}, "clients[0].name"),
    ({"colour": "red"}, "clients[0].colour"),
    ({"auth": "magic"}, "clients[0].auth"),
    ({"grants": ["password"]}, "clients[0].grants[0]"),
    (
        {"secret_hashes": ["x"], "auth": "client_secret_post"},
        "must be hashes that `mcp-auth clients hash-secret` printed",
    ),
    ({"auth": "client_secret_post"}, "The client partner: secret_hashes and auth"),
    ({"redirect_uris": ["http://evil.example/cb"]}, "The client partner: An http redirect URI must be"),
    ({"redirect_uris": []}, "The client partner: redirect_uris must be"),
    ({"scope": "everything"}, "The client partner: There is no scope everything"),
    ({"grants": ["client_credentials"]}, "The client partner: client-credentials and jwt-bearer are for clients that"),
    ({"auth": "private_key_jwt"}, "The client partner: private_key_jwt needs the client's public keys"),
    ({"auth": "private_key_jwt", "jwks_uri": "http://x.example/k"}, "The address of the key set must be an https URL"),
    ({"auth": "private_key_jwt", "jwks_file": "no.json"}, "no.json cannot be read"),
    ({"jwks_uri": "https://x.example/k"}, "Keys and auth private_key_jwt belong together"),
    ({"introspects": ["https://auth.test/mcp"]}, "has to authenticate"),
]


@pytest.mark.parametrize(("changed", "sentence"), BAD)
def test_client_that_cannot_be_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableSettings) as refused:
        _load({**PARTNER, **changed})
    assert sentence in str(refused.value)


def test_redirect_of_a_known_app_is_one_that_the_file_of_known_clients_names(tmp_path: Path) -> None:
    declared = {**PARTNER, "redirect_uris": ["ourapp://signed-in"]}
    with pytest.raises(UnusableSettings, match="must be https"):
        _load(declared)
    file = tmp_path / "known.json"
    file.write_text('{"as_of": "", "clients": [], "vendors": [], "custom_redirects": ["ourapp://signed-in"]}')
    assert load_with(clients=[declared], known_clients=file).clients


def test_client_that_is_declared_twice_is_refused() -> None:
    with pytest.raises(UnusableSettings, match="The client partner is declared twice"):
        _load(PARTNER, PARTNER)


def test_file_is_read_as_it_stands_in_the_readme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mcp-auth.toml").write_text(
        '[[clients]]\nclient_id = "partner"\nname = "Partner"\nredirect_uris = ["https://partner.example/cb"]\n'
    )
    assert [each.client_id for each in _load().clients] == ["partner"]


def test_keys_that_a_client_publishes_are_found_when_it_changes_them(
    database_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer, eventually: Eventually
) -> None:
    first, second, never = ec_key(71), ec_key(72), ec_key(73)
    declared = {**PARTNER, "auth": "private_key_jwt", "jwks_uri": KEYS}

    def sign(gateway: Gateway, key: Any) -> int:  # noqa: ANN401
        now = clock().timestamp()
        claims = {"iss": "partner", "sub": "partner", "aud": gateway.url, "exp": now + 60, "jti": str(next(numbers))}
        assertion = jws({"alg": "ES256", "kid": "k"}, claims, es256(key))
        return (
            partner(gateway)
            .token(
                grant_type="refresh_token",
                refresh_token="rt_x",
                client_assertion=assertion,
                client_assertion_type=client_assertion.TYPE,
            )
            .status_code
        )

    numbers = iter(range(1000))
    hosts.publish(KEYS, {"keys": [public_jwk(first.public_key(), "k")]})
    with declaring(database_url, supabase, clock, declared, network=hosts.network()) as gateway:
        # D-8: the request itself looks nothing up, and is told to come back.
        assert sign(gateway, first) == 503
        eventually(lambda: sign(gateway, first) == 400)
        hosts.publish(KEYS, {"keys": [public_jwk(second.public_key(), "k")]})
        # Whoever signs with what he likes makes us look every five minutes at most.
        assert sign(gateway, never) == 401
        assert len(hosts.asked) == 1
        clock.advance(minutes=5)
        assert sign(gateway, second) == 503
        eventually(lambda: sign(gateway, second) == 400)
        assert sign(gateway, first) == 401
        assert len(hosts.asked) == 2
    with declaring(database_url, supabase, clock, declared, network=hosts.network()) as gateway:
        assert sign(gateway, second) == 400


def _load(*declared: dict[str, Any]) -> GatewaySettings:
    given = [{name: value for name, value in each.items() if value is not None} for each in declared]
    return load_with(**({"clients": given} if given else {}))
