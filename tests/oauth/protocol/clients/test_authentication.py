from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import authentication as client_authentication
from oauth.protocol.clients.authentication import PresentedClient
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import Client, ClientAuthenticationMethod
from tests.support.builders import make_client, refused

NONE = ClientAuthenticationMethod.NONE
BASIC = ClientAuthenticationMethod.CLIENT_SECRET_BASIC
POST = ClientAuthenticationMethod.CLIENT_SECRET_POST
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VSCHAR = "".join(map(chr, range(0x20, 0x7F)))


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def presented(
    method: ClientAuthenticationMethod, secret: str | None = None, matched: str | None = None
) -> PresentedClient:
    """matched: the secret that the presented one was found to be."""
    found = None if matched is None else digest(matched)
    return PresentedClient(ClientId("client_1"), method, secret, matched=found)


def test_public_client_says_who_it_is() -> None:
    assert client_authentication.parse({"client_id": "client_1"}, None) == presented(NONE)


def test_secret_in_the_body_is_client_secret_post() -> None:
    assert client_authentication.parse({"client_id": "client_1", "client_secret": "s"}, None) == presented(POST, "s")


def test_authorization_header_of_rfc_6749_section_2_3_1_is_client_secret_basic() -> None:
    parsed = client_authentication.parse({}, "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW")
    assert parsed == PresentedClient(ClientId("s6BhdRkqt3"), BASIC, "gX1fBat3bV")


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic "])
def test_scheme_is_basic_in_any_spelling(scheme: str) -> None:
    parsed = client_authentication.parse({}, f"{scheme} Y2xpZW50XzE6cw==")
    assert parsed == presented(BASIC, "s")


def test_client_id_may_be_repeated_in_the_body() -> None:
    assert client_authentication.parse({"client_id": "client_1"}, basic("client_1", "s")) == presented(BASIC, "s")


# RFC 6749 §2.3.1: form-encoded first, so a colon in either half survives.
@given(st.text(VSCHAR, min_size=1, max_size=20), TEXT)
def test_id_and_secret_of_any_characters_arrive(client_id: str, secret: str) -> None:
    parsed = client_authentication.parse({}, basic(client_id, secret))
    assert parsed == PresentedClient(ClientId(client_id), BASIC, secret)


# STD-47
def test_two_ways_at_once_are_invalid_request() -> None:
    both = client_authentication.parse({"client_id": "client_1", "client_secret": "s"}, basic("client_1", "s"))
    assert refused(both) == ("invalid_request", "two_client_authentications")


# D-15: what names no client that could be known is invalid_client.
@pytest.mark.parametrize(
    ("parameters", "authorization", "reason"),
    [
        ({}, None, "client_id_missing"),
        ({"client_secret": "s"}, None, "client_id_missing"),
        ({"client_id": "client_2"}, basic("client_1", "s"), "client_id_differs"),
        ({"client_id": "client_1"}, "Bearer x", "client_authentication_scheme"),
        ({"client_id": "client_1"}, "", "client_authentication_scheme"),
        ({}, "Basic", "basic_malformed"),
        ({}, "Basic !", "basic_malformed"),
        ({}, "Basic Y2xpZW50XzE6cw", "basic_malformed"),
        ({}, "Basic Y2xp ZW50XzE6cw==", "basic_malformed"),
        ({}, "Basic é", "basic_malformed"),
        ({}, "Basic " + b64encode(b"client_1").decode(), "basic_malformed"),
        ({}, "Basic " + b64encode(b":s").decode(), "basic_malformed"),
        ({}, "Basic " + b64encode(b"\xff:s").decode(), "basic_malformed"),
        ({}, "Basic " + b64encode(b"%FF:s").decode(), "basic_malformed"),
        ({}, "Basic " + b64encode(b"client%00:s").decode(), "basic_malformed"),
        ({}, "Basic " + b64encode("clié:s".encode()).decode(), "basic_malformed"),
    ],
)
def test_what_names_no_client_is_invalid_client(
    parameters: dict[str, str], authorization: str | None, reason: str
) -> None:
    assert refused(client_authentication.parse(parameters, authorization)) == ("invalid_client", reason)


@given(st.text(max_size=40) | st.text(max_size=40).map("Basic {}".format))
def test_no_header_makes_it_raise(authorization: str) -> None:
    parsed = client_authentication.parse({}, authorization)
    if isinstance(parsed, OAuthError):
        refused(parsed)


@pytest.mark.parametrize(
    ("client", "as_presented"),
    [
        (make_client(), presented(NONE)),
        (make_client(method=BASIC, secret="s"), presented(BASIC, "s", matched="s")),
        (make_client(method=POST, secret="s"), presented(POST, "s", matched="s")),
        (replace(make_client(method=POST, secret="t"), former_secret_digest=digest("s")), presented(POST, "s", "s")),
    ],
)
def test_client_that_authenticates_as_it_registered_is_that_client(
    client: Client, as_presented: PresentedClient
) -> None:
    assert client_authentication.authenticate(client, as_presented) is client


# STD-48, STD-52, D-15, P-13
@pytest.mark.parametrize(
    ("client", "as_presented", "reason"),
    [
        (None, presented(NONE), "client_unknown"),
        (None, presented(BASIC, "s"), "client_unknown"),
        (make_client(), presented(POST, "s"), "client_authentication_method"),
        (make_client(), presented(BASIC, ""), "client_authentication_method"),
        (make_client(method=BASIC, secret="s"), presented(NONE), "client_authentication_method"),
        (make_client(method=BASIC, secret="s"), presented(POST, "s"), "client_authentication_method"),
        (make_client(method=POST, secret="s"), presented(BASIC, "s"), "client_authentication_method"),
        (make_client(method=BASIC, secret="s"), presented(BASIC, "t"), "client_secret_wrong"),
        (make_client(method=BASIC, secret="s"), presented(BASIC, ""), "client_secret_wrong"),
        (make_client(method=POST, secret="s"), presented(POST, "S"), "client_secret_wrong"),
        (make_client(method=POST), presented(POST, "s"), "client_secret_wrong"),
        # It was the client's when it was checked, and has been replaced since.
        (make_client(method=POST, secret="t"), presented(POST, "s", matched="s"), "client_secret_wrong"),
        (make_client(method=POST), presented(POST), "client_secret_wrong"),
    ],
)
def test_client_that_authenticates_otherwise_is_invalid_client(
    client: Client | None, as_presented: PresentedClient, reason: str
) -> None:
    assert refused(client_authentication.authenticate(client, as_presented)) == ("invalid_client", reason)


# F-14
def test_secret_does_not_show_when_it_is_printed() -> None:
    assert "hush" not in repr(presented(POST, "hush"))
