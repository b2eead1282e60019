"""The project's settings, from GET /settings: cached for 5 minutes. In an outage the last good answer holds."""

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

# Supabase's name of a social provider → the label of its button. The sign-in page offers no other providers.
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
    """A cache of the project's settings. Concurrent callers share one fetch."""

    def __init__(self, client: SupabaseClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._cached: Mapping[str, Any] | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def methods(self) -> SignInMethods:
        """→ what the sign-in page offers. Raises ProviderUnavailable without an answer, in the cache or now."""
        settings = await self._get_settings()
        external = settings.get("external")
        enabled = {name for name, value in external.items() if value is True} if isinstance(external, dict) else set()
        return SignInMethods(
            email="email" in enabled,
            phone="phone" in enabled,
            providers=tuple(IdentityProvider(key, name) for key, name in _PROVIDERS.items() if key in enabled),
            sso=settings.get("saml_enabled") is True,
        )

    async def allows_sign_ups(self) -> bool:
        """May new users sign up? False if the settings do not tell. Raises ProviderUnavailable without an answer."""
        return (await self._get_settings()).get("disable_signup") is False

    async def _get_settings(self) -> Mapping[str, Any]:
        if self._is_due():
            async with self._fetching:
                if self._is_due():
                    await self._fetch()
        if self._cached is None:
            raise ProviderUnavailable("/settings: never answered")
        return self._cached

    def _is_due(self) -> bool:
        now = self._clock()
        is_fresh = self._fetched_at is not None and now - self._fetched_at < LIFETIME
        # Without a cached answer there is no pause: a person who reloads the page gets it as soon as Supabase answers.
        is_paused = self._cached is not None and self._tried_at is not None and now - self._tried_at < _PAUSE
        return not is_fresh and not is_paused

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            answer = await self._client.request("GET", "/settings")
        except ProviderUnavailable as outage:
            log.warning("project_settings_unavailable", cause=str(outage), kept=self._cached is not None)
            return
        if not answer.is_ok or not isinstance(answer.body.get("external"), dict):
            log.warning("project_settings_unavailable", cause=f"status {answer.status}", kept=self._cached is not None)
            return
        self._cached, self._fetched_at = answer.body, self._clock()
