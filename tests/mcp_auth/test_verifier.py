"""Tokens of our own, verified for one resource (D-5, D-6, D-10, D-13)."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from mcp_auth.principal import Principal, TokenKind
from mcp_auth.rejection import Rejection
from mcp_auth.tokens.revocations import Revocations
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.verifier import SupabaseTokenVerifier
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, GrantId, Role, Subject
from oauth.protocol.access_token import AccessToken
from oauth.protocol.models import Revocation, RevocationKind
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, API, NOW, PUBLIC_URL, USER, scopes
from tests.support.clock import SettableClock
from tests.support.forging import constant, ec_key, es256
from tests.support.people import People
from tests.support.tokens import (
    ISSUED_AT,
    OurKeys,
    make_access_claims,
    make_access_header,
    make_access_token,
    without,
)

TOKEN = make_access_token()
PRINCIPAL = Principal(
    subject=Subject("subject_1"),
    role=Role.USER,
    resource=USER.identifier,
    scopes=scopes("mcp:read mcp:write"),
    kind=TokenKind.FIRST_PARTY,
    client_id=ClientId("client_1"),
    grant_id=GrantId("grant_1"),
    token_id="0.token_1",
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    acr="aal1",
)


class Node:
    """What the verifiers of one process share."""

    def __init__(self, clock: SettableClock) -> None:
        clock.now = NOW
        self.clock = clock
        self.people = People()
        self.people.put("subject_1")
        self.standings = AccessStatuses(self.people, self.people, clock)
        self.revocations = Revocations(on_person=self.standings.forget)
        self.sightings: list[AccessToken] = []

    def verifier(self, resource: Resource = USER) -> SupabaseTokenVerifier:
        return SupabaseTokenVerifier(
            resource,
            issuer=PUBLIC_URL,
            keys=OurKeys(),
            sessions=None,
            access_statuses=self.standings,
            revocations=self.revocations,
            clock=self.clock,
            on_first_sight=self.sightings.append,
        )

    def hear(self, kind: RevocationKind, value: str) -> None:
        now = self.clock.now
        self.revocations.add(Revocation(kind, value, now, now + timedelta(hours=1)))


@pytest.fixture
def node(clock: SettableClock) -> Node:
    return Node(clock)


async def reason(verifier: SupabaseTokenVerifier, token: str) -> str:
    outcome = await verifier.verify(token)
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


async def test_good_token_proves_its_principal_with_all_scopes(node: Node) -> None:
    assert await node.verifier().verify(TOKEN) == PRINCIPAL


# F-24, D-10: what the token is good for is said, and judged by whoever needs more.
@pytest.mark.parametrize("scope", ["", "mcp:read", "something:else"])
async def test_missing_scope_is_no_reason_to_reject(node: Node, scope: str) -> None:
    outcome = await node.verifier().verify(make_access_token(make_access_claims(scope=scope)))
    assert outcome == replace(PRINCIPAL, scopes=scopes(scope))


# D-2, D-10, STD-162: whose rules apply, the issuer says, and it says it exactly.
@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.test/",
        "HTTPS://auth.test",
        "https://auth.test/mcp",
        "https://evil.example",
        "",
        None,
        1,
        [PUBLIC_URL],
    ],
)
async def test_token_of_another_issuer_is_rejected(node: Node, issuer: object) -> None:
    assert await reason(node.verifier(), make_access_token(make_access_claims(iss=issuer))) == "unknown_issuer"


async def test_token_without_issuer_is_rejected(node: Node) -> None:
    assert await reason(node.verifier(), make_access_token(without(make_access_claims(), "iss"))) == "unknown_issuer"


# SEED-41, F-15, F-17: each for its own, whatever the person may do elsewhere.
@pytest.mark.parametrize("resource", [USER, ADMIN, API])
@pytest.mark.parametrize("audience", [USER, ADMIN, API])
async def test_token_is_good_at_its_own_resource_alone(node: Node, resource: Resource, audience: Resource) -> None:
    node.people.put("subject_1", Role.ADMIN)
    token = make_access_token(make_access_claims(aud=audience.identifier))
    outcome = await node.verifier(resource).verify(token)
    if resource is audience:
        assert isinstance(outcome, Principal)
        assert outcome.resource == resource.identifier
    else:
        assert outcome == Rejection(ReasonCode.WRONG_AUDIENCE, "The access token is for another resource.")


# F-22: two servers in one process.
async def test_verifiers_of_two_resources_do_not_disturb_each_other(node: Node) -> None:
    node.people.put("subject_1", Role.ADMIN)
    user, admin = node.verifier(USER), node.verifier(ADMIN)
    for_admin = make_access_token(make_access_claims(aud=ADMIN.identifier))
    for _ in range(2):
        assert isinstance(await user.verify(TOKEN), Principal)
        assert isinstance(await admin.verify(for_admin), Principal)
        assert await reason(user, for_admin) == "wrong_audience"
        assert await reason(admin, TOKEN) == "wrong_audience"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (make_access_token(header=make_access_header(alg="none"), sign=constant(b"")), "bad_signature"),
        (make_access_token(sign=es256(ec_key(9))), "bad_signature"),
        (make_access_token(header=make_access_header(kid="other")), "unknown_key"),
        (make_access_token(header=make_access_header(typ="JWT")), "wrong_type"),
        (make_access_token(make_access_claims(exp=ISSUED_AT - 31)), "expired"),
        (make_access_token(without(make_access_claims(), "gid")), "gid_missing"),
        (TOKEN + " ", "not_base64url"),
        (" " + TOKEN, "not_base64url"),
        (TOKEN + "=", "not_base64url"),
        (TOKEN + "." + TOKEN, "not_compact"),
        ("", "not_compact"),
        ("\ud800", "not_compact"),
        ("x" * 100_000, "oversized"),
    ],
)
async def test_token_that_is_no_good_is_rejected_every_time_and_nobody_is_asked(
    node: Node, token: str, expected: str
) -> None:
    verifier = node.verifier()
    assert [await reason(verifier, token) for _ in range(2)] == [expected, expected]
    assert node.people.reads == 0
    assert node.sightings == []


CLAIMS = json.dumps(make_access_claims())


# F-29, D-10: a number that is no instant is a refusal, never an exception.
@pytest.mark.parametrize(
    "number",
    ["Infinity", "1e999", "1" + "0" * 30, "1" + "0" * 400, "1" + "0" * 5000],
    ids=["Infinity", "1e999", "10^30", "10^400", "10^5000"],
)
async def test_end_beyond_all_time_is_rejected(node: Node, number: str) -> None:
    payload = CLAIMS.replace(f'"exp": {ISSUED_AT + 1800}', f'"exp": {number}').encode()
    assert number.encode() in payload
    assert isinstance(await node.verifier().verify(make_access_token(payload)), Rejection)


# F-11: what is remembered of a token ends with the token.
async def test_remembered_token_is_rejected_when_it_has_expired(node: Node) -> None:
    verifier = node.verifier()
    token = make_access_token(make_access_claims(exp=ISSUED_AT + 10))
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(seconds=40)
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(seconds=1)
    assert await verifier.verify(token) == Rejection(ReasonCode.EXPIRED, "The access token has expired.")


async def test_token_is_good_through_all_its_life_and_no_longer(node: Node) -> None:
    verifier = node.verifier()
    for _ in range(61):
        node.clock.advance(seconds=30)
        assert await verifier.verify(TOKEN) == PRINCIPAL
    assert len(node.sightings) == 1
    node.clock.advance(seconds=1)
    assert await reason(verifier, TOKEN) == "expired"


# performance: a verified call touches neither disk nor network.
async def test_remembered_token_costs_no_read_and_is_reported_once(node: Node) -> None:
    verifier = node.verifier()
    for _ in range(10):
        assert await verifier.verify(TOKEN) == PRINCIPAL
        node.clock.advance(seconds=4)
    assert node.people.reads == 1
    assert [token.token_id for token in node.sightings] == ["0.token_1"]


async def test_person_is_looked_at_again_after_45_seconds(node: Node) -> None:
    verifier = node.verifier()
    await verifier.verify(TOKEN)
    node.people.put("subject_1", is_active=False)
    node.clock.advance(seconds=45)
    assert await verifier.verify(TOKEN) == Rejection(
        ReasonCode.USER_INACTIVE, "The person may no longer use this resource."
    )
    assert len(node.sightings) == 1


# D-8: a token that was refused says nothing about what its client holds.
async def test_rejected_token_is_not_reported(node: Node) -> None:
    node.people.put("subject_1", is_active=False)
    assert await reason(node.verifier(), TOKEN) == "user_inactive"
    assert await reason(node.verifier(ADMIN), TOKEN) == "wrong_audience"
    assert node.sightings == []


# F-6, D-13
@pytest.mark.parametrize(("role", "expected"), [(Role.USER, "role_required"), (Role.AGENT, None), (Role.ADMIN, None)])
async def test_admin_server_is_for_agents_and_admins_whatever_the_token_says(
    node: Node, role: Role, expected: str | None
) -> None:
    node.people.put("subject_1", role)
    token = make_access_token(make_access_claims(aud=ADMIN.identifier, scope="mcp:admin", role="admin"))
    outcome = await node.verifier(ADMIN).verify(token)
    if expected is None:
        assert isinstance(outcome, Principal)
        assert outcome.role is role
    else:
        assert outcome == Rejection(ReasonCode(expected), "The person may no longer use this resource.")


async def test_token_of_somebody_without_a_row_is_rejected(node: Node) -> None:
    assert await reason(node.verifier(), make_access_token(make_access_claims(sub="subject_2"))) == "user_inactive"


# D-13, D-14: news of a person end what is remembered.
@pytest.mark.parametrize("kind", [RevocationKind.STANDING, RevocationKind.SUBJECT])
async def test_role_that_was_taken_away_is_gone_at_the_next_call(node: Node, kind: RevocationKind) -> None:
    node.people.put("subject_1", Role.ADMIN)
    verifier = node.verifier(ADMIN)
    node.clock.advance(seconds=-5)
    token = make_access_token(make_access_claims(aud=ADMIN.identifier))
    assert isinstance(await verifier.verify(token), Principal)
    node.people.put("subject_1", Role.USER)
    node.clock.advance(seconds=5)
    node.hear(kind, "subject_1")
    assert isinstance(await verifier.verify(token), Rejection)


# D-6, STD-10, STD-39: at once, also for a token that is remembered.
@pytest.mark.parametrize(
    ("kind", "value", "ended"),
    [
        (RevocationKind.GRANT, "grant_1", True),
        (RevocationKind.ACCESS_TOKEN, "0.token_1", True),
        (RevocationKind.SUBJECT, "subject_1", True),
        (RevocationKind.GRANT, "grant_2", False),
        (RevocationKind.ACCESS_TOKEN, "0.token_2", False),
        (RevocationKind.SUBJECT, "subject_2", False),
    ],
)
async def test_revoked_token_is_rejected_at_the_next_call(
    node: Node, kind: RevocationKind, value: str, ended: bool
) -> None:
    verifier = node.verifier()
    assert await verifier.verify(TOKEN) == PRINCIPAL
    node.hear(kind, value)
    for _ in range(2):
        outcome = await verifier.verify(TOKEN)
        assert outcome == (Rejection(ReasonCode.REVOKED, "The access token was revoked.") if ended else PRINCIPAL)


# D-6: "at once" also when the news come while the token is being verified.
@pytest.mark.parametrize("remembered", [False, True])
async def test_revocation_that_comes_during_a_verification_is_heard_at_the_next_call(
    node: Node, remembered: bool
) -> None:
    verifier = node.verifier()
    if remembered:
        await verifier.verify(TOKEN)
        node.clock.advance(seconds=45)
    node.people.during_read = lambda: node.hear(RevocationKind.GRANT, "grant_1")
    await verifier.verify(TOKEN)
    assert await reason(verifier, TOKEN) == "revoked"


# D-16: an outage is no verdict, and it is not remembered as one.
async def test_database_in_trouble_is_an_outage_and_not_a_rejection(node: Node) -> None:
    verifier = node.verifier()
    node.people.is_down = True
    with pytest.raises(StoreUnavailable):
        await verifier.verify(TOKEN)
    node.people.is_down = False
    assert await verifier.verify(TOKEN) == PRINCIPAL
    node.people.is_down = True
    assert await verifier.verify(TOKEN) == PRINCIPAL
    node.clock.advance(seconds=45)
    with pytest.raises(StoreUnavailable):
        await verifier.verify(TOKEN)
    node.people.is_down = False
    assert await verifier.verify(TOKEN) == PRINCIPAL


async def test_rejection_is_not_remembered(node: Node) -> None:
    node.people.put("subject_1", is_active=False)
    verifier = node.verifier()
    assert await reason(verifier, TOKEN) == "user_inactive"
    node.people.put("subject_1")
    node.hear(RevocationKind.STANDING, "subject_1")
    assert await verifier.verify(TOKEN) == PRINCIPAL


# SEED-41: the same in FastMCP's words.
async def test_fastmcp_gets_an_access_token_with_what_is_known(node: Node) -> None:
    token = await node.verifier().verify_token(TOKEN)
    assert token is not None
    assert token.token == TOKEN
    assert (token.client_id, token.subject, token.resource) == ("client_1", "subject_1", "https://auth.test/mcp")
    assert token.scopes == ["mcp:read", "mcp:write"]
    assert token.expires_at == ISSUED_AT + 1800
    assert token.claims == {
        "iss": "https://auth.test",
        "sub": "subject_1",
        "aud": "https://auth.test/mcp",
        "acr": "aal1",
        "role": "user",
        "gid": "grant_1",
        "jti": "0.token_1",
    }


async def test_fastmcp_gets_nothing_for_a_bad_token_and_hears_of_an_outage(node: Node) -> None:
    assert await node.verifier().verify_token("x") is None
    node.people.is_down = True
    with pytest.raises(StoreUnavailable):
        await node.verifier().verify_token(TOKEN)
