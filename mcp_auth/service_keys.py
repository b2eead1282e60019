"""API keys for the operator's other services. A key opens only routes that depend on `get_current_service`."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

HEADER = "x-api-key"


class ServiceKeys:
    """API keys, held as digests. keys: service name → key."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}

    def find_service(self, key: str) -> str | None:
        """→ the name of the service with this key; None for an unknown key. Takes the same time in both cases."""
        presented, service = _digest(key), None
        for name, digest in self._digests.items():
            if hmac.compare_digest(presented, digest):
                service = name
        return service


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


NO_SERVICES = ServiceKeys({})
