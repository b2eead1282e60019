"""The discovery documents: the same issuer everywhere, everything advertised works (STD-99 to STD-118)."""

import httpx
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from tests.support.gateway import Gateway

METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


# SEED-42, P-8
def test_both_server_documents_are_the_same(sqlite_gateway: Gateway) -> None:
    oauth = httpx.get(f"{sqlite_gateway.url}/.well-known/oauth-authorization-server")
    openid = httpx.get(f"{sqlite_gateway.url}/.well-known/openid-configuration")
    assert oauth.content == openid.content
    assert oauth.headers["content-type"] == "application/json"


# SEED-42
def test_server_document_says_what_clients_look_for(sqlite_gateway: Gateway) -> None:
    url = sqlite_gateway.url
    document = httpx.get(f"{url}/.well-known/oauth-authorization-server").json()
    assert document == {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "pushed_authorization_request_endpoint": f"{url}/par",
        "registration_endpoint": f"{url}/register",
        "revocation_endpoint": f"{url}/revoke",
        "jwks_uri": f"{url}/.well-known/jwks.json",
        "scopes_supported": ["api", "mcp:admin", "mcp:read", "mcp:write", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "introspection_endpoint": f"{url}/introspect",
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "introspection_endpoint_auth_methods_supported": METHODS[1:],
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "client_id_metadata_document_supported": True,
        "dpop_signing_alg_values_supported": ["ES256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": [f"{url}/mcp", f"{url}/mcp-admin", f"{url}/api"],
    }
    OAuthMetadata.model_validate(document)


def test_every_endpoint_of_the_document_is_there(sqlite_gateway: Gateway) -> None:
    document = httpx.get(f"{sqlite_gateway.url}/.well-known/oauth-authorization-server").json()
    for name in ("token_endpoint", "registration_endpoint", "revocation_endpoint"):
        assert httpx.post(document[name]).status_code == 400
    assert httpx.get(document["authorization_endpoint"]).status_code == 400
    assert httpx.get(document["jwks_uri"]).status_code == 200


# SEED-42, P-1, P-6
def test_each_resource_has_a_document_of_its_own_and_the_root_has_none(sqlite_gateway: Gateway) -> None:
    well_known = f"{sqlite_gateway.url}/.well-known/oauth-protected-resource"
    for path, scopes in (("/mcp", ["mcp:read", "mcp:write"]), ("/mcp-admin", ["mcp:admin"]), ("/api", ["api"])):
        document = httpx.get(f"{well_known}{path}").json()
        assert document["resource"] == f"{sqlite_gateway.url}{path}"
        assert document["authorization_servers"] == [sqlite_gateway.url]
        assert document["scopes_supported"] == scopes
        assert document["bearer_methods_supported"] == ["header"]
        ProtectedResourceMetadata.model_validate(document)
    assert httpx.get(well_known).status_code == 404


def test_jwks_publishes_public_members_only(sqlite_gateway: Gateway) -> None:
    response = httpx.get(f"{sqlite_gateway.url}/.well-known/jwks.json")
    assert "max-age=300" in response.headers["cache-control"]
    (key,) = response.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_documents_may_be_kept_and_nothing_else(sqlite_gateway: Gateway) -> None:
    assert "public" in httpx.get(f"{sqlite_gateway.url}/.well-known/jwks.json").headers["cache-control"]
    for path in ("/token", "/par", "/register", "/revoke"):
        assert httpx.post(f"{sqlite_gateway.url}{path}").headers["cache-control"] == "no-store"
