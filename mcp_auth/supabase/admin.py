"""Supabase's admin API: what only the holder of the secret key may do."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mcp_auth.supabase.client import Answer, SupabaseClient
from oauth.foundation.vocabulary import Subject

_NOT_FOUND = 404
# The second is said of an id that is no UUID: nobody has one.
_NOBODY = frozenset({"user_not_found", "validation_failed"})


class SupabaseAdmin:
    """client: with the secret key."""

    def __init__(self, client: SupabaseClient) -> None:
        self._client = client

    async def get_user(self, subject: Subject) -> Mapping[str, Any] | None:
        """The user object, or None when there is no such user. Raises ProviderUnavailable."""
        answer = await self._ask("GET", subject)
        return None if answer.status == _NOT_FOUND else answer.body

    async def delete_user(self, subject: Subject) -> None:
        """Delete the user for good; somebody who is gone already is no error. Raises ProviderUnavailable."""
        await self._ask("DELETE", subject)

    async def _ask(self, method: str, subject: Subject) -> Answer:
        path = f"/admin/users/{quote(subject, safe='')}"
        answer = await self._client.request(method, path, bearer=self._client.api_key)
        gone = answer.status == _NOT_FOUND and answer.error_code in _NOBODY
        if not answer.is_ok and not gone:
            # Not a word about the person.
            raise answer.to_outage("/admin/users")
        return answer
