"""Good bearer tokens of both kinds, to be changed and signed by hand."""

from datetime import datetime

from jwt.algorithms import ECAlgorithm

from oauth.jose.jws import VerificationKey
from tests.support.builders import NOW, PUBLIC_URL
from tests.support.forging import Signer, ec_key, es256, jws, public_jwk

OUR_KEY = ec_key(1)
OUR_KID = "ours_1"
OUR_SIGNATURE = es256(OUR_KEY)
SUPABASE_KEY = ec_key(2)
SUPABASE_KID = "supabase_1"
SUPABASE_SIGNATURE = es256(SUPABASE_KEY)
SUPABASE_JWKS = {"keys": [public_jwk(SUPABASE_KEY.public_key(), SUPABASE_KID)]}

ISSUED_AT = int(NOW.timestamp())


class OurKeys:
    """FirstPartyKeys with one key."""

    def verification_key(self, kid: str | None, _now: datetime) -> VerificationKey | None:
        if kid != OUR_KID:
            return None
        return VerificationKey(kid, "ES256", ECAlgorithm(ECAlgorithm.SHA256), OUR_KEY.public_key())


def make_access_claims(**changes: object) -> dict[str, object]:
    """Claims of a first party token, issued now for half an hour."""
    return {
        "iss": PUBLIC_URL,
        "sub": "subject_1",
        "aud": f"{PUBLIC_URL}/mcp",
        "client_id": "client_1",
        "scope": "mcp:read mcp:write",
        "iat": ISSUED_AT,
        "exp": ISSUED_AT + 1800,
        "jti": "0.token_1",
        "gid": "grant_1",
        "auth_time": ISSUED_AT - 300,
        "acr": "aal1",
        **changes,
    }


def make_access_header(**changes: object) -> dict[str, object]:
    return {"typ": "at+jwt", "alg": "ES256", "kid": OUR_KID, **changes}


def make_access_token(
    claims: dict[str, object] | bytes | None = None,
    header: dict[str, object] | bytes | None = None,
    sign: Signer = OUR_SIGNATURE,
) -> str:
    return jws(header or make_access_header(), make_access_claims() if claims is None else claims, sign)


def make_session_claims(issuer: str, **changes: object) -> dict[str, object]:
    """Claims of a Supabase user session, as its access tokens have them."""
    return {
        "iss": issuer,
        "sub": "subject_1",
        "aud": "authenticated",
        "exp": ISSUED_AT + 3600,
        "iat": ISSUED_AT,
        "email": "ada@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"role": "admin", "is_anonymous": True},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": ISSUED_AT}],
        "session_id": "session_1",
        "is_anonymous": False,
        **changes,
    }


def make_session_token(
    claims: dict[str, object] | bytes, header: dict[str, object] | None = None, sign: Signer = SUPABASE_SIGNATURE
) -> str:
    return jws({"typ": "JWT", "alg": "ES256", "kid": SUPABASE_KID, **(header or {})}, claims, sign)


def without(claims: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in claims.items() if name not in names}
