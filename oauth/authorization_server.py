"""The authorization server as one frozen value: all that an endpoint may use."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from oauth.bounded_queue import BoundedQueue
from oauth.client_documents import ClientDocuments
from oauth.client_secrets import ClientSecrets
from oauth.clock import Clock
from oauth.credentials import Entropy
from oauth.dpop import Nonces
from oauth.flows import Flows
from oauth.key_ring import KeyRing
from oauth.known_clients import KnownClients
from oauth.models import Revocation
from oauth.pages import Pages
from oauth.remote.issuer_keys import IssuerKeys
from oauth.resource_owners import ResourceOwners
from oauth.resource_servers import ResourceServers
from oauth.resources import Resources
from oauth.settings import Settings
from oauth.stores.ports import Store
from oauth.vocabulary import ResourceIndicator


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """announce: tells this process of a revocation at once; the store tells the others (D-6). confirms: would this
    resource take this access token now, whoever presents it? Raises Outage when nobody can tell. issuer_keys: of each
    trusted issuer, by its name."""

    settings: Settings
    resources: Resources
    store: Store
    resource_owners: ResourceOwners
    client_documents: ClientDocuments
    client_secrets: ClientSecrets
    resource_servers: ResourceServers
    registering: BoundedQueue
    dpop_nonces: Nonces
    flows: Flows
    issuer_keys: Mapping[str, IssuerKeys]
    known_clients: KnownClients
    key_ring: KeyRing
    pages: Pages
    announce: Callable[[Revocation], None]
    confirms: Callable[[str, ResourceIndicator], Awaitable[bool]]
    clock: Clock
    entropy: Entropy
