"""What the token endpoint asks of a store, with the program's own decisions and without HTTP."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import CompoundReason
from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Subject
from oauth.protocol.errors import invalid_grant
from oauth.protocol.grant_types import authorization_code, refresh_token
from oauth.protocol.grant_types.decision import CodeDecision, Issue, RefreshDecision, Refuse
from oauth.protocol.models import AuthorizationCode, AuthorizationRequest, Client, Grant, RefreshToken
from oauth.protocol.redirect_uri import RedirectTarget
from oauth.protocol.token_request import AuthorizationCodeRequest, RefreshTokenRequest
from oauth.stores.ports import Store
from tests.support.builders import CHALLENGE, NOW, SETTINGS, VERIFIER, make_client, make_code, make_grant, scopes

CLIENT = ClientId("client_1")


def make_request(name: str = "1", *, expires_at: datetime = NOW + timedelta(minutes=10)) -> AuthorizationRequest:
    return AuthorizationRequest(
        digest=digest(f"handle_{name}"),
        browser=digest("cookie_1"),
        client_id=CLIENT,
        target=RedirectTarget("https://app.example/cb", "some state"),
        scope=scopes("mcp:read mcp:write offline_access"),
        resource=ResourceIndicator("https://auth.test/mcp"),
        code_challenge=CHALLENGE,
        query="response_type=code&client_id=client_1",
        expires_at=expires_at,
    )


def named_grant(name: str = "1", subject: str = "subject_1") -> Grant:
    return replace(make_grant(), grant_id=GrantId(f"grant_{name}"), subject=Subject(subject))


def named_code(name: str = "1", grant: Grant | None = None) -> AuthorizationCode:
    return replace(make_code(grant=grant or named_grant(name)), digest=digest(f"ac_{name}"))


async def add_code(store: Store, name: str = "1", code: AuthorizationCode | None = None) -> str:
    """Somebody agreed. → the plain code."""
    request = make_request(name)
    await store.requests.add(request)
    assert await store.requests.answer(request.digest, b"sealed", code or named_code(name), NOW)
    return f"ac_{name}"


async def add_codes(store: Store, *names: str) -> list[str]:
    """The same for many, of one client that is registered first. → the plain codes."""
    await store.clients.put(make_client())
    return list(await asyncio.gather(*(add_code(store, name) for name in names)))


async def add_refresh_token(store: Store, name: str = "1") -> str:
    """A client that has redeemed its code. → its refresh token."""
    await add_codes(store, name)
    assert isinstance(await redeem(store, f"ac_{name}", fresh=f"rt_{name}"), Issue)
    return f"rt_{name}"


async def redeem(
    store: Store,
    code: str,
    *,
    fresh: str = "rt_0",
    now: datetime = NOW,
    verifier: str = VERIFIER,
    client_id: ClientId = CLIENT,
) -> Issue | Refuse:
    asked = AuthorizationCodeRequest(client_id, code, None, verifier, None)

    def decide(client: Client | None, stored: AuthorizationCode | None) -> CodeDecision:
        assert client is not None
        return authorization_code.decide(asked, client, stored, refresh_token=fresh, settings=SETTINGS, now=now)

    return await store.grants.redeem_code(client_id, code, decide, now)


async def refresh(
    store: Store, token: str, *, fresh: str, now: datetime = NOW, client_id: ClientId = CLIENT
) -> Issue | Refuse:
    asked = RefreshTokenRequest(client_id, token, None, None)

    def decide(presented: str, client: Client | None, stored: RefreshToken | None) -> RefreshDecision:
        assert client is not None
        return refresh_token.decide(asked, client, presented, stored, successor=fresh, settings=SETTINGS, now=now)

    return await store.grants.refresh(client_id, token, decide, now)


async def stored_refresh_token(store: Store, plain: str) -> RefreshToken | None:
    """What the store knows of a token, without using it."""
    shown: list[RefreshToken | None] = []

    def look(_presented: str, _client: Client | None, stored: RefreshToken | None) -> Refuse:
        shown.append(stored)
        return Refuse(invalid_grant("Only looking.", CompoundReason("looked")))

    await store.grants.refresh(CLIENT, plain, look, NOW)
    return shown[-1]


def issued(outcome: Issue | Refuse) -> str:
    """The refresh token that the client got."""
    assert isinstance(outcome, Issue), outcome
    assert outcome.refresh_token is not None
    return outcome.refresh_token
