from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.protocol import parameters
from oauth.protocol.errors import OAuthError
from tests.support.builders import refused

FORM = "application/x-www-form-urlencoded"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


# D-17, F-27, STD-49, STD-51: not the first one, not the last one.
@pytest.mark.parametrize(
    "query",
    [b"code=x&code=y", b"code=x&code=x", b"scope=a&state=s&scope=b", b"code=1&%63ode=2", b"x=&x=1", b"x=1&x="],
)
def test_repeated_parameter_is_invalid_request(query: bytes) -> None:
    assert refused(parameters.parse_encoded(query)) == ("invalid_request", "repeated_parameter")


# STD-120: RFC 8707 §2 allows several; a token of ours has one audience.
@pytest.mark.parametrize("second", [b"https%3A%2F%2Fauth.test%2Fmcp-admin", b"https%3A%2F%2Fauth.test%2Fmcp", b""])
def test_repeated_resource_is_invalid_target(second: bytes) -> None:
    query = b"resource=https%3A%2F%2Fauth.test%2Fmcp&resource=" + second
    assert refused(parameters.parse_encoded(query)) == ("invalid_target", "several_resources")


# STD-49: a parameter without a value is one that was not sent.
@pytest.mark.parametrize("query", [b"", b"scope=", b"scope", b"scope=&state=", b"&&"])
def test_empty_parameter_counts_as_absent(query: bytes) -> None:
    assert parameters.parse_encoded(query) == {}


# STD-63
@pytest.mark.parametrize("state", ["+ % & = é \u2028", "a" * 2048, "é" * 2048, "\U0001f511", "../?#", '"<>'])
def test_state_of_any_characters_arrives_as_it_was_sent(state: str) -> None:
    assert parameters.parse_encoded(urlencode({"state": state}).encode()) == {"state": state}


def test_unknown_parameters_are_kept_for_whoever_asks() -> None:
    assert parameters.parse_encoded(b"foo=1&client_id=c&nonce=n") == {"foo": "1", "client_id": "c", "nonce": "n"}


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"%ff=a", b"a=%ed%a0%80", b"a=%c0%af"])
def test_bytes_that_are_not_utf_8_are_invalid_request(query: bytes) -> None:
    assert refused(parameters.parse_encoded(query)) == ("invalid_request", "malformed_parameters")


def test_value_of_4096_characters_is_accepted_and_one_more_is_not() -> None:
    assert parameters.parse_encoded(b"a=" + b"x" * 4096) == {"a": "x" * 4096}
    assert refused(parameters.parse_encoded(b"a=" + b"x" * 4097)) == ("invalid_request", "oversized_parameter")


def test_64_parameters_are_accepted_and_one_more_is_not() -> None:
    query = [f"p{number}=1" for number in range(65)]
    assert len(parse_good("&".join(query[:64]).encode())) == 64
    assert refused(parameters.parse_encoded("&".join(query).encode())) == ("invalid_request", "malformed_parameters")


def test_nul_in_a_value_is_invalid_request() -> None:
    assert refused(parameters.parse_encoded(b"client_id=a%00b")) == ("invalid_request", "nul_in_parameter")


@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=UTF-8", "Application/X-WWW-Form-Urlencoded ; x=y"])
def test_form_is_read_whatever_the_spelling_of_its_type(content_type: str) -> None:
    assert parameters.parse_form(content_type, b"grant_type=refresh_token") == {"grant_type": "refresh_token"}


# STD-51
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_body_of_another_type_is_invalid_request(content_type: str) -> None:
    assert refused(parameters.parse_form(content_type, b"a=b")) == ("invalid_request", "content_type")


@given(st.dictionaries(NAMES, VALUES, max_size=20))
def test_what_was_encoded_comes_back_as_it_was(sent: dict[str, str]) -> None:
    assert parameters.parse_encoded(urlencode(sent).encode()) == sent


@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=8), st.data())
def test_any_name_twice_is_refused(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    name, _ = data.draw(st.sampled_from(pairs))
    again = [*pairs, (name, data.draw(VALUES))]
    assert isinstance(parameters.parse_encoded(urlencode(again).encode()), OAuthError)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_and_no_value_is_empty(raw: bytes) -> None:
    parsed = parameters.parse_encoded(raw)
    if isinstance(parsed, OAuthError):
        refused(parsed)
    else:
        assert all(parsed.values())


def parse_good(raw: bytes) -> parameters.Parameters:
    parsed = parameters.parse_encoded(raw)
    assert not isinstance(parsed, OAuthError)
    return parsed
