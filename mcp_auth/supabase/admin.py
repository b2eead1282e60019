"""Supabase's admin API, which needs the secret key."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mcp_auth.supabase.client import Answer, SupabaseClient
from oauth.foundation.vocabulary import Subject

_NOT_FOUND = 404
# Supabase answers `validation_failed` for an id that is not a UUID, which no user has.
_NO_SUCH_USER = frozenset({"user_not_found", "validation_failed"})


class SupabaseAdmin:
    """A client of the admin API. client: configured with the secret key."""

    def __init__(self, client: SupabaseClient) -> None:
        self._client = client

    async def get_user(self, subject: Subject) -> Mapping[str, Any] | None:
        """→ the user object; None if there is no such user. Raises ProviderUnavailable."""
        answer = await self._request("GET", subject)
        return None if answer.status == _NOT_FOUND else answer.body

    async def delete_user(self, subject: Subject) -> None:
        """Delete the user permanently. Idempotent. Raises ProviderUnavailable."""
        await self._request("DELETE", subject)

    async def _request(self, method: str, subject: Subject) -> Answer:
        path = f"/admin/users/{quote(subject, safe='')}"
        answer = await self._client.request(method, path, bearer=self._client.api_key)
        is_missing = answer.status == _NOT_FOUND and answer.error_code in _NO_SUCH_USER
        if not answer.is_ok and not is_missing:
            # Any other error says nothing about the user (D-16).
            raise answer.to_outage("/admin/users")
        return answer
