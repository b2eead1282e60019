"""Resource servers elsewhere whose tokens are issued here: `[[resources]]` in mcp-auth.toml."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from oauth.foundation.vocabulary import Role, Scope
from oauth.protocol.resource_indicator import canonical
from oauth.protocol.resources import Resource
from servers.configuration.origin import is_loopback

# RFC 6749 §3.3, without what would be hard to type.
_SCOPE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


class ResourceSettings(BaseModel):
    """A `[[resources]]` table. url: what its tokens name as their audience. scopes: each with what it means in plain
    words, for the consent page. baseline: what a client gets that asks for nothing; all of them by default. roles: who
    may obtain the audience at all; everybody by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    name: str = Field(min_length=1, max_length=80)
    scopes: dict[str, str] = Field(min_length=1)
    baseline: tuple[str, ...] = ()
    roles: tuple[Role, ...] = tuple(Role)

    @field_validator("url")
    @classmethod
    def _canonical(cls, value: str) -> str:
        parts = urlsplit(value)
        plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if (parts.scheme != "https" and not plain) or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an https address without query and fragment")
        if "@" in parts.netloc or canonical(value) != value:
            raise ValueError("must be in lower case up to its path, and without a trailing slash")
        return value

    @field_validator("scopes")
    @classmethod
    def _scopes(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(_SCOPE.fullmatch(scope) and words.strip() for scope, words in value.items()):
            raise ValueError("must each be a short word, and say what it means")
        return value

    @model_validator(mode="after")
    def _known_baseline(self) -> "ResourceSettings":
        if not set(self.baseline) <= self.scopes.keys():
            raise ValueError("baseline names a scope that is not among scopes")
        return self

    def resource(self) -> Resource:
        """For the authorization server, which serves no document for it."""
        parts = urlsplit(self.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return Resource(
            origin,
            self.url.removeprefix(origin),
            self.name,
            scopes={Scope(scope): words for scope, words in self.scopes.items()},
            baseline=frozenset(map(Scope, self.baseline or self.scopes)),
            roles=frozenset(self.roles),
            is_served=False,
        )
