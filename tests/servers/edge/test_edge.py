"""Who is calling, when reverse proxies are in between (F-13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from servers.edge.edge import client_address

PEER = "10.0.0.1"


def request(*forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"type": "http", "client": (PEER, 1234), "headers": headers}


# SEED-50, F-13
@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, [], PEER),
        (0, ["203.0.113.9"], PEER),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (2, ["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (2, ["203.0.113.9"], PEER),
        (1, [], PEER),
        (1, [" , "], PEER),
    ],
)
def test_address_is_what_the_outermost_trusted_proxy_saw(hops: int, forwarded: list[str], address: str) -> None:
    assert client_address(request(*forwarded), hops) == address


# SEED-50, F-13
@given(st.text(st.characters(codec="latin-1"), max_size=40))
def test_nothing_that_a_caller_writes_moves_its_address(written: str) -> None:
    scope = request(f"{written},203.0.113.9, 10.0.0.2")
    assert client_address(scope, 2) == "203.0.113.9"
    assert client_address(scope, 0) == PEER


def test_server_behind_a_socket_has_no_peer() -> None:
    assert client_address({"type": "http", "client": None, "headers": []}, 0) == ""
