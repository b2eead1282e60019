"""Which redirect URIs may be registered (OAuth 2.1 §2.3, RFC 8252 §7, RFC 7591 §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.protocol import redirect_uri
from tests.support.builders import refused


# SEED-43, clients.md
@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://claude.com/api/mcp/auth_callback",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        "https://platform.openai.com/apps-manage/oauth",
        "https://vscode.dev/redirect",
        "https://insiders.vscode.dev/redirect",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "https://antigravity.google/oauth-callback",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
        "http://localhost:8787/callback",
        "http://localhost:6274/oauth/callback",
        "http://localhost/callback",
        "http://[::1]:8080/cb",
        "https://app.example:8443/cb",
        "https://app.example/",
        "https://app.example/cb?x=1&y=codes",
        "https://app.example/cb;v=1/~user/(x)",
        "https://[2001:db8::1]:8443/cb",
        "https://" + "a" * (2048 - len("https:///cb")) + "/cb",
        "com.example.app:/cb",
        "com.example.app:cb",
        "com.example.app://cb",
    ],
)
def test_uri_of_a_real_client_may_be_registered(uri: str) -> None:
    assert redirect_uri.check_registrable(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "https:",
        "https:/cb",
        "https:cb",
        "https:///cb",
        "https://:443/cb",
        # empty labels
        "https://app.example./cb",
        "https://app.example.:443/cb",
        "https://app..example/cb",
        "https://.app.example/cb",
        "https://./cb",
        # STD-41: complete, with a path, without a fragment.
        "https://app.example",
        "https://app.example?x=1",
        "https://app.example/cb#x",
        "https://app.example/cb#",
        # STD-20, STD-90, STD-129: plain http is for loopback alone.
        "http://app.example/cb",
        "http://10.0.0.1/cb",
        "http://0.0.0.0/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://[::]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        # F-5
        "http://localhost.evil.example/cb",
        "http://localhost@evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1\\@evil.example/cb",
        "http://[::1]evil.example/cb",
        "http://[::1]@evil.example/cb",
        "http://localhost:80.evil.example/cb",
        "http://localhost./cb",
        "http://LOCALHOST/cb",
        # STD-195
        "http://127.0.0.1",
        "http://127.0.0.1:33418",
        "http://localhost?x=1",
        # ports that are none
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:x/cb",
        "https://app.example:0/cb",
        "https://app.example:65536/cb",
        "https://app.example:x/cb",
        # user names
        "https://app.example@evil.example/cb",
        "https://user:password@app.example/cb",
        "https://@app.example/cb",
        "com.example.app://user@host/cb",
        # what browsers and parsers read differently
        "HTTPS://app.example/cb",
        "Https://app.example/cb",
        " https://app.example/cb",
        "https://app.example/cb ",
        "https://app.example/a b",
        "https://app.example/cb\n",
        "https://app.example\r\n/cb",
        "https://app.example/cb\t",
        "https://app.example\t.evil.example/cb",
        "https://app.example/cb\0",
        "https://app.example\\cb",
        "https://app.example/\\evil",
        "https://app.example\\.evil.example/cb",
        "https://\u0435xample.com/cb",
        "https://app.example/cb\u202e",
        "https://app.example/cb\u3000",
        "https://app.example\uff0fcb",
        "https://app.example/<script>",
        'https://app.example/"onload="x',
        "https://app.example/`x`",
        "https://app.example/{x}",
        "https://app.example/x|y",
        "https://app.example/x^y",
        "https://[app.example/cb",
        "https://app].example/cb",
        "https://*.app.example\u0000/cb",
        # STD-43: app schemes have a dot, and none of them is the browser's own.
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://app.example/x",
        "ftp://app.example/cb",
        "ws://app.example/cb",
        "foo:/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "localhost:8080/cb",
        "urn:ietf:wg:oauth:2.0:oob",
        "Com.Example.App:/cb",
        "com.example.app:",
        "com.example.app:?x=1",
        ".example:/cb",
        "com.:/cb",
        "com..example:/cb",
        "1com.example:/cb",
        "com.exämple:/cb",
    ],
)
def test_uri_that_could_send_people_elsewhere_may_not_be_registered(uri: str) -> None:
    assert refused(redirect_uri.check_registrable(uri)) == ("invalid_redirect_uri", "redirect_uri_refused")


# STD-118: what stands in the query already would stand twice in the answer.
@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "error_description", "error_uri"])
@pytest.mark.parametrize(
    "query", ["{}=x", "{}=", "{}", "a=1&{}=x", "%{:02x}{}=x"], ids=["value", "empty", "bare", "second", "encoded"]
)
def test_uri_with_a_parameter_of_the_answer_may_not_be_registered(name: str, query: str) -> None:
    written = query.format(name) if query.count("{") == 1 else query.format(ord(name[0]), name[1:])
    uri = f"https://app.example/cb?{written}"
    assert refused(redirect_uri.check_registrable(uri)) == ("invalid_redirect_uri", "redirect_uri_refused")


# STD-41: without a scheme it is a path of ours.
@pytest.mark.parametrize("uri", ["com.example.app", "www.app.example"])
def test_host_name_without_a_scheme_may_not_be_registered(uri: str) -> None:
    assert refused(redirect_uri.check_registrable(uri)) == ("invalid_redirect_uri", "redirect_uri_refused")


# STD-41 (RFC 3986 §3.2.2: an address in brackets is the whole host), D-21: people would be shown `::1`.
@pytest.mark.parametrize("uri", ["https://[::1].evil.example/cb", "https://[::1]evil.example:443/cb"])
def test_host_that_goes_on_behind_its_brackets_may_not_be_registered(uri: str) -> None:
    assert refused(redirect_uri.check_registrable(uri)) == ("invalid_redirect_uri", "redirect_uri_refused")


def test_uri_of_more_than_2048_characters_may_not_be_registered() -> None:
    longest = "https://app.example/" + "a" * (2048 - len("https://app.example/"))
    assert redirect_uri.check_registrable(longest) is None
    assert refused(redirect_uri.check_registrable(longest + "a"))[0] == "invalid_redirect_uri"


LIKELY = st.sampled_from([*"/:@?#[].=&%\\ \t", "http", "https", "://", "127.0.0.1", "localhost", "::1", "com.x", "é"])


@given(st.lists(LIKELY | st.text(max_size=3), max_size=12).map("".join))
def test_no_text_makes_the_check_raise_and_no_http_host_but_loopback_passes(uri: str) -> None:
    error = redirect_uri.check_registrable(uri)
    if error is not None:
        refused(error)
    elif uri.startswith("http:"):
        assert uri.startswith(("http://127.0.0.1", "http://[::1]", "http://localhost"))
        assert redirect_uri.is_loopback(uri)
