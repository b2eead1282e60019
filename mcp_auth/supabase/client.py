"""The HTTP client for Supabase Auth: timeouts, retries, and which answers are an outage (D-16)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import tenacity

from oauth.foundation.outages import ProviderUnavailable

# Three attempts stay below 10 s, after which clients give up.
_TIMEOUT = httpx.Timeout(2.5, connect=2.0)
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.3
_OK, _SERVER_ERROR = 200, 500


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Supabase.

    status: below 500.
    body: a JSON object."""

    status: int
    body: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """Did the request succeed?"""
        return self.status == _OK

    @property
    def error_code(self) -> str:
        """Supabase's error code, from any of its formats; empty without one."""
        for name in ("error_code", "code", "error"):
            if isinstance(self.body.get(name), str):
                return str(self.body[name])
        return ""

    def to_outage(self, path: str) -> ProviderUnavailable:
        """→ the exception for an answer that is no verdict, such as one to a wrong API key. path: for the log."""
        return ProviderUnavailable(f"{path}: status {self.status}, code {self.error_code[:64]!r}")


class SupabaseClient:
    """Sends requests to one project.

    url: of the project, without a trailing slash.
    api_key: the publishable key, or the secret key for the admin API."""

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
        """Send a request to /auth/v1{path}. Raises ProviderUnavailable: no answer, a 5xx, or no JSON object."""
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
