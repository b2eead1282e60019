"""What a verifier remembers is bounded, so that nobody fills its memory with tokens that are good."""

import pytest

from mcp_auth.principal import Principal
from mcp_auth.verifier import SupabaseTokenVerifier
from tests.support.builders import API, PUBLIC_URL
from tests.support.tokens import OurKeys, make_access_claims, make_access_token
from tests.support.verifying_node import Node


# SEED-3: the oldest goes, and is verified like a new one when it comes back.
async def test_no_more_verdicts_are_kept_than_there_is_room_for(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_auth.verifier.MAX_VERDICTS", 3)
    verified: list[str] = []
    verifier = SupabaseTokenVerifier(
        API,
        issuer=PUBLIC_URL,
        keys=OurKeys(),
        sessions=None,
        access_statuses=node.standings,
        revocations=node.revocations,
        clock=node.clock,
        on_first_sight=lambda token: verified.append(token.token_id),
    )
    tokens = {name: make_access_token(make_access_claims(aud=API.identifier, jti=f"0.{name}")) for name in "abcde"}
    for name in "abcdedca":
        assert isinstance(await verifier.verify(tokens[name]), Principal)
    assert verified == ["0.a", "0.b", "0.c", "0.d", "0.e", "0.a"]
