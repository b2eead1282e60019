"""Which URLs can be a client id (STD-200)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.protocol.clients import id_url


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/c",
        "https://app.example/oauth/client.json",
        "https://a.b.c.example/x?y=z",
        "https://xn--bcher-kva.example/c",
        "https://chatgpt.com/oauth/abc-1_2/client.json",
    ],
)
def test_https_url_with_a_path_is_accepted(url: str) -> None:
    assert id_url.check(url) is None
    assert id_url.host(url) == url.split("/")[2]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example/",
        "https://app.example?x=1",
        "http://app.example/c",
        "HTTPS://app.example/c",
        "https://App.example/c",
        "https://app.example:443/c",
        "https://app.example:8443/c",
        "https://user@app.example/c",
        "https://user:pass@app.example/c",
        "https://app.example/c#x",
        "https://app.example/c#",
        "https://app.example/../c",
        "https://app.example/a/./c",
        "https://app.example/%2e%2e/c",
        "https://app.example/a/.%2E/c",
        "https://app.example/a b",
        "https://app.example/\\c",
        "https://app.example\\@evil.example/c",
        "https://app.example/\u00e9",
        "https://app.example/c\n",
        "https://localhost/c",
        "https://127.0.0.1/c",
        "https://2130706433/c",
        "https://0x7f000001/c",
        "https://0177.0.0.1/c",
        "https://127.1/c",
        "https://[::1]/c",
        "https://app.example./c",
        "https://-app.example/c",
        "https://app..example/c",
        "https:///c",
        "https://app.example/" + "c" * 512,
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    refused = id_url.check(url)
    assert refused is not None
    assert refused.reason == "client_id_url"


@given(st.text(max_size=60))
def test_nothing_that_a_stranger_writes_raises(text: str) -> None:
    id_url.check(f"https://{text}")
    id_url.check(text)
