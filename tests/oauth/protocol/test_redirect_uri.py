"""Which redirect URI is the client's, and what an answer to it looks like (D-20)."""

from itertools import product
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oauth.protocol import redirect_uri
from oauth.protocol.redirect_uri import RedirectTarget
from tests.support.builders import refused

ISSUER = "https://auth.test"
WEB = "https://app.example/cb"


@pytest.mark.parametrize(
    "uri",
    [
        WEB,
        "https://app.example/cb?x=1",
        "http://127.0.0.1:33418/cb",
        "http://[::1]/cb",
        "http://localhost/cb",
        "com.example.app:/cb",
    ],
)
def test_registered_uri_is_the_target_with_the_state_of_the_request(uri: str) -> None:
    assert redirect_uri.match(["https://other.example/", uri], uri, "s") == RedirectTarget(uri, "s")


# STD-18: no prefixes, no patterns, no normalisation.
@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb/",
        "https://app.example/cb2",
        "https://app.example/CB",
        "https://app.example/c%62",
        "https://app.example/x/../cb",
        "https://app.example//cb",
        "https://app.example/cb?x=1",
        "https://app.example/cb?",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://app.example/cb\n",
        " https://app.example/cb",
        "https://app.example/",
        "https://app.example",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:443/cb",
        "https://app.example./cb",
        "https://app.example.evil.example/cb",
        "https://app.example@evil.example/cb",
        "https://evil.example/https://app.example/cb",
        "https://evil.example\\@app.example/cb",
        "https://app.example\t/cb",
        "https://app.\u0435xample/cb",
        "http://app.example/cb",
        "//app.example/cb",
        "/cb",
        "javascript:alert(1)",
        "*",
    ],
)
def test_uri_that_is_not_the_registered_string_is_nowhere_to_redirect_to(uri: str) -> None:
    outcome = redirect_uri.match([WEB, "https://other.example/"], uri, "s")
    assert refused(outcome) == ("invalid_request", "redirect_uri_mismatch")


# P-7, STD-42, STD-193; clients.md: each start of a desktop client may bring another port.
@pytest.mark.parametrize(
    ("registered", "uri"),
    [
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50999/cb"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65535/cb"),
        ("http://[::1]:33418/cb", "http://[::1]:50999/cb"),
        ("http://localhost/callback", "http://localhost:3118/callback"),
        ("http://localhost:1/cb?x=1", "http://localhost:2/cb?x=1"),
    ],
)
def test_port_of_a_loopback_redirect_is_free(registered: str, uri: str) -> None:
    assert redirect_uri.match([registered], uri, None) == RedirectTarget(uri, None)


# F-5, STD-195, STD-198: the port is all that is free.
@pytest.mark.parametrize(
    ("registered", "uri"),
    [
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb2"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb/x"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb?x=1"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb#x"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/CB"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999/cb\n"),
        ("http://127.0.0.1:33418/cb", "http://127.0.0.1:50999"),
        ("http://127.0.0.1:33418/cb", "https://127.0.0.1:50999/cb"),
        ("http://127.0.0.1:33418/cb", "http://localhost:33418/cb"),
        ("http://127.0.0.1:33418/cb", "http://[::1]:33418/cb"),
        ("http://localhost/cb", "http://127.0.0.1/cb"),
        ("http://localhost/cb", "http://LOCALHOST:1/cb"),
        ("http://localhost/cb", "http://localhost./cb"),
        ("http://localhost/cb", "http://localhost.evil.example/cb"),
        ("http://localhost/cb", "http://localhost:80.evil.example/cb"),
        ("http://localhost/cb", "http://localhost:80@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://user@127.0.0.1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1\\@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.2/cb"),
        ("http://127.0.0.1/cb", "http://127.1/cb"),
        ("http://127.0.0.1/cb", "http://0x7f000001/cb"),
        ("http://127.0.0.1/cb", "http://2130706433/cb"),
        ("http://127.0.0.1/cb", "http://0.0.0.0/cb"),
        ("http://127.0.0.1/cb", "http://[::ffff:127.0.0.1]/cb"),
        ("http://127.0.0.1/cb", "http://\uff11\uff12\uff17.0.0.1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:-1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8o/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:٣/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:000080/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb"),
        ("https://127.0.0.1/cb", "https://127.0.0.1:8443/cb"),
        ("https://localhost/cb", "https://localhost:8443/cb"),
        ("http://[::1]/cb", "http://[::1%25lo]/cb"),
        ("http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]/cb"),
        ("http://[::1]/cb", "http://[::1]evil.example/cb"),
        ("com.example.app:/cb", "com.example.app://evil/cb"),  # STD-199
        ("com.example.app:/cb", "com.example.app:80/cb"),
    ],
)
def test_nothing_but_the_port_of_a_loopback_redirect_is_free(registered: str, uri: str) -> None:
    assert refused(redirect_uri.match([registered], uri, None)) == ("invalid_request", "redirect_uri_mismatch")


HOSTS = ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "localhost.evil.example", "evil.example", "127.1", "[::]"]
PORTS = ["", ":", ":0", ":1", ":80", ":33418", ":65535", ":65536", ":99999", ":080", ":8o", ":80:80"]
RESTS = ["", "/", "/cb", "/cb/", "/cb?x=1", "/cb?x=2", "/cb#f", "/CB", "/%63b", "?x=1", "/cb\n"]
SCHEMES = ["http://", "https://", "HTTP://", "com.example.app:/"]
USERS = ["", "127.0.0.1@", "localhost:80@"]
URIS = ["".join(parts) for parts in product(SCHEMES, USERS, HOSTS, PORTS, RESTS)]
REGISTRABLE = [uri for uri in URIS if redirect_uri.check_registrable(uri) is None]
LOOPBACK = [uri for uri in URIS if uri.startswith(("http://1", "http://[", "http://l"))]


def loopback_parts(uri: str) -> tuple[str, str, str] | None:
    """Origin, port and rest of a loopback URI, by cutting and counting: the oracle."""
    for origin in ("http://127.0.0.1", "http://[::1]", "http://localhost"):
        if uri.startswith(origin):
            after = uri[len(origin) :]
            port = ""
            if after.startswith(":"):
                digits = len(after[1:]) - len(after[1:].lstrip("0123456789"))
                port, after = after[1 : 1 + digits], after[1 + digits :]
                if not 1 <= digits <= 5 or not 1 <= int(port) <= 65535:
                    return None
            if after == "" or after[0] in "/?":
                return origin, port, after
    return None


# Every spelling of a loopback URI, and some of all others, against a few registered ones.
@settings(max_examples=50)
@given(st.lists(st.sampled_from(REGISTRABLE), min_size=1, max_size=3), st.lists(st.sampled_from(URIS), max_size=20))
def test_match_agrees_with_an_oracle_that_cuts_and_counts(registered: list[str], others: list[str]) -> None:
    for sent in [*LOOPBACK[::7], *others, *registered]:
        parts = loopback_parts(sent)
        expected = sent in registered or any(
            parts is not None and known is not None and (parts[0], parts[2]) == (known[0], known[2])
            for known in map(loopback_parts, registered)
        )
        assert (redirect_uri.match(registered, sent, None) == RedirectTarget(sent, None)) is expected


@given(st.lists(st.sampled_from(REGISTRABLE), max_size=3), st.text(max_size=40))
def test_no_text_makes_match_raise_or_redirect(registered: list[str], uri: str) -> None:
    assume(uri not in registered)
    assert refused(redirect_uri.match(registered, uri, None)) == ("invalid_request", "redirect_uri_mismatch")


# STD-44
def test_uri_may_be_left_out_only_where_one_is_registered() -> None:
    assert redirect_uri.match([WEB], None, "s") == RedirectTarget(WEB, "s")
    for registered in ([], [WEB, "https://app.example/other"]):
        outcome = redirect_uri.match(registered, None, "s")
        assert refused(outcome) == ("invalid_request", "redirect_uri_missing")


# F-18, STD-8, STD-63, STD-64, STD-116: the URI's own query stays, state comes back, iss stands in every answer.
@pytest.mark.parametrize(
    ("uri", "state", "expected"),
    [
        (WEB, "xyz", "https://app.example/cb?code=ac_1&state=xyz&iss=https%3A%2F%2Fauth.test"),
        (WEB, None, "https://app.example/cb?code=ac_1&iss=https%3A%2F%2Fauth.test"),
        (f"{WEB}?x=1", "s", "https://app.example/cb?x=1&code=ac_1&state=s&iss=https%3A%2F%2Fauth.test"),
        (f"{WEB}?", "s", "https://app.example/cb?code=ac_1&state=s&iss=https%3A%2F%2Fauth.test"),
        (f"{WEB}?x=1&", "s", "https://app.example/cb?x=1&code=ac_1&state=s&iss=https%3A%2F%2Fauth.test"),
        ("com.example.app:/cb", "s", "com.example.app:/cb?code=ac_1&state=s&iss=https%3A%2F%2Fauth.test"),
        (WEB, "a b+&=#é", "https://app.example/cb?code=ac_1&state=a%20b%2B%26%3D%23%C3%A9&iss=https%3A%2F%2Fauth.test"),
    ],
)
def test_answer_goes_to_the_uri_with_state_and_issuer(uri: str, state: str | None, expected: str) -> None:
    assert RedirectTarget(uri, state).answer(ISSUER, {"code": "ac_1"}) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), st.sampled_from([WEB, f"{WEB}?x=1"]))
def test_state_of_any_text_comes_back_once_and_unchanged(state: str, uri: str) -> None:
    answer = RedirectTarget(uri, state).answer(ISSUER, {"error": "access_denied"})
    added = parse_qsl(urlsplit(answer).query, keep_blank_values=True, strict_parsing=True)
    own = [("x", "1")] if uri.endswith("x=1") else []
    assert added == [*own, ("error", "access_denied"), ("state", state), ("iss", ISSUER)]
    assert answer.isascii()


# D-21, STD-26
@pytest.mark.parametrize(
    ("uri", "host"),
    [
        (WEB, "app.example"),
        ("https://App.Example:8443/cb", "app.example"),
        ("http://127.0.0.1:1/cb", "127.0.0.1"),
        ("http://[::1]:1/cb", "::1"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app://good.example/cb", "com.example.app:"),
    ],
)
def test_host_is_what_people_are_shown(uri: str, host: str) -> None:
    assert redirect_uri.host(uri) == RedirectTarget(uri, None).host == host


# STD-26: a client that stays on the machine is warned of; one that only looks so is not local.
@pytest.mark.parametrize(
    ("uri", "loopback"),
    [
        ("http://127.0.0.1:1/cb", True),
        ("http://[::1]/cb", True),
        ("http://localhost/cb", True),
        ("https://localhost/cb", False),
        ("http://localhost.evil.example/cb", False),
        ("http://127.0.0.1@evil.example/cb", False),
        ("com.example.app:/cb", False),
    ],
)
def test_loopback_is_the_persons_own_machine_and_nothing_like_it(uri: str, loopback: bool) -> None:
    assert redirect_uri.is_loopback(uri) is loopback
