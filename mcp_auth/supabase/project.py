"""What the project has switched on: GET /settings, kept for a while, the last good answer kept through outages."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from mcp_auth.supabase.client import SupabaseClient
from oauth.foundation.clock import Clock
from oauth.foundation.outages import ProviderUnavailable
from oauth.protocol.resource_owners import IdentityProvider, SignInMethods

log = structlog.get_logger()

LIFETIME = timedelta(minutes=5)
_PAUSE = timedelta(seconds=10)

# Supabase's names of social providers, and what their buttons say. A name that is not here is never offered.
_PROVIDERS = {
    "apple": "Apple",
    "azure": "Microsoft",
    "bitbucket": "Bitbucket",
    "discord": "Discord",
    "facebook": "Facebook",
    "figma": "Figma",
    "fly": "Fly.io",
    "github": "GitHub",
    "gitlab": "GitLab",
    "google": "Google",
    "kakao": "Kakao",
    "keycloak": "Keycloak",
    "linkedin": "LinkedIn",
    "linkedin_oidc": "LinkedIn",
    "notion": "Notion",
    "slack": "Slack",
    "slack_oidc": "Slack",
    "snapchat": "Snapchat",
    "spotify": "Spotify",
    "twitch": "Twitch",
    "twitter": "Twitter",
    "workos": "WorkOS",
    "x": "X",
    "zoom": "Zoom",
}


class Project:
    """One fetch at a time; whoever comes meanwhile waits for it."""

    def __init__(self, client: SupabaseClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: Mapping[str, Any] | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def methods(self) -> SignInMethods:
        """What the sign-in page offers. ProviderUnavailable when that was never known."""
        settings = await self._settings()
        external = settings.get("external")
        on = {name for name, value in external.items() if value is True} if isinstance(external, dict) else set()
        return SignInMethods(
            email="email" in on,
            phone="phone" in on,
            providers=tuple(IdentityProvider(key, name) for key, name in _PROVIDERS.items() if key in on),
            sso=settings.get("saml_enabled") is True,
        )

    async def allows_sign_ups(self) -> bool:
        """May strangers make an account? Unknown is no."""
        return (await self._settings()).get("disable_signup") is False

    async def _settings(self) -> Mapping[str, Any]:
        if self._is_due():
            async with self._fetching:
                if self._is_due():
                    await self._fetch()
        if self._known is None:
            raise ProviderUnavailable("/settings: never answered")
        return self._known

    def _is_due(self) -> bool:
        now = self._clock()
        fresh = self._fetched_at is not None and now - self._fetched_at < LIFETIME
        # While it was never known each request asks: a person who reloads gets the page as soon as it can be had.
        tried = self._known is not None and self._tried_at is not None and now - self._tried_at < _PAUSE
        return not fresh and not tried

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            answer = await self._client.request("GET", "/settings")
        except ProviderUnavailable as outage:
            log.warning("project_settings_unavailable", cause=str(outage), kept=self._known is not None)
            return
        if not answer.is_ok or not isinstance(answer.body.get("external"), dict):
            log.warning("project_settings_unavailable", cause=f"status {answer.status}", kept=self._known is not None)
            return
        self._known, self._fetched_at = answer.body, self._clock()
