"""P-14: a page's form-action that keeps Chromium from going back to the client, and one that does not."""

import pytest

from servers.doctor.checks import pages
from servers.doctor.evidence import csp as policies
from servers.doctor.evidence.observations import Answer, Observations, Registration, Visited
from servers.doctor.findings import Level
from servers.doctor.visit import chosen
from tests.support.doctor import NOW, examine, of
from tests.support.faulty_server import FaultyServer

PAGE = "https://x.example/consent"
LOOPBACK, HOSTED, CUSTOM = "http://127.0.0.1:33418/", "https://claude.ai/api/mcp/auth_callback", "cursor://a/b"
BLOCKING = "form-action 'self'"


@pytest.mark.parametrize(
    ("policy", "uri", "allowed"),
    [
        ("", HOSTED, True),
        ("default-src 'none'", HOSTED, True),
        ("form-action 'none'", HOSTED, False),
        ("form-action", HOSTED, False),
        ("form-action 'self'", HOSTED, False),
        ("form-action 'self'", "https://x.example/cb", True),
        ("FORM-ACTION 'SELF'", "https://X.example:443/cb", True),
        ("form-action 'self' https://claude.ai", HOSTED, True),
        ("form-action https://claude.ai/elsewhere", HOSTED, True),
        ("form-action claude.ai", HOSTED, True),
        ("form-action http://claude.ai", HOSTED, True),
        ("form-action https://claude.ai:8443", HOSTED, False),
        ("form-action https://claude.ai:*", HOSTED, True),
        ("form-action https://*.claude.ai", HOSTED, False),
        ("form-action https://*.example", "https://a.b.example/cb", True),
        ("form-action https:", HOSTED, True),
        ("form-action http:", HOSTED, True),
        ("form-action https:", LOOPBACK, False),
        ("form-action http:", LOOPBACK, True),
        ("form-action http://127.0.0.1", LOOPBACK, False),
        ("form-action http://127.0.0.1:*", LOOPBACK, True),
        ("form-action http://127.0.0.1:33418", LOOPBACK, True),
        ("form-action http://localhost:*", LOOPBACK, False),
        ("form-action *", HOSTED, True),
        ("form-action *", CUSTOM, False),
        ("form-action cursor:", CUSTOM, True),
        ("form-action https:", CUSTOM, False),
        ("default-src 'self'; form-action https:; base-uri 'none'", HOSTED, True),
        ("form-action https:, form-action 'none'", HOSTED, False),
        ("form-action 'nonce-x' @@@ ://", HOSTED, False),
    ],
)
def test_form_action_lets_a_form_end_there_or_not(policy: str, uri: str, allowed: bool) -> None:
    assert policies.lets_forms_end_at(uri, policy, PAGE) is allowed


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<meta http-equiv="Content-Security-Policy" content="form-action \'none\'">', ["form-action 'none'"]),
        ("<META CONTENT=x HTTP-EQUIV=content-security-policy>", ["x"]),
        ("<meta name=viewport content=x><p content=y>", []),
        ("<meta " * 100_000, []),
    ],
)
def test_policies_in_the_page_count_as_well(html: str, found: list[str]) -> None:
    assert policies.in_page(html) == found


def levels(page: str, policy: str = BLOCKING, status: int = 200) -> set[Level]:
    headers = {"content-type": "text/html", "content-security-policy": policy}
    shown = Answer("GET", PAGE, status, headers, page)
    registration = Registration("claude", shown, [Visited(HOSTED, shown, shown)])
    found = pages.check(Observations("https://x.example/mcp", NOW, registrations=[registration]), chosen(["claude"]))
    return {each.level for each in found}


def test_page_that_asks_for_consent_is_warned_of() -> None:
    assert levels('<form><button name="decision" value="allow">Allow</button></form>') == {Level.WARNING}
    assert levels("<form><button>Allow</button></form>", "default-src 'none'") == {Level.OK}


@pytest.mark.parametrize("kind", ['type="password"', "type=email", "name=a type='tel'", "TYPE=text"])
def test_page_where_people_sign_in_is_not_the_one_whose_form_ends_at_the_client(kind: str) -> None:
    assert levels(f"<form><input {kind}></form>") == {Level.OK}


def test_redirect_is_no_page_though_it_has_one() -> None:
    assert levels("<p>Redirecting</p>", status=303) == set()


async def test_browser_is_played_with_its_cookies_and_within_the_origin(server: FaultyServer) -> None:
    server.plant("form-action behind a redirect")
    (finding, *_) = of(await examine(server.resource), "form_action")
    assert (finding.level, finding.pitfall) == (Level.WARNING, "P-14")
    assert finding.says.startswith(f"The page at {server.url}/consent has ")
    assert "request=" not in finding.says


async def test_cookies_of_one_browser_are_not_sent_by_another(server: FaultyServer) -> None:
    server.plant("form-action behind a redirect")
    await examine(server.resource)
    assert server.asked["consent"] > 1
    assert server.with_cookies == {"consent"}
