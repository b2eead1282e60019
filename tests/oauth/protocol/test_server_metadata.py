from oauth.protocol import server_metadata
from oauth.protocol.settings import RegistrationPolicy, Settings
from tests.support.builders import RESOURCES, SETTINGS

# STD-6, STD-7, STD-8, STD-99, STD-103, STD-106, STD-117; D-2, D-3. No aspect is left to the reader's imagination.
METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


def test_metadata_is_what_works_here_and_nothing_else() -> None:
    assert server_metadata.document(SETTINGS, RESOURCES) == {
        "issuer": "https://auth.test",
        "authorization_endpoint": "https://auth.test/authorize",
        "token_endpoint": "https://auth.test/token",
        "pushed_authorization_request_endpoint": "https://auth.test/par",
        "registration_endpoint": "https://auth.test/register",
        "revocation_endpoint": "https://auth.test/revoke",
        "jwks_uri": "https://auth.test/.well-known/jwks.json",
        "scopes_supported": ["api", "mcp:admin", "mcp:read", "mcp:write", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "revocation_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "introspection_endpoint": "https://auth.test/introspect",
        "introspection_endpoint_auth_methods_supported": METHODS[1:],
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "client_id_metadata_document_supported": True,
        "dpop_signing_alg_values_supported": ["ES256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": ["https://auth.test/mcp", "https://auth.test/mcp-admin", "https://auth.test/api"],
    }


# STD-3
def test_registration_endpoint_is_absent_where_registration_is_off() -> None:
    settings = Settings("https://auth.test", registration=RegistrationPolicy(enabled=False))
    off = server_metadata.document(settings, RESOURCES)
    assert server_metadata.document(SETTINGS, RESOURCES).keys() - off.keys() == {"registration_endpoint"}


# F-15, P-5: one string, byte for byte, port included.
def test_every_url_begins_with_the_issuer_as_it_is() -> None:
    document = server_metadata.document(Settings("http://127.0.0.1:8000"), RESOURCES)
    assert document["issuer"] == "http://127.0.0.1:8000"
    urls = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(urls) == 7
    assert all(str(url).startswith("http://127.0.0.1:8000/") for url in urls)


# STD-102, STD-104
def test_no_list_is_empty_and_none_is_no_signing_algorithm() -> None:
    document = server_metadata.document(SETTINGS, RESOURCES)
    assert [] not in document.values()
    assert not [name for name in document if "signing_alg" in name and "none" in str(document[name])]


# D-3
def test_metadata_stands_at_both_well_known_paths() -> None:
    assert server_metadata.PATHS == (
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    )
