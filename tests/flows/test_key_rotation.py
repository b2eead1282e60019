"""Signing keys are replaced while the service runs, and nobody has to sign in again."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from oauth.foundation.credentials import KeyEncryption
from oauth.key_ring import KeyRing
from tests.support.clock import SettableClock
from tests.support.gateway import SECRET, Gateway, RunningSupabase, running_gateway


def kid_of(tokens: dict[str, Any]) -> str:
    kid: str = jwt.get_unverified_header(tokens["access_token"])["kid"]
    return kid


def published(node: Gateway) -> set[str]:
    document = node.client().http.get(f"{node.listens_at}/.well-known/jwks.json").json()
    return {key["kid"] for key in document["keys"]}


@pytest.fixture
def another_node(gateway: Gateway, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """One that starts after the rotation."""
    encryption = KeyEncryption((SECRET,), os.urandom)
    gateway.store(lambda store: KeyRing(store.signing_keys, encryption, timedelta(minutes=30)).rotate(clock()))
    database_url = gateway.settings.database_url
    with running_gateway(database_url, supabase, clock, as_node_of=gateway) as node:
        yield node


def test_new_key_is_published_before_it_signs_and_the_old_one_verifies_until_its_tokens_have_expired(
    another_node: Gateway, clock: SettableClock
) -> None:
    first = another_node.tokens(another_node.registered())
    old = kid_of(first)
    (new,) = published(another_node) - {old}

    clock.advance(minutes=16)
    client = another_node.registered()
    second = another_node.tokens(client)
    assert kid_of(second) == new
    assert client.call_tool(first["access_token"]).status_code == 200
    assert client.call_tool(second["access_token"]).status_code == 200

    clock.advance(minutes=31)
    assert published(another_node) == {new}
    assert another_node.client().call_tool(first["access_token"]).status_code == 401
