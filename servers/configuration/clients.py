"""Clients that the operator's file declares: `[[clients]]` in mcp-auth.toml. They come and go with it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator

from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.models import Client, ClientAuthenticationMethod, GrantType
from oauth.protocol.resources import Resources
from oauth.revocation import Revoker
from oauth.stores.ports import Clients
from servers.operations.actor import Actor, ActorKind, record
from servers.operations.client_registration import CLIENT_ID_PREFIX, SECRETS, ClientDescription, build_client, read_jwks
from servers.operations.clients import disable_client, enable_client

log = structlog.get_logger()

_OPERATOR = Actor(ActorKind.CONFIGURATION, "[[clients]]")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# What people's ids look like: a client must never be taken for one (STD-81).
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
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
        if not _CLIENT_ID.fullmatch(value) or value.startswith(CLIENT_ID_PREFIX) or _UUID.fullmatch(value):
            raise ValueError(f"must be letters, digits and . _ ~ -, no UUID, and not begin with {CLIENT_ID_PREFIX}")
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
        wanted = ClientDescription(
            self.name,
            self.redirect_uris,
            self.auth,
            self.grants,
            self.scope,
            None if self.jwks_file is None else read_jwks(self.jwks_file),
            self.jwks_uri,
            self.introspects,
            self.require_pushed_requests,
            self.dpop_bound,
        )
        newer, former = (*(Digest(each.encode()) for each in self.secret_hashes), None, None)[:2]
        return replace(
            build_client(ClientId(self.client_id), wanted, resources, custom_redirects, now),
            secret_digest=newer,
            former_secret_digest=former,
            disabled_at=now if self.disabled else None,
            is_configured=True,
        )


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
    declared: Sequence[ClientSettings], resources: Resources, custom_redirects: Collection[str], revoker: Revoker
) -> None:
    """Make the database say what the file says. Every node does it at its start. Idempotent.

    A client that is declared as disabled, or no longer declared, is disabled."""
    clients, clock = revoker.store.clients, revoker.clock
    wanted = {each.client_id: each.client(resources, custom_redirects, clock()) for each in declared}
    for client in wanted.values():
        stored = await clients.get(client.client_id)
        if stored is not None and not stored.is_configured:
            log.error("client_not_configured", client_id=client.client_id, meaning="it is registered by other means")
            continue
        await _put(client, stored, clients)
        if stored is not None and client.disabled_at is not None and stored.disabled_at is None:
            await disable_client(client.client_id, _OPERATOR, revoker)
        if stored is not None and client.disabled_at is None and stored.disabled_at is not None:
            await enable_client(client.client_id, _OPERATOR, clients, clock)
    for stored in await clients.list_configured():
        if stored.client_id not in wanted and stored.disabled_at is None:
            await disable_client(stored.client_id, _OPERATOR, revoker)


async def _put(client: Client, stored: Client | None, clients: Clients) -> None:
    """Write down what is declared. Whether a client that is stored already is disabled stays as it is."""
    if stored is not None:
        # Keys that were fetched from its address since are newer than none.
        jwks = stored.jwks if client.jwks_uri is not None and client.jwks_uri == stored.jwks_uri else client.jwks
        client = replace(
            client,
            created_at=stored.created_at,
            disabled_at=stored.disabled_at,
            jwks=jwks,
            fresh_until=stored.fresh_until,
        )
    if client != stored:
        await clients.put(client)
        record(_OPERATOR, "client_configured", client_id=client.client_id)
