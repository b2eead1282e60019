"""What the deployment of somebody else says of itself, and what is wrong with it when a fault is planted."""

from collections.abc import Callable
from typing import Any

Has = Callable[[str], bool]


def resource_document(url: str, issuer: str, has: Has) -> dict[str, object]:
    named = f"{url}/mcp"
    if has("resource with a slash"):
        named += "/"
    if has("resource of another host"):
        named = "https://internal.example/mcp"
    if has("resource is the origin"):
        named = url
    document: dict[str, object] = {"resource": named, "authorization_servers": [issuer]}
    if not has("no scopes"):
        document["scopes_supported"] = ["read", "write"]
    if has("no authorization server"):
        del document["authorization_servers"]
    if has("authorization server is no URL"):
        document["authorization_servers"] = [7]
    if has("plain http authorization server"):
        document["authorization_servers"] = ["http://auth.example"]
    return document


def server_document(url: str, issuer: str, has: Has, *, openid: bool) -> dict[str, Any]:
    issuer += "/" if has("issuer with a slash") or (openid and has("openid issuer with a slash")) else ""
    if has("issuer of another host"):
        issuer = "https://internal.example"
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "registration_endpoint": f"{url}/register",
        "revocation_endpoint": f"{url}/revoke",
        "jwks_uri": f"{url}/jwks",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
    }
    if openid and has("openid token endpoint elsewhere"):
        document["token_endpoint"] = f"{url}/oauth/token"
    changed: dict[str, dict[str, Any]] = {
        "no S256": {"code_challenge_methods_supported": None},
        "no iss": {"authorization_response_iss_parameter_supported": None},
        "documents without none": {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
        "no registration": {"registration_endpoint": None, "client_id_metadata_document_supported": None},
        "revocation elsewhere": {"revocation_endpoint": "https://elsewhere.example/revoke"},
        "token endpoint over plain http": {"token_endpoint": "http://elsewhere.example/token"},
        "token endpoint at an untrusted server": {"token_endpoint": "https://elsewhere.example/token"},
        "no token endpoint": {"token_endpoint": None},
        "no response types": {"response_types_supported": None},
        "scopes are text": {"scopes_supported": "read write"},
        "endpoints are numbers": {"authorization_endpoint": 7, "token_endpoint": 8.5, "registration_endpoint": True},
        "relative endpoints": {"authorization_endpoint": "/authorize", "token_endpoint": "token"},
    }
    for fault, members in changed.items():
        document |= members if has(fault) else {}
    return {name: value for name, value in document.items() if value is not None}
