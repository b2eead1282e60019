"""mcp-auth clients: the clients that the operator registers, and those that came by themselves."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from cyclopts import App

from oauth.client_registry import secrets
from oauth.foundation import credentials
from oauth.foundation.clock import system_clock
from oauth.foundation.credentials import CLIENT_SECRET_PREFIX
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import Client, ClientAuthenticationMethod, GrantType
from oauth.protocol.scope import to_text
from oauth.remote.fetching import INTERNET
from oauth.stores.opening import store_on
from servers.commands.common import all_settings, command_actor, command_settings, open_for_command, revoker_on, run
from servers.configuration.loading import UnusableSettings
from servers.configuration.resources import create_resources
from servers.configuration.settings import CommandSettings
from servers.operations import known_clients
from servers.operations.client_registration import ClientDescription, read_jwks
from servers.operations.clients import (
    disable_client,
    enable_client,
    end_former_client_secret,
    find_client,
    register_client,
    remove_client,
    rotate_client_secret,
)

clients = App(name="clients", help="The clients that may ask for access.")

_MOST_LISTED = 1000


@clients.command
def add(
    name: str,
    *redirect_uri: str,
    auth: ClientAuthenticationMethod = ClientAuthenticationMethod.NONE,
    grant: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
    scope: str = "",
    jwks: Path | None = None,
    jwks_uri: str | None = None,
    par: bool = False,
    dpop: bool = False,
) -> None:
    """Register a client. What it prints is JSON; a secret is in it, and shown this once.

    Parameters
    ----------
    name
        What people read on the consent page.
    redirect_uri
        Where answers may go; one or more, unless no person ever connects it.
    auth
        How it proves itself at the token endpoint.
    grant
        What it may ask for tokens with; again for each. client-credentials is for machines, jwt-bearer for clients that
        bring the word of an identity provider.
    scope
        What it gets when it asks for nothing, separated by spaces; for a machine, the most that it can get.
    jwks
        File with its public keys (a JWK Set), for private_key_jwt.
    jwks_uri
        https address of its public keys instead.
    par
        It has to push its authorization requests (RFC 9126).
    dpop
        Its tokens are bound to its key (RFC 9449).
    """
    run(
        _add_client(
            lambda: ClientDescription(
                name,
                redirect_uri,
                auth,
                grant,
                scope,
                jwks=_keys(jwks, auth),
                jwks_uri=jwks_uri,
                requires_pushed_requests=par,
                dpop_bound=dpop,
            )
        )
    )


@clients.command
def add_resource_server(
    name: str,
    *resource: str,
    auth: ClientAuthenticationMethod = ClientAuthenticationMethod.CLIENT_SECRET_BASIC,
    jwks: Path | None = None,
) -> None:
    """Register a resource server elsewhere, which may ask at /introspect whether access tokens are good.

    Parameters
    ----------
    name
        What the list of clients calls it.
    resource
        What its tokens name as their audience, such as https://mcp.example.com/mcp; one or more.
    auth
        How it proves itself.
    jwks
        File with its public keys (a JWK Set), for private_key_jwt.
    """
    run(
        _add_client(
            lambda: ClientDescription(name, (), auth, (), "", jwks=_keys(jwks, auth), introspects=resource or ("",))
        )
    )


@clients.command(name="list")
def list_clients() -> None:
    """List the clients, newest first: id, how it came to be known, state, name."""
    run(_list())


@clients.command
def show(client_id: str) -> None:
    """Show what is known of a client, as JSON; never a secret."""
    run(_show(client_id))


@clients.command
def rotate_secret(client_id: str, *, end: bool = False) -> None:
    """Give a client a new secret, which is shown this once. The former one stays good until --end.

    Parameters
    ----------
    end
        Make the former secret invalid, and no new one.
    """
    run(_rotate_secret(client_id, end=end))


@clients.command
def hash_secret() -> None:
    """Make a secret for a client that mcp-auth.toml declares: the secret is for the client, its hash for the file."""
    secret = credentials.new_secret(CLIENT_SECRET_PREFIX, os.urandom)
    made = {"client_secret": secret, "secret_hash": secrets.hash_secret(secret, os.urandom).decode()}
    sys.stdout.write(json.dumps(made, indent=2) + "\n")


@clients.command
def disable(client_id: str) -> None:
    """Switch a client off: its grants and tokens end, on every node within seconds, and it gets no new ones."""
    run(_disable(client_id))


@clients.command
def enable(client_id: str) -> None:
    """Switch a client on again. People have to connect it anew."""
    run(_enable(client_id))


@clients.command
def remove(client_id: str) -> None:
    """Forget a client, with all its grants; its tokens end on every node within seconds."""
    run(_remove(client_id))


@clients.command
def known() -> None:
    """List the clients whose metadata documents come with the program, and from when the copies are.

    Where MCP_AUTH_KNOWN_CLIENTS names a file, those of the file.
    """
    copies = command_settings().known
    sys.stdout.write(f"Copies of {copies.as_of}, used where a document cannot be fetched:\n")
    for url, document in copies.documents.items():
        sys.stdout.write(f"{url}\t{document['client_name']}\n")


@clients.command
def check_known(*, write: Path | None = None) -> None:
    """Compare the copies of known clients with what their vendors publish now; status 1 where they differ.

    Parameters
    ----------
    write
        File for the copies as they are published now, to be named by MCP_AUTH_KNOWN_CLIENTS.
    """
    run(_check_known(command_settings(), write))


async def _check_known(settings: CommandSettings, write: Path | None) -> None:
    found = [each async for each in known_clients.compare(settings.known, INTERNET)]
    sys.stdout.write("".join(f"{each.client_id}\t{each.summary}\n" for each in found))
    if write is not None:
        renewed = known_clients.render_copies(found, settings.known_clients, system_clock())
        try:
            await asyncio.to_thread(write.write_text, renewed)
        except OSError as error:
            raise UnusableSettings(f"{write} cannot be written: {error.strerror}.") from None
    if any(each.differs for each in found):
        sys.exit(1)


async def _add_client(wish: Callable[[], ClientDescription]) -> None:
    wanted = wish()
    settings = command_settings()
    resources = create_resources("", "", elsewhere=settings.elsewhere)
    if wanted.introspects:
        resources = all_settings().all_resources
    redirects = settings.known.custom_redirects
    async with open_for_command(settings) as database:
        clients = store_on(database).clients
        added = await register_client(wanted, command_actor(), resources, redirects, clients, system_clock, os.urandom)
    _print(added.client, added.secret)


def _keys(path: Path | None, auth: ClientAuthenticationMethod) -> str | None:
    if path is not None and auth is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        raise UnusableSettings("--jwks and --auth private_key_jwt belong together: give both or none.")
    try:
        return None if path is None else read_jwks(path)
    except ValueError as problem:
        raise UnusableSettings(str(problem)) from None


async def _list() -> None:
    async with open_for_command(command_settings()) as database:
        for client in await store_on(database).clients.newest(_MOST_LISTED):
            state = "enabled" if client.disabled_at is None else "disabled"
            how = "configured" if client.is_configured else client.registration
            sys.stdout.write(f"{client.client_id}\t{how}\t{state}\t{client.name or ''}\n")


async def _show(client_id: str) -> None:
    async with open_for_command(command_settings()) as database:
        _print(await find_client(ClientId(client_id), store_on(database).clients))


async def _rotate_secret(client_id: str, *, end: bool) -> None:
    async with open_for_command(command_settings()) as database:
        clients, actor = store_on(database).clients, command_actor()
        if end:
            _print(await end_former_client_secret(ClientId(client_id), actor, clients))
        else:
            rotated = await rotate_client_secret(ClientId(client_id), actor, clients, os.urandom)
            _print(rotated.client, rotated.secret)


async def _disable(client_id: str) -> None:
    async with open_for_command(command_settings()) as database:
        ended = await disable_client(ClientId(client_id), command_actor(), revoker_on(database))
    sys.stdout.write(f"{client_id}\tdisabled\t{len(ended)} grants ended\n")


async def _enable(client_id: str) -> None:
    async with open_for_command(command_settings()) as database:
        await enable_client(ClientId(client_id), command_actor(), store_on(database).clients, system_clock)
    sys.stdout.write(f"{client_id}\tenabled\n")


async def _remove(client_id: str) -> None:
    async with open_for_command(command_settings()) as database:
        ended = await remove_client(ClientId(client_id), command_actor(), revoker_on(database))
    sys.stdout.write(f"{client_id}\tremoved\t{len(ended)} grants ended\n")


def _print(client: Client, secret: str | None = None) -> None:
    described: dict[str, object] = {
        "client_id": client.client_id,
        **({"client_secret": secret} if secret is not None else {}),
        "client_name": client.name,
        "registration": client.registration,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.authentication_method,
        "grant_types": sorted(client.grant_types),
        "scope": to_text(client.scope),
        **({"introspects": sorted(client.introspects)} if client.introspects else {}),
        "created_at": client.created_at.isoformat(),
        "disabled_at": client.disabled_at.isoformat() if client.disabled_at is not None else None,
        **({"jwks_uri": client.jwks_uri} if client.jwks_uri is not None else {}),
        "require_pushed_requests": client.requires_pushed_requests,
        "dpop_bound": client.dpop_bound,
        "former_secret_is_good": client.former_secret_digest is not None,
    }
    sys.stdout.write(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
