"""The doctor names what keeps a client out: each of P-1 to P-18 that shows from outside, planted one at a time.

What does not show from outside: P-17 (one public and one private tool are a wish, not a fault of an answer)."""

from dataclasses import replace

import pytest

from servers.doctor.findings import Level
from tests.support.doctor import EVERYBODY, agreeing, at_fault, examine, of
from tests.support.faulty_server import FaultyServer

# What a reader sees was looked at, wherever nothing is wrong.
FAMILIES = {
    *("discovery", "issuer", "resource", "tls", "redirects", "cors", "registration", "challenge", "step_up", "time"),
    *("endpoints", "rate_limit", "errors", "form_action", "reachable_from_outside"),
}


async def test_sound_deployment_has_nothing_wrong_for_anybody(server: FaultyServer) -> None:
    findings = await examine(server.resource, person=agreeing())
    assert at_fault(findings) == set()
    assert {each.check for each in findings} >= {*FAMILIES, "audience", "call", "protocol", "refresh", "revocation"}


async def test_check_that_passed_is_a_line_without_signing_in(server: FaultyServer) -> None:
    findings = await examine(server.resource)
    assert at_fault(findings) == set()
    assert {each.check for each in findings} >= FAMILIES


# P-1, P-3 to P-10, P-13 to P-16, P-18
@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("HTML errors", "P-1"),
        ("token redirects", "P-1"),
        ("metadata is redirected", "P-1"),
        ("403 instead of 401", "P-1"),
        ("no challenge", "P-1"),
        ("challenge names nothing", "P-1"),
        ("challenge without quotes", "P-1"),
        ("relative challenge", "P-1"),
        ("Basic first", "P-1"),
        ("resource of another host", "P-1"),
        ("resource is the origin", "P-1"),
        ("no resource metadata", "P-1"),
        ("no authorization server", "P-1"),
        ("authorization server is no URL", "P-1"),
        ("no server metadata", "P-1"),
        ("issuer of another host", "P-1"),
        ("openid token endpoint elsewhere", "P-1"),
        ("no S256", "P-1"),
        ("no token endpoint", "P-1"),
        ("no response types", "P-1"),
        ("scopes are text", "P-1"),
        ("endpoints are numbers", "P-1"),
        ("relative endpoints", "P-1"),
        ("no registration", "P-1"),
        ("500 at the registration", "P-1"),
        ("500 at the sign-in", "P-1"),
        ("registrations pile up", "P-3"),
        ("registrations cannot be removed", "P-3"),
        ("documents cannot be fetched", "P-4"),
        ("resource with a slash", "P-5"),
        ("issuer with a slash", "P-5"),
        ("openid issuer with a slash", "P-5"),
        ("root names another resource", "P-6"),
        ("loopback port refused", "P-7"),
        ("localhost refused", "P-7"),
        ("issuer with a path", "P-8"),
        ("no scopes", "P-9"),
        ("scopes are refused", "P-9"),
        ("step-up is refused", "P-9"),
        ("step-up is refused on a page", "P-9"),
        ("guest instead of 401", "P-10"),
        ("bad token is a guest", "P-10"),
        ("dead client is invalid_grant", "P-13"),
        ("dead client is 400", "P-13"),
        ("empty page", "P-13"),
        ("form-action", "P-14"),
        ("form-action behind a redirect", "P-14"),
        ("429 without Retry-After", "P-15"),
        ("429 when it is repeated", "P-15"),
        ("errors without a code", "P-16"),
        ("errors without a description", "P-16"),
        ("500 at the token endpoint", "P-16"),
        ("no error code in challenge", "P-16"),
        ("redirect to a slash", "P-18"),
        ("redirect from a slash", "P-18"),
        ("plain http authorization server", "P-18"),
        ("no iss", "iss"),
        ("documents without none", "documents"),
        ("no key set", "jwks"),
        ("open redirect", "open_redirect"),
        ("no CORS", "cors"),
    ],
)
async def test_planted_fault_is_named(server: FaultyServer, planted: str, named: str) -> None:
    server.plant(planted)
    findings = await examine(server.resource)
    assert named in at_fault(findings), findings
    for each in findings:
        assert each.says.endswith(".")
        if each.level is not Level.OK:
            assert each.client_does.endswith(".")
            assert each.mend.endswith(".")


# P-1, P-2, P-9 to P-12, P-14
@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("own token refused", "P-1"),
        ("code refused", "P-1"),
        ("another state", "P-1"),
        ("another iss in answers", "P-1"),
        ("no handshake", "P-1"),
        ("refresh race", "P-2"),
        ("refused refresh is the last", "P-2"),
        ("401 for too little scope", "P-9"),
        ("403 without a word", "P-9"),
        ("403 without scopes", "P-9"),
        ("another 403 after it", "P-9"),
        ("no refresh token", "P-10"),
        ("sessions", "P-11"),
        ("token without audience", "P-12"),
        ("foreign resource", "P-12"),
        ("resource is ignored", "P-12"),
        ("revocation does nothing", "revocation"),
        ("revocation wants a secret", "revocation"),
    ],
)
async def test_fault_that_shows_only_after_signing_in_is_named(server: FaultyServer, planted: str, named: str) -> None:
    server.plant(planted)
    assert at_fault(await examine(server.resource, person=agreeing())) == {named}


# P-14
async def test_browser_that_never_comes_back_is_told_of(server: FaultyServer) -> None:
    server.plant("browser is never sent back")
    impatient = replace(agreeing(), patience=0.5)
    assert at_fault(await examine(server.resource, register=False, person=impatient)) == {"P-14"}


# P-1
async def test_answer_that_takes_too_long_is_told_with_its_time(server: FaultyServer) -> None:
    server.plant(delay=0.2)
    hasty = [replace(profile, seconds=0.1) for profile in EVERYBODY]
    (slow, *_) = of(await examine(server.resource, hasty, register=False), "time")
    assert (slow.pitfall, slow.level) == ("P-1", Level.FAULT)
    assert "took 0." in slow.says


async def test_every_authorization_request_counts_for_the_time(server: FaultyServer) -> None:
    server.plant(delay=0.2)
    hasty = [replace(profile, seconds=0.1, client_id_url=None) for profile in EVERYBODY[:1]]
    with_registration = of(await examine(server.resource, hasty), "time")
    assert with_registration[0].level is Level.FAULT
    assert server.asked["authorize"] > 1


async def test_finding_of_some_clients_names_them(server: FaultyServer) -> None:
    server.plant("localhost refused")
    concerned = [each.clients for each in await examine(server.resource) if each.level is Level.FAULT]
    assert sorted(concerned) == [("cursor",), ("gemini",), ("inspector",)]


# P-13
async def test_status_alone_is_not_as_bad_as_the_wrong_error(server: FaultyServer) -> None:
    server.plant("dead client is 400")
    (status,) = of(await examine(server.resource), "dead_client")
    server.plant("dead client is invalid_grant")
    (error,) = of(await examine(server.resource), "dead_client")
    assert (status.level, error.level) == (Level.WARNING, Level.FAULT)


# P-12
async def test_resource_that_is_ignored_is_not_as_bad_as_a_token_for_it(server: FaultyServer) -> None:
    server.plant("resource is ignored")
    (ignored,) = of(await examine(server.resource, person=agreeing()), "foreign_resource")
    server.plant("foreign resource")
    (issued,) = of(await examine(server.resource, person=agreeing()), "foreign_resource")
    assert (ignored.level, issued.level) == (Level.WARNING, Level.FAULT)


# P-18
async def test_redirect_that_loses_the_request_is_worse_than_one_that_may_keep_it(server: FaultyServer) -> None:
    server.plant("redirect to a slash")
    (kept,) = of(await examine(server.resource), "redirects")
    server.plant("redirect to a slash", "and makes it a GET")
    (lost,) = of(await examine(server.resource), "redirects")
    assert (kept.level, lost.level) == (Level.WARNING, Level.FAULT)
    assert "makes a GET of its POST" in lost.client_does


# P-7
async def test_server_that_fails_has_not_refused_a_redirect(server: FaultyServer) -> None:
    for planted in ("500 at the registration", "500 at the sign-in"):
        server.plant(planted)
        assert at_fault(await examine(server.resource)) == {"P-1", "P-16"}


# P-15
async def test_registration_that_a_limit_refused_is_told_of_once(server: FaultyServer) -> None:
    server.plant("429 without Retry-After")
    findings = await examine(server.resource)
    assert [each.check for each in findings if each.level is Level.FAULT] == ["rate_limit"]


async def test_revocation_that_is_refused_is_told_with_its_answer(server: FaultyServer) -> None:
    server.plant("revocation wants a secret")
    (finding,) = of(await examine(server.resource, person=agreeing()), "revocation")
    assert finding.says.endswith("and gets 401 invalid_client.")


# P-3
async def test_registration_that_can_be_removed_is_not_repeated(server: FaultyServer) -> None:
    await examine(server.resource, EVERYBODY[:1])
    assert server.asked["register"] == 1 + 1  # and the one that steps up
