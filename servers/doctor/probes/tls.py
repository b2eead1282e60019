"""A look at the TLS of an origin, with the handshake of a client that checks what it should."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from servers.doctor.evidence.observations import Handshake, Trouble

Look = Callable[[str], Awaitable[Handshake | None]]

_PATIENCE = 10.0  # seconds
# OpenSSL's numbers of what it found in a chain (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED, _HOST, _ADDRESS = 9, 10, 62, 64
_TROUBLES = {
    _NOT_YET_VALID: Trouble.NOT_YET_VALID,
    _EXPIRED: Trouble.EXPIRED,
    _HOST: Trouble.OTHER_HOST,
    _ADDRESS: Trouble.OTHER_HOST,
}
_OLD = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"}
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}


def trust() -> ssl.SSLContext:
    """The certificates that clients trust as they come, and no TLS before 1.2."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def looking(context: ssl.SSLContext) -> Look:
    """With the eyes of somebody who trusts those certificates."""

    async def look(origin: str) -> Handshake | None:
        return await _look(origin, context)

    return look


async def _look(origin: str, context: ssl.SSLContext) -> Handshake | None:
    """One handshake. None where no connection came about, which is nothing that TLS could be blamed for."""
    parts = urlsplit(origin)
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
            )
    except ssl.SSLCertVerificationError as error:
        return Handshake(_TROUBLES.get(error.verify_code, Trouble.UNTRUSTED), error.verify_message.rstrip("."))
    except ssl.SSLError as error:
        reason = error.reason or "no reason"
        old = Trouble.OLD_PROTOCOL if reason in _OLD else Trouble.OTHER
        return Handshake(Trouble.NO_TLS if reason in _NOT_TLS else old, reason.replace("_", " ").lower())
    except (OSError, TimeoutError, UnicodeError, ValueError):
        return None
    try:
        return _good(writer)
    finally:
        writer.transport.abort()


def _good(writer: asyncio.StreamWriter) -> Handshake:
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = secured.getpeercert() or {}
    ends = certificate.get("notAfter")
    expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
    return Handshake(None, version=secured.version() or "", expires_at=expires_at)
