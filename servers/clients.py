"""mcp-auth clients: the clients that the operator registers, and those that came by themselves."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cyclopts import App

from oauth import client_metadata, credentials, jwk_set, known_clients
from oauth.client_metadata import REGISTRABLE_METHODS
from oauth.client_secrets import hashed
from oauth.clock import system_clock
from oauth.credentials import CLIENT_SECRET_PREFIX
from oauth.errors import OAuthError
from oauth.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, GrantType, Registration
from oauth.scope import to_text
from oauth.stores.database import check_revision
from oauth.stores.opening import OpenDatabase, store_on
from oauth.stores.tables import REVISION
from oauth.vocabulary import ClientId, ResourceIndicator, Scope
from servers.command import all_settings, database_settings, opened, run
from servers.loading import UnusableSettings
from servers.resources import create_resources

clients = App(name="clients", help="The clients that may ask for access.")

_MOST_LISTED = 1000
# Longer than any access token lives.
_REVOKED_IS_NEWS = timedelta(hours=25)
_SECRETS = (ClientAuthenticationMethod.CLIENT_SECRET_BASIC, ClientAuthenticationMethod.CLIENT_SECRET_POST)


@clients.command
def add(
    name: str,
    *redirect_uri: str,
    auth: ClientAuthenticationMethod = ClientAuthenticationMethod.NONE,
    grant: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
    scope: str = "",
    jwks: Path | None = None,
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
    """
    run(_add(name, redirect_uri, auth, grant, scope, jwks))


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
    run(_add_resource_server(name, resource, auth, jwks))


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
    """List the clients whose metadata documents come with the program, and from when the copies are."""
    shipped = known_clients.load()
    sys.stdout.write(f"Copies of {shipped.as_of}, used where a document cannot be fetched:\n")
    for url, document in shipped.documents.items():
        sys.stdout.write(f"{url}\t{document['client_name']}\n")


async def _add(
    name: str,
    redirect_uris: Sequence[str],
    auth: ClientAuthenticationMethod,
    grants: Sequence[GrantType],
    scope: str,
    jwks: Path | None,
) -> None:
    if auth is ClientAuthenticationMethod.NONE and not GRANTS_OF_PEOPLE.issuperset(grants):
        raise UnusableSettings("client-credentials and jwt-bearer are for clients that authenticate: choose an --auth.")
    described: dict[str, object] = {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "token_endpoint_auth_method": str(auth),
        "grant_types": list(map(str, grants)),
        "scope": scope,
    }
    methods = (*REGISTRABLE_METHODS, ClientAuthenticationMethod.PRIVATE_KEY_JWT)
    known_scopes = create_resources("", "").scopes
    metadata = client_metadata.parse(
        described, known_scopes, methods, frozenset(GrantType), known_clients.load().custom_redirects
    )
    if isinstance(metadata, OAuthError):
        raise UnusableSettings(metadata.description)
    unknown = set(map(Scope, scope.split())) - known_scopes
    if unknown:
        raise UnusableSettings(f"There is no scope {', '.join(sorted(unknown))}.")
    secret = credentials.new_secret(CLIENT_SECRET_PREFIX, os.urandom) if auth in _SECRETS else None
    client = Client(
        client_id=ClientId(credentials.new_secret("client_", os.urandom)),
        registration=Registration.PREREGISTERED,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=auth,
        secret_digest=hashed(secret, os.urandom) if secret is not None else None,
        grant_types=metadata.grant_types,
        scope=metadata.scope,
        created_at=system_clock(),
        jwks=_read_jwks(auth, jwks),
    )
    async with opened(database_settings()) as database:
        await check_revision(database, REVISION)
        await store_on(database).put_client(client)
    _print(client, secret)


async def _add_resource_server(
    name: str, resources: Sequence[str], auth: ClientAuthenticationMethod, jwks: Path | None
) -> None:
    settings = all_settings()
    served = create_resources(settings.public_url, settings.name)
    unknown = [resource for resource in resources if served.get(resource) is None]
    if unknown or not resources:
        known = ", ".join(resource.identifier for resource in served)
        raise UnusableSettings(f"{' '.join(unknown) or 'Nothing'} is not among the resources {known}.")
    if auth is ClientAuthenticationMethod.NONE:
        raise UnusableSettings("A resource server has to authenticate: choose another --auth.")
    secret = credentials.new_secret(CLIENT_SECRET_PREFIX, os.urandom) if auth in _SECRETS else None
    client = Client(
        client_id=ClientId(credentials.new_secret("client_", os.urandom)),
        registration=Registration.PREREGISTERED,
        name=name,
        redirect_uris=(),
        authentication_method=auth,
        secret_digest=hashed(secret, os.urandom) if secret is not None else None,
        grant_types=frozenset(),
        scope=frozenset(),
        created_at=system_clock(),
        jwks=_read_jwks(auth, jwks),
        introspects=frozenset(map(ResourceIndicator, resources)),
    )
    async with opened(settings) as database:
        await check_revision(database, REVISION)
        await store_on(database).put_client(client)
    _print(client, secret)


def _read_jwks(auth: ClientAuthenticationMethod, path: Path | None) -> str | None:
    if (path is None) == (auth is ClientAuthenticationMethod.PRIVATE_KEY_JWT):
        raise UnusableSettings("--jwks and --auth private_key_jwt belong together: give both or none.")
    if path is None:
        return None
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise UnusableSettings(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise UnusableSettings(f"{path} is not JSON.") from None
    if not jwk_set.usable_keys(document):
        algorithms = " or ".join(jwk_set.ALGORITHMS)
        raise UnusableSettings(f"{path} has no public key for {algorithms}: each key needs its `alg`.")
    return json.dumps(document)


async def _list() -> None:
    async with opened(database_settings()) as database:
        await check_revision(database, REVISION)
        for client in await store_on(database).clients(_MOST_LISTED):
            state = "enabled" if client.disabled_at is None else "disabled"
            sys.stdout.write(f"{client.client_id}\t{client.registration}\t{state}\t{client.name or ''}\n")


async def _show(client_id: str) -> None:
    async with opened(database_settings()) as database:
        _print(await _find(database, client_id))


async def _rotate_secret(client_id: str, *, end: bool) -> None:
    async with opened(database_settings()) as database:
        client = await _find(database, client_id)
        if client.authentication_method not in _SECRETS:
            raise UnusableSettings(f"{client_id} has no secret: it authenticates with {client.authentication_method}.")
        secret = None if end else credentials.new_secret(CLIENT_SECRET_PREFIX, os.urandom)
        if secret is None:
            changed = replace(client, former_secret_digest=None)
        else:
            changed = replace(
                client, secret_digest=hashed(secret, os.urandom), former_secret_digest=client.secret_digest
            )
        await store_on(database).put_client(changed)
        _print(changed, secret)


async def _disable(client_id: str) -> None:
    now = system_clock()
    async with opened(database_settings()) as database:
        client = await _find(database, client_id)
        await store_on(database).put_client(replace(client, disabled_at=now))
        ended = await store_on(database).end_client(client.client_id, now, now + _REVOKED_IS_NEWS)
    sys.stdout.write(f"{client_id}\tdisabled\t{len(ended)} grants ended\n")


async def _enable(client_id: str) -> None:
    async with opened(database_settings()) as database:
        client = await _find(database, client_id)
        await store_on(database).put_client(replace(client, disabled_at=None))
    sys.stdout.write(f"{client_id}\tenabled\n")


async def _remove(client_id: str) -> None:
    now = system_clock()
    async with opened(database_settings()) as database:
        client = await _find(database, client_id)
        ended = await store_on(database).end_client(client.client_id, now, now + _REVOKED_IS_NEWS, remove=True)
    sys.stdout.write(f"{client_id}\tremoved\t{len(ended)} grants ended\n")


async def _find(database: OpenDatabase, client_id: str) -> Client:
    await check_revision(database, REVISION)
    client = await store_on(database).client(ClientId(client_id))
    if client is None:
        raise UnusableSettings(f"There is no client {client_id}: `mcp-auth clients list` shows those that there are.")
    return client


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
        "former_secret_is_good": client.former_secret_digest is not None,
    }
    sys.stdout.write(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
