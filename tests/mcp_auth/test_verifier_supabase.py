"""Tokens of the Supabase project, at the resources that take them (D-9, D-16)."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcp_auth.principal import Principal, TokenKind
from mcp_auth.rejection import Rejection
from mcp_auth.verifier import SupabaseTokenVerifier
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.models import Revocation, RevocationKind
from tests.support.builders import ADMIN, API, NOW, PUBLIC_URL, USER, scopes
from tests.support.forging import Signer, constant, es256, hs256, public_jwk
from tests.support.scripted_server import Reply
from tests.support.tokens import (
    ISSUED_AT,
    OUR_KEY,
    OUR_KID,
    OUR_SIGNATURE,
    SUPABASE_JWKS,
    SUPABASE_KEY,
    SUPABASE_KID,
    SUPABASE_SIGNATURE,
    OurKeys,
    make_access_claims,
    make_access_header,
    make_access_token,
    make_session_claims,
    make_session_token,
)
from tests.support.verifying_node import JWKS, Node

DOWN = Reply(b"{}", 503)


async def reason(verifier: SupabaseTokenVerifier, token: str) -> str:
    outcome = await verifier.verify(token)
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


# SEED-1: verified here, with the project's keys; a session gets what a client gets that asks for nothing.
async def test_session_of_the_project_proves_a_principal_at_the_api(node: Node) -> None:
    assert await node.verifier().verify(node.token(aal="aal2")) == Principal(
        subject=Subject("subject_1"),
        role=Role.USER,
        resource=API.identifier,
        scopes=scopes("api"),
        kind=TokenKind.SUPABASE,
        client_id=None,
        grant_id=None,
        token_id=None,
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        acr="aal2",
    )
    assert node.asked == [JWKS]


# P-12, SEED-41
async def test_user_mcp_server_takes_a_session_that_names_it_and_no_other(node: Node) -> None:
    verifier = node.verifier(USER)
    assert await reason(verifier, node.token()) == "supabase_audience"
    outcome = await verifier.verify(node.token(aud=["authenticated", "https://auth.test/mcp"]))
    assert isinstance(outcome, Principal)
    assert (outcome.resource, outcome.scopes) == ("https://auth.test/mcp", scopes("mcp:read"))


# F-12, F-17: refused before anybody is asked for a key.
async def test_admin_mcp_server_takes_none_and_asks_nobody(node: Node) -> None:
    node.people.put("subject_1", Role.ADMIN)
    token = node.token(aud=["authenticated", "https://auth.test/mcp-admin"], role="authenticated")
    assert await reason(node.verifier(ADMIN), token) == "supabase_token_refused"
    assert node.asked == []


# F-10
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"role": "service_role"}, "supabase_role"),
        ({"is_anonymous": True}, "supabase_anonymous"),
        ({"client_id": "3f2b8c1e"}, "supabase_third_party_client"),
        ({"session_id": None}, "supabase_session_missing"),
        # F-30
        ({"exp": None}, "exp_missing"),
        ({"exp": ISSUED_AT - 31}, "expired"),
        ({"nbf": ISSUED_AT + 31}, "nbf_in_the_future"),
        ({"iat": ISSUED_AT + 31}, "iat_in_the_future"),
        ({"iat": None}, "iat_missing"),
    ],
)
async def test_token_that_is_not_a_persons_own_session_is_rejected(
    node: Node, changes: dict[str, object], expected: str
) -> None:
    assert await reason(node.verifier(), node.token(**changes)) == expected


# STD-162, D-10: the key of one issuer signs nothing of the other, even where it goes by the same kid.
async def test_keys_of_the_two_issuers_are_not_mixed_up(node: Node) -> None:
    node.project.will_answer({"keys": [public_jwk(SUPABASE_KEY.public_key(), OUR_KID)]})
    verifier = node.verifier()
    ours_by_supabase = make_access_token(make_access_claims(aud=API.identifier), sign=SUPABASE_SIGNATURE)
    assert await reason(verifier, ours_by_supabase) == "bad_signature"
    session_by_us = make_session_token(node.claims(), {"kid": OUR_KID}, OUR_SIGNATURE)
    assert await reason(verifier, session_by_us) == "bad_signature"
    by_supabase_kid = make_access_token(
        make_access_claims(aud=API.identifier), make_access_header(kid=SUPABASE_KID), SUPABASE_SIGNATURE
    )
    assert await reason(verifier, by_supabase_kid) == "unknown_key"


# D-10, STD-156
async def test_session_that_the_project_did_not_sign_is_rejected(node: Node) -> None:
    public = SUPABASE_KEY.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forgeries: list[tuple[dict[str, object], Signer]] = [
        ({"alg": "none"}, constant(b"")),
        ({"alg": "HS256"}, hs256(pem)),
        ({"alg": "HS256"}, hs256(json.dumps(public_jwk(public, SUPABASE_KID)).encode())),
        ({"alg": "HS256", "kid": None}, hs256(b"super-secret-jwt-token-with-at-least-32-characters-long")),
        ({"alg": "RS256"}, SUPABASE_SIGNATURE),
        ({}, es256(OUR_KEY)),
        ({"kid": "other"}, SUPABASE_SIGNATURE),
        ({"jwk": public_jwk(OUR_KEY.public_key(), SUPABASE_KID)}, OUR_SIGNATURE),
    ]
    for header, sign in forgeries:
        token = make_session_token(node.claims(), header, sign)
        assert await reason(node.verifier(), token) in {"bad_signature", "unknown_key", "forbidden_header"}
    assert node.asked == [JWKS]


# D-10, F-30, STD-165: what the project signs for other purposes is no session. Its access tokens are of type JWT.
@pytest.mark.parametrize(
    "typ", ["at+jwt", "application/at+jwt", "dpop+jwt", "logout+jwt", "oauth-id-jag+jwt", "id+jwt"]
)
async def test_token_of_another_type_is_rejected(node: Node, typ: str) -> None:
    token = make_session_token(node.claims(), {"typ": typ})
    assert await reason(node.verifier(), token) == "wrong_type"


# F-29, D-10: an instant that no calendar has is a refusal, never an exception.
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("exp", "Infinity"),
        ("exp", "1e999"),
        ("exp", "1e300"),
        ("exp", "1" + "0" * 30),
        ("exp", "1" + "0" * 400),
        ("iat", "-1e999"),
        ("iat", "-1" + "0" * 30),
    ],
    ids=["exp-Infinity", "exp-1e999", "exp-1e300", "exp-10^30", "exp-10^400", "iat--1e999", "iat--10^30"],
)
async def test_instant_beyond_all_time_is_rejected(node: Node, name: str, number: str) -> None:
    claims = node.claims()
    payload = json.dumps(claims).replace(f'"{name}": {claims[name]}', f'"{name}": {number}')
    assert number in payload
    assert isinstance(await node.verifier().verify(make_session_token(payload.encode())), Rejection)


# F-12: whatever arrives, the project is asked for its keys once, and about nobody.
async def test_flood_of_bad_tokens_costs_one_request_to_the_project(node: Node) -> None:
    verifier = node.verifier()
    for number in range(50):
        assert await reason(verifier, f"x.y.{number}") == "not_base64url"
        assert (
            await reason(verifier, make_session_token(make_session_claims("https://evil.example"))) == "unknown_issuer"
        )
        forged = make_session_token(node.claims(sub=f"subject_{number}"), {"kid": f"made up {number}"}, OUR_SIGNATURE)
        assert await reason(verifier, forged) == "unknown_key"
        forged = make_session_token(node.claims(sub=f"subject_{number}"), sign=OUR_SIGNATURE)
        assert await reason(verifier, forged) == "bad_signature"
    assert node.asked == [JWKS]
    assert node.people.reads == 0


# SEED-3, F-11
async def test_good_session_is_remembered_for_45_seconds_and_not_past_its_end(node: Node) -> None:
    verifier = node.verifier()
    token = node.token(exp=ISSUED_AT + 60)
    assert isinstance(await verifier.verify(token), Principal)
    reads = node.people.reads
    node.clock.advance(seconds=44)
    assert isinstance(await verifier.verify(token), Principal)
    assert node.people.reads == reads
    node.clock.advance(seconds=46)
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(seconds=1)
    assert await reason(verifier, token) == "expired"


# SEED-2: a key that the project has withdrawn takes its tokens along, remembered ones too.
async def test_session_ends_when_the_project_withdraws_its_key(node: Node) -> None:
    node.project.will_answer(SUPABASE_JWKS, {"keys": [public_jwk(OUR_KEY.public_key(), "next")]})
    verifier = node.verifier()
    token = node.token(exp=ISSUED_AT + 7200)
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(hours=1)
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(seconds=45)
    assert await reason(verifier, token) == "unknown_key"


# SEED-10: once per person, the project is asked who that is.
async def test_person_without_a_row_is_admitted_once(node: Node) -> None:
    user = {"id": "subject_2", "email": "ada@example.com", "email_confirmed_at": "2026-01-01T00:00:00Z"}
    node.project.will_answer(SUPABASE_JWKS, user)
    verifier = node.verifier()
    first, second = node.token(sub="subject_2"), node.token(sub="subject_2", session_id="session_2")
    assert isinstance(await verifier.verify(first), Principal)
    assert isinstance(await verifier.verify(second), Principal)
    assert node.asked == [JWKS, "/user"]
    assert node.project.received[1].headers["authorization"] == f"Bearer {first}"
    assert node.people.rows[Subject("subject_2")].email == "ada@example.com"


# What was remembered of somebody without a row does not keep them out once they have one.
async def test_person_who_was_unknown_a_moment_ago_has_access_once_admitted(node: Node) -> None:
    node.project.will_answer(SUPABASE_JWKS, {"id": "subject_2"})
    first_party = make_access_token(make_access_claims(aud=API.identifier, sub="subject_2"))
    assert await reason(node.verifier(), first_party) == "user_inactive"
    assert isinstance(await node.verifier().verify(node.token(sub="subject_2")), Principal)
    assert isinstance(await node.verifier().verify(first_party), Principal)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"code": "session_not_found"}),
        (403, {"code": "user_banned"}),
        (401, {"code": "no_authorization"}),
        (200, {"id": "subject_3"}),
        (200, {}),
    ],
)
async def test_person_whom_the_project_does_not_confirm_is_rejected(
    node: Node, status: int, body: dict[str, object]
) -> None:
    node.project.replies = [Reply(json.dumps(SUPABASE_JWKS).encode()), Reply(json.dumps(body).encode(), status)]
    assert await reason(node.verifier(), node.token(sub="subject_2")) == "supabase_session_ended"
    assert Subject("subject_2") not in node.people.rows


# SEED-3, F-12: a token that is no good costs no second call.
async def test_session_that_is_over_is_asked_about_once(node: Node) -> None:
    node.project.replies = [Reply(json.dumps(SUPABASE_JWKS).encode()), Reply(b'{"code":"session_not_found"}', 403)]
    verifier = node.verifier()
    token = node.token(sub="subject_2")
    for _ in range(10):
        assert await reason(verifier, token) == "supabase_session_ended"
    assert node.asked == [JWKS, "/user"]


# SEED-5, D-16, F-23
@pytest.mark.parametrize("reply", [DOWN, Reply(b"{}", 429), Reply(b"<html>", 200), Reply(b"<html>", 403)])
async def test_project_that_cannot_say_who_that_is_is_an_outage(node: Node, reply: Reply) -> None:
    node.project.replies = [Reply(json.dumps(SUPABASE_JWKS).encode()), reply]
    with pytest.raises(ProviderUnavailable):
        await node.verifier().verify(node.token(sub="subject_2"))
    assert Subject("subject_2") not in node.people.rows


# D-16: our own tokens do not need the project.
async def test_first_party_tokens_work_while_the_project_is_down(node: Node) -> None:
    node.project.replies = [DOWN]
    with pytest.raises(ProviderUnavailable):
        await node.verifier().verify(node.token())
    token = make_access_token(make_access_claims(aud=API.identifier))
    assert isinstance(await node.verifier().verify(token), Principal)


# D-16: every time, and not only the first time.
async def test_session_is_not_rejected_while_the_project_is_down(node: Node) -> None:
    node.project.replies = [DOWN]
    verifier = node.verifier()
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await verifier.verify(node.token())


# F-6, D-14
async def test_deactivated_person_has_no_access_with_a_session_either(node: Node) -> None:
    node.people.put("subject_1", is_active=False)
    assert await reason(node.verifier(), node.token()) == "user_inactive"


async def test_sessions_from_before_a_sign_out_everywhere_are_over(node: Node) -> None:
    verifier = node.verifier()
    before = node.token()
    assert isinstance(await verifier.verify(before), Principal)
    node.clock.advance(seconds=10)
    now = node.clock.now
    node.revocations.add(Revocation(RevocationKind.SUBJECT, "subject_1", now, now + timedelta(hours=1)))
    assert await reason(verifier, before) == "revoked"
    node.clock.advance(seconds=5)
    assert isinstance(await verifier.verify(node.token(iat=ISSUED_AT + 11)), Principal)


# SEED-41
async def test_resource_that_knows_no_project_takes_no_sessions(node: Node) -> None:
    verifier = SupabaseTokenVerifier(
        API,
        issuer=PUBLIC_URL,
        keys=OurKeys(),
        sessions=None,
        access_statuses=node.standings,
        revocations=node.revocations,
        clock=node.clock,
        on_first_sight=lambda _: None,
    )
    assert await reason(verifier, node.token()) == "unknown_issuer"


async def test_fastmcp_gets_the_person_in_place_of_a_client(node: Node) -> None:
    token = await node.verifier().verify_token(node.token())
    assert token is not None
    assert (token.client_id, token.subject, token.scopes) == ("subject_1", "subject_1", ["api"])
