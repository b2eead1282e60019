"""Checks the DPoP proof of a request to an endpoint for programs (RFC 9449 §5)."""

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import dpop
from oauth.protocol.dpop import Proof
from oauth.protocol.errors import OAuthError, invalid_dpop_proof, use_dpop_nonce


async def check_dpop_proof(request: Request, server: AuthorizationServer) -> Proof | OAuthError | None:
    """The valid proof; None where the request has none. A proof counts once, over all nodes (RFC 9449 §11.1)."""
    sent = request.headers.getlist(dpop.HEADER)
    if not sent:
        return None
    now, url = server.clock(), server.settings.issuer + request.url.path
    proof = dpop.check(sent, request.method, url, now)
    if isinstance(proof, OAuthError):
        return proof
    if server.settings.dpop_nonces and not server.dpop_nonces.are_good(proof.nonce, now):
        return use_dpop_nonce(server.dpop_nonces.current(now))
    if not await throttle.record_first_use(proof.known_as, now + dpop.REMEMBERED, server):
        return invalid_dpop_proof("The DPoP proof was used before.", reason=ReasonCode.DPOP_REPLAYED)
    return proof
