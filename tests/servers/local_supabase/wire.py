"""The stand-in as plain HTTP sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.browser import NO_TLS
from tests.support.gateway import RunningSupabase


@dataclass(frozen=True, slots=True)
class Somebody:
    """An account of the test's own."""

    id: str
    email: str
    password: str


class Wire:
    """Speaks to /auth/v1 with the publishable key; a header that is None is left out."""

    def __init__(self, supabase: RunningSupabase) -> None:
        self.supabase = supabase
        self.issuer = f"{supabase.url}/auth/v1"
        # A connection for each request: none waits for what another one left behind.
        self._http = httpx.Client(verify=NO_TLS, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        bearer: str | None = None,
        headers: Mapping[str, str | bytes | None] | None = None,
        **more: Any,  # noqa: ANN401 - as httpx takes it
    ) -> httpx.Response:
        """path: below /auth/v1, or a whole URL."""
        given: dict[str, str | bytes | None] = {"apikey": self.supabase.stand_in.publishable_key, **(headers or {})}
        if bearer is not None:
            given["Authorization"] = f"Bearer {bearer}"
        present = [(name.encode(), _bytes(value)) for name, value in given.items() if value is not None]
        url = path if path.startswith("http") else self.issuer + path
        return self._http.request(method, url, headers=present, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        return self.send("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        return self.send("POST", path, **more)

    def as_service(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        """With the secret key."""
        return self.send(method, path, headers={"apikey": self.supabase.stand_in.secret_key}, **more)

    def token(self, grant_type: str, **body: object) -> httpx.Response:
        return self.post("/token", params={"grant_type": grant_type}, json=body)

    def sign_in(self, person: Somebody) -> dict[str, Any]:
        """The session of a sign-in that works."""
        return session_of(self.token("password", email=person.email, password=person.password))

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.token("refresh_token", refresh_token=refresh_token)

    def local(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        """What tests in other processes use."""
        return self.as_service(method, f"{self.supabase.url}/_local{path}", **more)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def session_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def refusal_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in the older format, after a look at the rest of it."""
    body = response.json()
    assert body["code"] == response.status_code
    assert body["msg"]
    assert response.headers["x-sb-error-code"] == body["error_code"]
    return response.status_code, body["error_code"]
