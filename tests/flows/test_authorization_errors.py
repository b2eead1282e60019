"""What is wrong with an authorization request, and who is told: the person, or the client (D-18)."""

import pytest

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, Registration
from tests.support.gateway import USER, Gateway
from tests.support.raw_client import CALLBACK, RawClient, answer_of

FAULTS: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "é" * 43}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"scope": "no:such:scope"}, "invalid_scope"),
    ({"scope": 'mcp:read "'}, "invalid_scope"),
    ({"scope": "mcp:admin"}, "invalid_scope"),
    ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
    ({"resource": "mcp"}, "invalid_target"),
    ({"resource": "javascript:1"}, "invalid_target"),
    ({"request": "eyJ"}, "invalid_request"),
    ({"request": "eyJ.e30."}, "invalid_request"),
]


def preregistered(gateway: Gateway) -> RawClient:
    """A client that the operator vouches for."""
    client = gateway.client()
    client.client_id = "known-client"
    known = Client(
        ClientId("known-client"),
        Registration.PREREGISTERED,
        "Known",
        (CALLBACK,),
        ClientAuthenticationMethod.NONE,
        None,
        GRANTS_OF_PEOPLE,
        frozenset(),
        gateway.clock(),
    )
    gateway.store(lambda store: store.clients.put(known))
    return client


# F-18
@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_known_client_is_told_at_its_redirect_uri(
    sqlite_gateway: Gateway, fault: dict[str, str | None], error: str
) -> None:
    client = preregistered(sqlite_gateway)
    response = client.http.get(client.authorization_url(**fault))
    assert response.status_code == 303
    answer = answer_of(response)
    assert answer["error"] == error
    assert answer["state"] == "some-state"
    assert answer["iss"] == sqlite_gateway.url


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_self_registered_client_gets_a_page_with_a_way_back_until_somebody_signed_in(
    sqlite_gateway: Gateway, fault: dict[str, str | None], error: str
) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    page = browser.get(client.authorization_url(**fault))
    assert page.status_code == 400
    assert "Back to the app" in page.text
    assert f"error={error}" in page.text
    browser.connect(client.authorization_url(), USER.email, USER.password)
    told = browser.get(client.authorization_url(**fault))
    assert told.status_code == 303
    assert answer_of(told)["error"] == error


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "unknown"},
        {"client_id": "x" * 3000},
        {"client_id": "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1:33418/other"},
        {"redirect_uri": "http://localhost:33418/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:33418/callback#fragment"},
        {"redirect_uri": "http://127.0.0.1:99999/callback"},
    ],
)
def test_nothing_is_redirected_before_client_and_redirect_uri_are_proven(
    sqlite_gateway: Gateway, changed: dict[str, str | None]
) -> None:
    client = sqlite_gateway.registered()
    response = client.http.get(client.authorization_url(**changed))
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "evil.example" not in response.text


def test_any_port_of_the_registered_loopback_redirect_will_do(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    client.redirect_uri = "http://127.0.0.1:50999/callback"
    redirect = sqlite_gateway.browser().connect(client.authorization_url(), USER.email, USER.password)
    assert redirect.headers["location"].startswith("http://127.0.0.1:50999/callback?")
    assert client.redeem(answer_of(redirect)["code"]).status_code == 200


# F-18
def test_redirect_uri_keeps_its_own_query(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.client(redirect_uri="https://app.example/cb?x=1&y=%20")
    assert client.register().status_code == 201
    redirect = sqlite_gateway.browser().connect(client.authorization_url(), USER.email, USER.password)
    assert redirect.headers["location"].startswith("https://app.example/cb?x=1&y=%20&code=ac_")


def test_state_comes_back_byte_for_byte(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    state = "+ % & = é \u2028 /?#" + "x" * 2000
    redirect = sqlite_gateway.browser().connect(client.authorization_url(state=state), USER.email, USER.password)
    assert answer_of(redirect)["state"] == state


@pytest.mark.parametrize("repeated", ["&state=again", "&client_id=other", "&scope=mcp:read&scope=mcp:read"])
def test_repeated_parameter_is_refused(sqlite_gateway: Gateway, repeated: str) -> None:
    client = sqlite_gateway.registered()
    response = client.http.get(client.authorization_url() + repeated)
    assert response.status_code == 400
    assert "repeated" in response.text


def test_two_resources_are_refused(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    url = client.authorization_url() + f"&resource={sqlite_gateway.url}/mcp-admin"
    assert client.http.get(url).status_code == 400


def test_resource_is_bound_in_its_canonical_form(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    spelled = sqlite_gateway.url.replace("http://", "HTTP://") + "/mcp/"
    code = sqlite_gateway.code(client, resource=spelled)
    assert client.redeem(code, resource=spelled).status_code == 200


def test_missing_resource_means_the_user_server(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    code = sqlite_gateway.code(client, resource=None)
    token = client.redeem(code, resource=None).json()["access_token"]
    assert client.call_tool(token).status_code == 200


def test_unregistered_scope_may_be_asked_for_and_foreign_scopes_are_left_out(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered(scope="mcp:read")
    tokens = sqlite_gateway.tokens(client, scope="mcp:read mcp:write mcp:admin api offline_access")
    assert tokens["scope"] == "mcp:read mcp:write offline_access"


# STD-49, STD-133: what is ignored is not kept either.
def test_request_is_kept_without_what_has_no_meaning_here(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    answer = client.http.get(client.authorization_url(foo="x" * 4000, prompt="consent"))
    handle = str(answer.headers["location"]).partition("=")[2]
    kept = sqlite_gateway.store(lambda store: store.requests.get(digest(handle)))
    assert kept is not None
    assert "state=some-state" in kept.query
    assert "foo" not in kept.query
    assert len(kept.query) < 1000
