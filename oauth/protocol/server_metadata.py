"""Authorization server metadata (RFC 8414): everything that works, and nothing that does not."""

from oauth.jose.jwk_set import ALGORITHMS
from oauth.protocol.identity_assertion import GRANT_PROFILE
from oauth.protocol.models import ClientAuthenticationMethod, GrantType
from oauth.protocol.pkce import METHOD
from oauth.protocol.resources import Resources
from oauth.protocol.settings import Settings

# RFC 8414 §3, and OpenID Connect Discovery §4 for clients that look only there (D-3).
PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
JWKS_PATH = "/.well-known/jwks.json"


def _grants(settings: Settings) -> dict[str, object]:
    """The JWT bearer grant where somebody's assertions count, with the profile that they have to follow."""
    if settings.trusted_issuers:
        return {
            "grant_types_supported": [str(grant_type) for grant_type in GrantType],
            "authorization_grant_profiles_supported": [GRANT_PROFILE],
        }
    return {"grant_types_supported": [str(each) for each in GrantType if each is not GrantType.JWT_BEARER]}


def document(settings: Settings, resources: Resources) -> dict[str, object]:
    """The metadata. Issuer and endpoints are the public URL and paths at its root (D-2, D-3)."""
    issuer = settings.issuer
    methods = [str(method) for method in ClientAuthenticationMethod]
    documents = {"client_id_metadata_document_supported": True} if settings.documents.is_open else {}
    registration = {"registration_endpoint": f"{issuer}/register"} if settings.registration.enabled else {}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        **registration,
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}{JWKS_PATH}",
        "scopes_supported": sorted(resources.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        **_grants(settings),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint": f"{issuer}/introspect",
        # RFC 7662 §2.1: nobody asks without authenticating.
        "introspection_endpoint_auth_methods_supported": [name for name in methods if name != "none"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        **documents,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": [METHOD],
        # RFC 9207 §3: `iss` stands in every authorization response.
        "authorization_response_iss_parameter_supported": True,
        # RFC 9728 §4
        "protected_resources": [resource.identifier for resource in resources],
    }
