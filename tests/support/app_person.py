"""Somebody who uses an app with the Supabase SDK, and calls the REST API with the session that it keeps."""

from typing import Any

import httpx

from servers.local_supabase.factors import totp
from tests.support.browser import NO_TLS
from tests.support.gateway import USER, Gateway


class AppPerson:
    """Signed in. account: a demo account, or what `sign_up` made."""

    def __init__(self, gateway: Gateway, account: Any = USER) -> None:  # noqa: ANN401
        self.gateway = gateway
        self.account = account
        self._supabase = httpx.Client(
            base_url=f"{gateway.supabase.url}/auth/v1",
            headers={"apikey": gateway.supabase.stand_in.publishable_key},
            verify=NO_TLS,
        )
        self._api = httpx.Client(base_url=gateway.url, verify=NO_TLS, timeout=30)
        self.access_token = ""
        self.sign_in()

    def sign_in(self) -> None:
        body = {"email": self.account.email, "password": self.account.password}
        session = self._supabase.post("/token?grant_type=password", json=body)
        assert session.status_code == 200, session.text
        self.access_token = session.json()["access_token"]

    def sign_out(self, scope: str) -> None:
        """`global`, `local` or `others`."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        assert self._supabase.post(f"/logout?scope={scope}", headers=headers).status_code == 204

    def enroll(self) -> str:
        """A second factor, and a session that has given it. → the secret of the authenticator app."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        factor = self._supabase.post("/factors", json={"factor_type": "totp"}, headers=headers).json()
        challenge = self._supabase.post(f"/factors/{factor['id']}/challenge", headers=headers).json()
        secret: str = factor["totp"]["secret"]
        code = totp(secret, self.gateway.clock().timestamp())
        body = {"challenge_id": challenge["id"], "code": code}
        session = self._supabase.post(f"/factors/{factor['id']}/verify", json=body, headers=headers)
        assert session.status_code == 200, session.text
        self.access_token = session.json()["access_token"]
        return secret

    def call(
        self, method: str, path: str, *, json: object | None = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        given = {"Authorization": f"Bearer {self.access_token if token is None else token}", **headers}
        return self._api.request(method, f"/api/v1{path}", json=json, headers=given)

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def post(self, path: str, json: object | None) -> httpx.Response:
        return self.call("POST", path, json=json)

    def me(self) -> dict[str, Any]:
        answer = self.get("/users/me")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        self._supabase.close()
        self._api.close()


class Account:
    """An account that a test makes."""

    def __init__(self, account_id: str, email: str, password: str) -> None:
        self.id = account_id
        self.email = email
        self.password = password


def sign_up(gateway: Gateway, email: str, **more: Any) -> Account:  # noqa: ANN401
    """more: see LocalSupabase.create_user."""
    supabase = gateway.supabase
    made = supabase.running.call(supabase.stand_in.create_user(email, "a-password", **more))
    return Account(made, email, "a-password")


def change(gateway: Gateway, account_id: str, **members: object) -> None:
    """What the project's owner changes of an account, through Supabase's admin API."""
    supabase = gateway.supabase
    answer = httpx.put(
        f"{supabase.url}/auth/v1/admin/users/{account_id}",
        json=members,
        headers={"apikey": supabase.stand_in.secret_key},
        verify=NO_TLS,
    )
    assert answer.status_code == 200, answer.text
