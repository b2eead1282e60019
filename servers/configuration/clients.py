"""Clients that the operator's file declares: `[[clients]]` in mcp-auth.toml. They come and go with it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator

from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.models import Client, ClientAuthenticationMethod, GrantType
from oauth.protocol.resources import Resources
from oauth.stores.ports import Clients
from servers.operations.client_registration import SECRETS, Wanted, client_of, read_jwks

log = structlog.get_logger()

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# What people's ids look like: a client must never be taken for one (STD-81).
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OURS = "client_"
_HASH = re.compile(r"\$argon2id\$[!-~]{20,300}")


class ClientSettings(BaseModel):
    """A `[[clients]]` table. secret_hashes: of `mcp-auth clients hash-secret`; two are good while one is rotated.
    jwks_file: public keys, for private_key_jwt; jwks_uri: their address instead. introspects: resources that it serves
    elsewhere, and may ask about tokens for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    auth: ClientAuthenticationMethod = ClientAuthenticationMethod.NONE
    grants: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
    scope: str = ""
    secret_hashes: tuple[str, ...] = Field((), max_length=2)
    jwks_file: Path | None = None
    jwks_uri: str | None = None
    introspects: tuple[str, ...] = ()
    disabled: bool = False
    require_pushed_requests: bool = False
    dpop_bound: bool = False

    @field_validator("client_id")
    @classmethod
    def _own_kind(cls, value: str) -> str:
        if not _CLIENT_ID.fullmatch(value) or value.startswith(_OURS) or _UUID.fullmatch(value):
            raise ValueError(f"must be letters, digits and . _ ~ -, no UUID, and not begin with {_OURS}")
        return value

    @field_validator("secret_hashes")
    @classmethod
    def _hashes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HASH.fullmatch(each) for each in value):
            raise ValueError("must be hashes that `mcp-auth clients hash-secret` printed")
        return value

    def client(self, resources: Resources, custom_redirects: Collection[str], now: datetime) -> Client:
        """What it declares. custom_redirects: of known clients. ValueError says in a sentence what is wrong with it."""
        if bool(self.secret_hashes) is not (self.auth in SECRETS):
            raise ValueError(f"secret_hashes and auth {' or '.join(SECRETS)} belong together: give both or none.")
        wanted = Wanted(
            ClientId(self.client_id),
            self.name,
            self.redirect_uris,
            self.auth,
            self.grants,
            self.scope,
            [Digest(each.encode()) for each in self.secret_hashes],
            None if self.jwks_file is None else read_jwks(self.jwks_file),
            self.jwks_uri,
            self.introspects,
            self.require_pushed_requests,
            self.dpop_bound,
        )
        client = replace(client_of(wanted, resources, custom_redirects, now), is_configured=True)
        return replace(client, disabled_at=now) if self.disabled else client


def check(
    declared: Sequence[ClientSettings], resources: Resources, custom_redirects: Collection[str], now: datetime
) -> None:
    """ValueError names the first client that cannot be, and says why."""
    seen: set[str] = set()
    for each in declared:
        if each.client_id in seen:
            raise ValueError(f"The client {each.client_id} is declared twice")
        seen.add(each.client_id)
        try:
            each.client(resources, custom_redirects, now)
        except ValueError as problem:
            raise ValueError(f"The client {each.client_id}: {str(problem).removesuffix('.')}") from None


async def bring_in_step(
    declared: Sequence[ClientSettings],
    resources: Resources,
    custom_redirects: Collection[str],
    clients: Clients,
    clock: Clock,
    matters_for: timedelta,
) -> None:
    """Make the database say what the file says. Every node does it at its start, and again is no harm.

    What is no longer declared, or declared as disabled, ends with its grants. matters_for: how long a
    revocation does."""
    now = clock()
    wanted = {each.client_id: each.client(resources, custom_redirects, now) for each in declared}
    for client in wanted.values():
        stored = await clients.get(client.client_id)
        if stored is not None and not stored.is_configured:
            log.error("client_not_configured", client_id=client.client_id, meaning="it is registered by other means")
            continue
        await _put(client, stored, clients, now, matters_for)
    for stored in await clients.configured():
        if stored.client_id not in wanted and stored.disabled_at is None:
            await _put(replace(stored, disabled_at=now), stored, clients, now, matters_for)


async def _put(client: Client, stored: Client | None, clients: Clients, now: datetime, matters_for: timedelta) -> None:
    if stored is not None:
        still_disabled = stored.disabled_at if client.disabled_at is not None else None
        # Keys that were fetched from its address since are newer than none.
        jwks = stored.jwks if client.jwks_uri is not None and client.jwks_uri == stored.jwks_uri else client.jwks
        client = replace(
            client,
            created_at=stored.created_at,
            disabled_at=still_disabled or client.disabled_at,
            jwks=jwks,
            fresh_until=stored.fresh_until,
        )
    if client == stored:
        return
    await clients.put(client)
    log.info("client_configured", client_id=client.client_id, is_disabled=client.disabled_at is not None)
    if client.disabled_at is not None:
        await clients.end(client.client_id, now, now + matters_for)
