"""Operations on clients: register, rotate secrets, disable, enable, remove.

All raise StoreUnavailable. Those that take a client_id raise UnknownClient. Those that change a client also raise
ClientIsConfigured, unless the configuration is the actor: only the configuration changes a client that it declares. A
call that changes nothing records nothing."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from oauth.client_registry.secrets import hash_secret
from oauth.foundation import credentials
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import CLIENT_SECRET_PREFIX, Entropy
from oauth.foundation.vocabulary import ClientId, Digest, GrantId
from oauth.protocol.models import Client
from oauth.protocol.resources import Resources
from oauth.revocation import Revoker
from oauth.stores.ports import Clients
from servers.operations.actor import Actor, ActorKind, record
from servers.operations.client_registration import CLIENT_ID_PREFIX, SECRETS, ClientDescription, build_client
from servers.operations.problems import ClientHasNoSecret, ClientIsConfigured, UnknownClient


@dataclass(frozen=True, slots=True)
class ClientWithSecret:
    """A client with its new secret, which is shown once.

    client: as it is stored.
    secret: in plain text; None where the client has none."""

    client: Client
    secret: str | None


async def find_client(client_id: ClientId, clients: Clients) -> Client:
    """The client of that id, disabled or not. Raises UnknownClient."""
    client = await clients.get(client_id)
    if client is None:
        raise UnknownClient(client_id)
    return client


async def register_client(
    description: ClientDescription,
    actor: Actor,
    resources: Resources,
    custom_redirects: Collection[str],
    clients: Clients,
    clock: Clock,
    entropy: Entropy,
) -> ClientWithSecret:
    """Register a client under a new id, with a new secret where it authenticates with one.

    resources: the resources that it may get scopes for and introspect.
    custom_redirects: redirect URIs of known clients with a scheme of their own.
    Raises UnacceptableClient."""
    client_id = ClientId(credentials.new_secret(CLIENT_ID_PREFIX, entropy))
    client = build_client(client_id, description, resources, custom_redirects, clock())
    secret = None
    if description.auth in SECRETS:
        secret, secret_digest = await _new_secret(entropy)
        client = replace(client, secret_digest=secret_digest)
    await clients.put(client)
    record(actor, "client_added", client_id=client_id)
    return ClientWithSecret(client, secret)


async def rotate_client_secret(
    client_id: ClientId, actor: Actor, clients: Clients, entropy: Entropy
) -> ClientWithSecret:
    """Give a client a new secret. The one before stays valid as well. Raises ClientHasNoSecret."""
    await _get_client_with_secret(client_id, actor, clients)
    secret, secret_digest = await _new_secret(entropy)
    client = await clients.rotate_secret(client_id, secret_digest)
    if client is None:
        raise UnknownClient(client_id)
    record(actor, "client_secret_rotated", client_id=client_id)
    return ClientWithSecret(client, secret)


async def end_former_client_secret(client_id: ClientId, actor: Actor, clients: Clients) -> Client:
    """Make the secret before the newest one invalid. Idempotent. Raises ClientHasNoSecret."""
    before = await _get_client_with_secret(client_id, actor, clients)
    client = await clients.end_former_secret(client_id)
    if client is None:
        raise UnknownClient(client_id)
    if before.former_secret_digest is not None:
        record(actor, "client_secret_ended", client_id=client_id)
    return client


async def disable_client(client_id: ClientId, actor: Actor, revoker: Revoker) -> Sequence[GrantId]:
    """Disable a client and end its grants and tokens on every node. Idempotent: keeps the time of the first call.

    → the grants that ended."""
    before = await _get_changeable_client(client_id, actor, revoker.store.clients)
    ended = await revoker.end_client(client_id)
    if ended or before.disabled_at is None:
        record(actor, "client_disabled", client_id=client_id, grants_ended=len(ended))
    return ended


async def enable_client(client_id: ClientId, actor: Actor, clients: Clients, clock: Clock) -> None:
    """Enable a client. Its ended grants and tokens stay ended. Idempotent."""
    await _get_changeable_client(client_id, actor, clients)
    if await clients.enable(client_id, clock()):
        record(actor, "client_enabled", client_id=client_id)


async def remove_client(client_id: ClientId, actor: Actor, revoker: Revoker) -> Sequence[GrantId]:
    """Delete a client with its grants, and end its tokens on every node.

    A client whose id is the URL of its metadata comes back when it is next used; disable it instead.
    → the grants that ended."""
    await _get_changeable_client(client_id, actor, revoker.store.clients)
    ended = await revoker.end_client(client_id, remove=True)
    record(actor, "client_removed", client_id=client_id, grants_ended=len(ended))
    return ended


async def _get_client_with_secret(client_id: ClientId, actor: Actor, clients: Clients) -> Client:
    client = await _get_changeable_client(client_id, actor, clients)
    if client.authentication_method not in SECRETS:
        raise ClientHasNoSecret(client_id, client.authentication_method)
    return client


async def _get_changeable_client(client_id: ClientId, actor: Actor, clients: Clients) -> Client:
    client = await find_client(client_id, clients)
    if client.is_configured and actor.kind is not ActorKind.CONFIGURATION:
        raise ClientIsConfigured(client_id)
    return client


async def _new_secret(entropy: Entropy) -> tuple[str, Digest]:
    """A new secret and its stored digest. Hashing takes some 20 ms, in another thread."""
    secret = credentials.new_secret(CLIENT_SECRET_PREFIX, entropy)
    return secret, await asyncio.to_thread(hash_secret, secret, entropy)
