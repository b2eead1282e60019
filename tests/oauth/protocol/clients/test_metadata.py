import pytest

from oauth.protocol.clients import metadata as client_metadata
from oauth.protocol.clients.metadata import ClientMetadata
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import ClientAuthenticationMethod, GrantType
from tests.support.builders import RESOURCES, refused, scopes

CB = "https://app.example/cb"
CODE, REFRESH = GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN


def parsed(**document: object) -> ClientMetadata:
    metadata = client_metadata.parse({"redirect_uris": [CB], **document}, RESOURCES.scopes)
    assert isinstance(metadata, ClientMetadata), metadata
    return metadata


def refusal(**document: object) -> tuple[str, str]:
    return refused(client_metadata.parse({"redirect_uris": [CB], **document}, RESOURCES.scopes))


# RFC 7591 §2: client_secret_basic and the authorization code are the defaults.
def test_client_that_says_little_gets_the_defaults_of_rfc_7591() -> None:
    assert parsed() == ClientMetadata(
        redirect_uris=(CB,),
        authentication_method=ClientAuthenticationMethod.CLIENT_SECRET_BASIC,
        grant_types=frozenset({CODE}),
        scope=frozenset(),
        name=None,
    )


def test_client_that_says_everything_gets_it() -> None:
    metadata = parsed(
        redirect_uris=[CB, "http://127.0.0.1/cb"],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope="mcp:read offline_access",
        client_name=" Claude ",
    )
    assert metadata == ClientMetadata(
        redirect_uris=(CB, "http://127.0.0.1/cb"),
        authentication_method=ClientAuthenticationMethod.NONE,
        grant_types=frozenset({CODE, REFRESH}),
        scope=scopes("mcp:read offline_access"),
        name="Claude",
    )


# RFC 7592 §2.2: libraries that write every field write null for those that they do not use.
def test_member_that_is_null_says_as_little_as_none() -> None:
    names = (
        "client_name",
        "dpop_bound_access_tokens",
        "grant_types",
        "jwks",
        "jwks_uri",
        "require_pushed_authorization_requests",
        "response_types",
        "scope",
        "token_endpoint_auth_method",
    )
    assert parsed(**dict.fromkeys(names)) == parsed()


# STD-124, STD-131, STD-132: an id of the client's choice, a statement nobody signed, a logo nobody fetches.
def test_members_that_nobody_asked_for_are_ignored() -> None:
    unknown = {
        "client_id": "https://evil.example/client.json",
        "client_secret": "mine",
        "software_statement": "eyJhbGciOiJub25lIn0.e30.",
        "logo_uri": "javascript:alert(1)",
        "jwks": {"keys": []},
        "x": [1, {"y": None}],
    }
    assert parsed(**unknown) == parsed()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (None, ClientAuthenticationMethod.CLIENT_SECRET_BASIC),
        ("none", ClientAuthenticationMethod.NONE),
        ("client_secret_basic", ClientAuthenticationMethod.CLIENT_SECRET_BASIC),
        ("client_secret_post", ClientAuthenticationMethod.CLIENT_SECRET_POST),
    ],
)
def test_offered_authentication_methods_are_accepted(method: str | None, expected: ClientAuthenticationMethod) -> None:
    assert parsed(token_endpoint_auth_method=method).authentication_method is expected


# STD-127, STD-106: what the metadata does not offer.
@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt", "NONE", "", 1, [], ["none"], {}, False])
def test_other_authentication_methods_are_refused(method: object) -> None:
    assert refusal(token_endpoint_auth_method=method) == ("invalid_client_metadata", "client_metadata_refused")


# RFC 7591 §2 lets the server leave out what it does not offer; clients.md: one document names jwt-bearer.
def test_grant_types_that_are_not_offered_are_left_out() -> None:
    offered_and_not = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert parsed(grant_types=offered_and_not).grant_types == {CODE, REFRESH}
    assert parsed(grant_types=["authorization_code"]).grant_types == {CODE}
    assert parsed(grant_types=None).grant_types == {CODE}


# STD-85, STD-86, STD-226
@pytest.mark.parametrize(
    "grant_types",
    [
        ["authorization_code", "implicit"],
        ["authorization_code", "password"],
        ["authorization_code", "client_credentials"],
        ["client_credentials"],
        ["refresh_token"],
        ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        [],
        "authorization_code",
        {"authorization_code": 1},
        [1],
        ["authorization_code", None],
        ["authorization_code", ["refresh_token"]],
        False,
    ],
)
def test_grant_types_that_strangers_cannot_have_are_refused(grant_types: object) -> None:
    assert refusal(grant_types=grant_types) == ("invalid_client_metadata", "client_metadata_refused")


# STD-86
@pytest.mark.parametrize("response_types", [[], ["token"], ["code", "token"], ["code token"], ["id_token"], "code", 1])
def test_other_response_types_than_code_are_refused(response_types: object) -> None:
    refused = client_metadata.parse({"redirect_uris": [CB], "response_types": response_types}, RESOURCES.scopes)
    assert isinstance(refused, OAuthError)
    assert refused.code == "invalid_client_metadata"


# STD-74, RFC 6749 §5.2: no quotes in an error_description.
def test_refusal_of_a_response_type_fits_into_an_error_description() -> None:
    assert refusal(response_types=["token"]) == ("invalid_client_metadata", "client_metadata_refused")


# STD-127
@pytest.mark.parametrize(
    "redirect_uris",
    [
        None,
        [],
        CB,
        {},
        [CB, 1],
        [CB, None],
        [[CB]],
        [""],
        [CB, "http://app.example/cb"],
        [CB, "javascript:alert(1)"],
        [f"{CB}/{number}" for number in range(11)],
    ],
)
def test_redirect_uris_that_are_none_or_not_good_are_refused(redirect_uris: object) -> None:
    assert refusal(redirect_uris=redirect_uris) == ("invalid_redirect_uri", "redirect_uri_refused")


def test_redirect_uris_are_required() -> None:
    assert refused(client_metadata.parse({}, RESOURCES.scopes)) == ("invalid_redirect_uri", "redirect_uri_refused")


def test_ten_redirect_uris_are_kept_in_order_and_each_once() -> None:
    ten = [f"{CB}/{number}" for number in range(10)]
    assert parsed(redirect_uris=ten).redirect_uris == tuple(ten)
    assert parsed(redirect_uris=[CB, "https://b.example/", CB]).redirect_uris == (CB, "https://b.example/")


# D-19, F-25: a default, so what is unknown is dropped rather than refused.
@pytest.mark.parametrize(
    ("scope", "expected"),
    [(None, ""), ("", ""), ("mcp:read", "mcp:read"), ("openid mcp:read email", "mcp:read"), ("openid", "")],
)
def test_registered_scope_is_what_is_known_of_it(scope: str | None, expected: str) -> None:
    assert parsed(scope=scope).scope == scopes(expected)


@pytest.mark.parametrize("scope", [1, ["mcp:read"], {}, False, " ", "a  b", 'a"b', "é"])
def test_scope_outside_the_grammar_is_refused(scope: object) -> None:
    assert refusal(scope=scope) == ("invalid_client_metadata", "client_metadata_refused")


# STD-128
def test_jwks_and_jwks_uri_together_are_refused() -> None:
    both = refusal(jwks={"keys": []}, jwks_uri="https://app.example/jwks.json")
    assert both == ("invalid_client_metadata", "client_metadata_refused")
    assert parsed(jwks_uri="https://app.example/jwks.json") == parsed()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("Café 東京 🔑", "Café 東京 🔑"),
        ("<b>x</b>", "<b>x</b>"),
        (
            "Tie\u0302\u0301ng Vie\u0323\u0302t ❤\ufe0f 1\ufe0f\u20e3",
            "Tie\u0302\u0301ng Vie\u0323\u0302t ❤\ufe0f 1\ufe0f\u20e3",
        ),
        ("a" * 120, "a" * 120),
    ],
)
def test_name_is_plain_text_of_at_most_120_characters(name: str | None, expected: str | None) -> None:
    assert parsed(client_name=name).name == expected


# D-21: people read it when they decide.
@pytest.mark.parametrize(
    "name",
    [
        "a" * 121,
        1,
        ["Claude"],
        {},
        False,
        "Clau\nde",
        "Clau\tde",
        "Claude\0",
        "Claude\x7f",
        "Claude\x9b",
        "Clau\u200bde",
        "Clau\u200dde",
        "\u202eedualC",
        "\u2066Claude\u2069",
        "Clau\u2028de",
        "\ufeffClaude",
        "\u3164",
        " \ufe0f",
        "Clau\u2800de",
        "\u115f\u1160",
        "Claude\uffa0",
        "C\u034flaude",
        "Claude" + "\u0301" * 7,
    ],
)
def test_name_that_hides_turns_or_covers_characters_is_refused(name: object) -> None:
    assert refusal(client_name=name) == ("invalid_client_metadata", "client_metadata_refused")
