"""/health, /settings, /.well-known: what a client may know of the project."""

from starlette.responses import JSONResponse, Response

from servers.local_supabase.context import Call
from servers.local_supabase.errors import Refusal
from servers.local_supabase.social import PROVIDER

_PROVIDERS = (
    *("apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "github", "gitlab", "google", "kakao"),
    *("keycloak", "linkedin", "linkedin_oidc", "notion", "slack", "slack_oidc", "snapchat", "spotify", "twitch"),
    *("twitter", "workos", "x", "zoom"),
)


async def health(_: Call) -> Response | Refusal:
    """GET /health"""
    return JSONResponse({"version": "v2.196.0", "name": "GoTrue", "description": "A stand-in for one machine"})


async def settings(call: Call) -> Response | Refusal:
    """GET /settings"""
    off = call.context.switched_off
    external = {name: name == PROVIDER and name not in off for name in _PROVIDERS}
    external |= {"anonymous_users": False, "email": "email" not in off, "phone": "phone" not in off}
    return JSONResponse(
        {
            "external": external,
            "disable_signup": "sign_up" in off,
            "mailer_autoconfirm": True,
            "phone_autoconfirm": False,
            "sms_provider": "twilio",
            "saml_enabled": bool(call.context.sso_domains),
            "saml_private_key_next_configured": False,
            "passkeys_enabled": False,
        }
    )


async def jwks(call: Call) -> Response | Refusal:
    """GET /.well-known/jwks.json"""
    return JSONResponse(call.context.keys.public(), headers={"Cache-Control": "public, max-age=600"})


async def openid_configuration(call: Call) -> Response | Refusal:
    """GET /.well-known/openid-configuration"""
    issuer = call.context.issuer
    return JSONResponse(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth/authorize",
            "token_endpoint": f"{issuer}/oauth/token",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "userinfo_endpoint": f"{issuer}/oauth/userinfo",
            "scopes_supported": ["openid", "profile", "email", "phone", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256", "plain"],
        }
    )
