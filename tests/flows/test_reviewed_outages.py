"""A database that goes away under every endpoint that clients and people meet: 503, and nothing half done (D-16)."""

from collections.abc import Callable

import httpx

from tests.support.clock import SettableClock
from tests.support.databases import PostgresqlTemplate
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, answer_of

Ask = Callable[[], httpx.Response]
ORIGIN = {"Origin": "https://app.example"}


# D-16, F-19, F-20
def test_every_endpoint_for_programs_says_503_and_does_afterwards_what_was_asked(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        asked = programs(gateway, client)
        with postgresql_template.unreachable(postgresql_url):
            answers = {name: ask() for name, (ask, _) in asked.items()}
        for name, answer in answers.items():
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable"), name
            assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("5", "no-store"), name
            assert answer.headers.get("access-control-allow-origin") == (None if name == "introspect" else "*"), name
        afterwards = {name: ask().status_code for name, (ask, _) in asked.items()}
        assert afterwards == {name: status for name, (_, status) in asked.items()}


def programs(gateway: Gateway, client: RawClient) -> dict[str, tuple[Ask, int]]:
    """What is asked for, and the status when it can be had; each once, in this order."""
    managed = gateway.client().register().json()
    uri, bearer = managed["registration_client_uri"], f"Bearer {managed['registration_access_token']}"
    confidential = gateway.registered(token_endpoint_auth_method="client_secret_post")
    named = {"client_id": confidential.client_id, "client_secret": str(confidential.client_secret)}
    refreshed, revoked, ended = (gateway.tokens(client) for _ in range(3))
    code = {
        "grant_type": "authorization_code",
        "code": gateway.code(client),
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
    }
    mine = {"client_id": client.client_id}
    metadata = {"redirect_uris": [client.redirect_uri], "token_endpoint_auth_method": "none"}

    def post(path: str, **form: str) -> Ask:
        return lambda: client.http.post(f"{client.node}{path}", data=form, headers=ORIGIN)

    def manage(method: str, body: object = None) -> Ask:
        headers = {**ORIGIN, "Authorization": bearer}
        return lambda: client.http.request(method, uri, json=body, headers=headers)

    return {
        "code": (post("/token", **mine, **code), 200),
        "refresh": (post("/token", **mine, grant_type="refresh_token", refresh_token=refreshed["refresh_token"]), 200),
        "secret": (post("/token", **named, grant_type="client_credentials", resource=f"{gateway.url}/mcp"), 400),
        "revoke access": (post("/revoke", **mine, token=revoked["access_token"]), 200),
        "revoke refresh": (post("/revoke", **mine, token=ended["refresh_token"]), 200),
        "introspect": (post("/introspect", **named, token=revoked["access_token"]), 200),
        "push": (lambda: client.http.post(f"{client.node}/par", data=pushed(client), headers=ORIGIN), 201),
        "register": (lambda: client.http.post(f"{client.node}/register", json=metadata, headers=ORIGIN), 201),
        "read registration": (manage("GET"), 200),
        "change registration": (manage("PUT", {**metadata, "client_id": managed["client_id"]}), 200),
        "remove registration": (manage("DELETE"), 204),
    }


def pushed(client: RawClient) -> dict[str, str]:
    return dict(httpx.URL(client.authorization_url()).params)


# D-16, P-16: the page of whoever is in the middle of it goes on where it was.
def test_every_page_says_503_and_goes_on_afterwards_where_it_was(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        outside, inside = gateway.browser(), gateway.browser()
        sign_in = outside.get(client.authorization_url())
        consent = inside.sign_in(inside.get(client.authorization_url()), USER.email, USER.password)
        with postgresql_template.unreachable(postgresql_url):
            for page in (
                client.http.get(client.authorization_url()),
                client.http.get(client.authorization_url(client_id="https://app.example/client.json")),
                outside.get(str(sign_in.url)),
                outside.sign_in(sign_in, USER.email, USER.password),
                outside.submit(sign_in, "/signin", to="/signin/code", email=USER.email),
                outside.submit(sign_in, "/signin", to="/signin/provider", provider="github"),
                inside.get(str(consent.url)),
                inside.submit(consent, "/signout"),
                inside.decide(consent, "deny"),
                inside.decide(consent),
            ):
                assert (page.status_code, page.headers["retry-after"]) == (503, "5")
                assert "Nothing was changed and nothing is lost." in page.text
                assert USER.password not in page.text
        assert "code" in answer_of(inside.decide(consent))
        consent = outside.sign_in(sign_in, USER.email, USER.password)
        assert client.redeem(answer_of(outside.decide(consent))["code"]).status_code == 200


# STD-143: what could not be revoked is good until it is asked for again.
def test_token_that_could_not_be_revoked_is_good_until_it_is(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        tokens = gateway.tokens(client)
        with postgresql_template.unreachable(postgresql_url):
            assert client.revoke(tokens["access_token"]).status_code == 503
            assert client.revoke(tokens["refresh_token"]).status_code == 503
        assert client.call_tool(tokens["access_token"]).status_code == 200
        refreshed = client.refresh(tokens["refresh_token"])
        assert refreshed.status_code == 200
        assert client.revoke(refreshed.json()["refresh_token"]).status_code == 200
        assert client.call_tool(tokens["access_token"]).status_code == 401
