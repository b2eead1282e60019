"""What a request without a good token hears, and what a good one is let through to (D-15, D-16)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from mcp_auth import rejection
from mcp_auth.authentication import Authenticator
from mcp_auth.mcp_guard import McpGuard
from mcp_auth.principal import Principal, TokenKind, current_principal
from mcp_auth.rejection import Rejection
from mcp_auth.tokens.possession import Possession
from oauth.foundation.outages import Outage, ProviderUnavailable, StoreUnavailable
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, GrantId, Role, Subject
from oauth.protocol.resources import Resource
from tests.support.builders import NOW, PUBLIC_URL, USER, scopes

PRINCIPAL = Principal(
    subject=Subject("subject_1"),
    role=Role.USER,
    resource=USER.identifier,
    scopes=scopes("mcp:read"),
    kind=TokenKind.FIRST_PARTY,
    client_id=ClientId("client_1"),
    grant_id=GrantId("grant_1"),
    token_id="token_1",
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    acr="aal1",
)
DOCUMENT = 'resource_metadata="https://auth.test/.well-known/oauth-protected-resource/mcp"'
Headers = Sequence[tuple[bytes, bytes]]


class Answer:
    """What came back, who was let through, which tokens were looked at, and what of it is told."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.passed: list[Principal] = []
        self.verified: list[str] = []
        self.told: list[tuple[str, GrantId | None] | None] = []

    @property
    def json(self) -> object:
        return json.loads(self.body)


async def ask(headers: Headers, verdict: Principal | Rejection | Outage = PRINCIPAL, query: bytes = b"") -> Answer:
    answer = Answer()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        answer.passed.append(current_principal())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    async def verify(token: str) -> Principal | Rejection:
        answer.verified.append(token)
        if isinstance(verdict, Outage):
            raise verdict
        return verdict

    async def receive() -> Message:
        return {"type": "http.request", "body": b"access_token=good", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = dict(message["headers"])
        else:
            answer.body += message["body"]

    def notice(_scope: Scope, _resource: Resource, refused: Rejection | None) -> None:
        answer.told.append(None if refused is None else (refused.reason, refused.grant_id))

    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": query, "headers": list(headers)}
    authenticator = Authenticator(USER, verify, Possession(PUBLIC_URL, lambda: NOW, None), notice)
    await McpGuard(app, authenticator)(scope, receive, send)
    return answer


def bearer(token: str) -> Headers:
    return [(b"host", b"auth.test"), (b"authorization", f"Bearer {token}".encode("latin-1"))]


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
async def test_good_token_is_let_through_with_its_principal(scheme: bytes) -> None:
    answer = await ask([(b"authorization", scheme + b" good")])
    assert (answer.status, answer.body) == (200, b"served")
    assert answer.passed == [PRINCIPAL]
    assert answer.verified == ["good"]


def test_nobody_is_the_caller_outside_of_a_request() -> None:
    with pytest.raises(LookupError):
        current_principal()


# STD-72, STD-73, D-15: no token, no error code. STD-12, STD-70, F-14: query and body are no place for one.
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([], b""),
        ([], b"access_token=good"),
        ([(b"content-type", b"application/x-www-form-urlencoded")], b""),
        ([(b"authorization", b"")], b""),
        ([(b"authorization", b"Bearer")], b""),
        ([(b"authorization", b"Bearer ")], b""),
        ([(b"authorization", b"Bearer   ")], b""),
        ([(b"authorization", b"Bearergood")], b""),
        ([(b"authorization", b"good")], b""),
        ([(b"authorization", b"Basic Z29vZDpnb29k")], b""),
        ([(b"authorization", b"Token good")], b""),
        ([(b"x-authorization", b"Bearer good")], b""),
        ([(b"cookie", b"access_token=good")], b""),
    ],
)
async def test_request_without_a_token_is_challenged_without_an_accusation(headers: Headers, query: bytes) -> None:
    answer = await ask(headers, query=query)
    assert answer.status == 401
    assert answer.headers[b"www-authenticate"].decode() == f'Bearer {DOCUMENT}, scope="mcp:read"'
    assert answer.headers[b"cache-control"] == b"no-store"
    assert answer.headers[b"content-type"] == b"application/json"
    assert answer.headers[b"content-length"] == str(len(answer.body)).encode()
    assert answer.json == {
        "error": "unauthorized",
        "error_description": "An access token is required: send it in the Authorization header.",
    }
    assert (answer.passed, answer.verified) == ([], [])


# Two of them: readers that take the first and readers that take the last would differ.
async def test_request_with_two_authorization_headers_is_not_let_through() -> None:
    answer = await ask([*bearer("good"), *bearer("good")])
    assert answer.status == 401
    assert (answer.passed, answer.verified) == ([], [])


# F-16, P-10, STD-10: expired or for somebody else is a 401 and never a guest.
@pytest.mark.parametrize("reason", ["expired", "wrong_audience", "revoked", "bad_signature"])
async def test_token_that_is_no_good_is_a_401_that_says_so(reason: str) -> None:
    answer = await ask(bearer("bad"), Rejection(ReasonCode(reason), "The access token has expired."))
    assert answer.status == 401
    assert answer.headers[b"www-authenticate"].decode() == (
        f'Bearer {DOCUMENT}, scope="mcp:read", error="invalid_token", error_description="The access token has expired."'
    )
    assert answer.headers[b"cache-control"] == b"no-store"
    assert answer.json == {"error": "invalid_token", "error_description": "The access token has expired."}
    assert answer.passed == []
    assert reason.encode() not in answer.body.replace(b"has expired", b"")


# F-24, STD-14: with a 401 the client would sign in again for ever.
@pytest.mark.parametrize("held", ["", "api", "mcp:admin", "offline_access"])
async def test_token_with_too_little_scope_is_a_403_that_says_what_is_needed(held: str) -> None:
    answer = await ask(bearer("good"), replace(PRINCIPAL, scopes=scopes(held)))
    assert answer.status == 403
    assert answer.headers[b"www-authenticate"].decode() == (
        f'Bearer error="insufficient_scope", scope="mcp:read", {DOCUMENT}, '
        'error_description="The access token lacks scope for this resource."'
    )
    assert answer.json == {
        "error": "insufficient_scope",
        "error_description": "The access token lacks scope for this resource.",
    }
    assert answer.passed == []


# P-16: with the grant wherever it is proven, for the story of the connection.
@pytest.mark.parametrize(
    ("headers", "verdict", "told"),
    [
        ([], PRINCIPAL, [None]),
        (bearer("good"), PRINCIPAL, []),
        (bearer("bad"), Rejection(ReasonCode.EXPIRED, "The access token has expired."), [("expired", None)]),
        (
            bearer("bad"),
            Rejection(ReasonCode.REVOKED, "It was revoked.").with_grant_id(GrantId("grant_1")),
            [("revoked", "grant_1")],
        ),
        (bearer("good"), replace(PRINCIPAL, scopes=scopes("api")), [("scope_insufficient", "grant_1")]),
        (bearer("good"), replace(PRINCIPAL, jkt="x"), [("dpop_token_as_bearer", "grant_1")]),
        (bearer("good"), StoreUnavailable("locked"), [("store_unavailable", None)]),
        (bearer("good"), ProviderUnavailable("down"), [("provider_unavailable", None)]),
    ],
)
async def test_whatever_is_turned_away_is_told(
    headers: Headers, verdict: Principal | Rejection | Outage, told: list[object]
) -> None:
    assert (await ask(headers, verdict)).told == told


def test_rejection_of_a_grant_is_still_the_one_that_it_was() -> None:
    """The challenge depends on which one it is."""
    for each in (rejection.SECOND_FACTOR, rejection.NOT_BOUND):
        assert each.with_grant_id(GrantId("grant_1")) == each


# D-4, STD-15
async def test_scope_that_implies_the_needed_one_is_enough() -> None:
    assert (await ask(bearer("good"), replace(PRINCIPAL, scopes=scopes("mcp:write")))).status == 200


# D-16, F-23: nobody knows whether the token is good, so nobody is told that it is bad.
@pytest.mark.parametrize("outage", [ProviderUnavailable("secret host name"), StoreUnavailable("secret host name")])
async def test_outage_is_a_503_with_retry_after_and_no_challenge(outage: Outage) -> None:
    answer = await ask(bearer("good"), outage)
    assert answer.status == 503
    assert answer.headers[b"retry-after"] == b"5"
    assert answer.headers[b"cache-control"] == b"no-store"
    assert b"www-authenticate" not in answer.headers
    assert answer.json == {
        "error": "temporarily_unavailable",
        "error_description": ("The server cannot check access tokens right now. Repeat the request in a few seconds."),
    }
    assert answer.passed == []


# Whatever bytes come, the verifier gets text, and the header of the answer stays one line (STD-74).
@pytest.mark.parametrize(
    "raw", [b"Bearer \xff\xfe", b'Bearer "\\', b"Bearer a b", b"Bearer \tgood\t", b"Bearer " + b"x" * 9000]
)
async def test_strange_bytes_reach_nobody_but_the_verifier(raw: bytes) -> None:
    answer = await ask([(b"authorization", raw)], Rejection(ReasonCode.NOT_COMPACT, "The access token is malformed."))
    assert answer.status == 401
    assert len(answer.verified) == 1
    assert answer.headers[b"www-authenticate"].isascii()
    assert b"\n" not in answer.headers[b"www-authenticate"]
    assert answer.headers[b"www-authenticate"].endswith(b'error_description="The access token is malformed."')
