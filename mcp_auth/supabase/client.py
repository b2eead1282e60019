"""HTTP to Supabase Auth: one place that knows timeouts, retries, and what an outage looks like (D-16, SEED-6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import tenacity

from oauth.foundation.outages import ProviderUnavailable

# Three attempts stay below the 10 s after which clients give up.
_TIMEOUT = httpx.Timeout(2.5, connect=2.0)
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.3  # SEED-6
_OK, _SERVER_ERROR = 200, 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What Supabase said: a status below 500 and a JSON object."""

    status: int
    body: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """Did it do what it was asked for?"""
        return self.status == _OK

    @property
    def error_code(self) -> str:
        """Supabase's own code for an error, in whichever of its formats."""
        for name in ("error_code", "code", "error"):
            if isinstance(self.body.get(name), str):
                return str(self.body[name])
        return ""

    def to_outage(self, asked: str) -> ProviderUnavailable:
        """Of an answer that is no verdict: a wrong key or address of ours, for instance. asked: for the log."""
        return ProviderUnavailable(f"{asked}: status {self.status}, code {self.error_code[:64]!r}")


class SupabaseClient:
    """url: of the project, without a trailing slash. api_key: the publishable one, or for its admin API the secret."""

    def __init__(self, url: str, api_key: str, http: httpx.AsyncClient) -> None:
        self.issuer = f"{url}/auth/v1"
        self.api_key = api_key
        self._http = http

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
        bearer: str | None = None,
    ) -> Answer:
        """Ask /auth/v1{path}. ProviderUnavailable: no answer, a 5xx, or something that is not a JSON object."""
        headers = {"apikey": self.api_key, "X-Supabase-Api-Version": "2024-01-01"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        request = self._http.build_request(
            method, self.issuer + path, json=json, params=query, headers=headers, timeout=_TIMEOUT
        )
        try:
            response = await self._send(request)
        except httpx.HTTPError as error:
            raise ProviderUnavailable(f"{path}: {type(error).__name__}") from error
        if response.status_code >= _SERVER_ERROR:
            raise ProviderUnavailable(f"{path}: status {response.status_code}")
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ProviderUnavailable(f"{path}: status {response.status_code} without JSON")
        return Answer(response.status_code, body)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.TransportError),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_fixed(_PAUSE_SECONDS),
        reraise=True,
    )
    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._http.send(request)
