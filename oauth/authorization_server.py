"""The authorization server as one frozen value: all that an endpoint may use."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from oauth.client_registry.metadata_documents import MetadataDocuments
from oauth.client_registry.resource_servers import ResourceServers
from oauth.client_registry.secrets import ClientSecrets
from oauth.flow_history.recorder import FlowRecorder
from oauth.foundation.admission_queue import AdmissionQueue
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import Entropy
from oauth.foundation.vocabulary import ResourceIndicator
from oauth.key_ring import KeyRing
from oauth.pages import Pages
from oauth.protocol.clients.known import KnownClients
from oauth.protocol.dpop import Nonces
from oauth.protocol.resource_owners import ResourceOwners
from oauth.protocol.resources import Resources
from oauth.protocol.settings import Settings
from oauth.remote.issuer_keys import IssuerKeys
from oauth.revocation import Revoker
from oauth.stores.ports import Store


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """confirms: would this
    resource take this access token now, whoever presents it? Raises Outage when nobody can tell. issuer_keys: of each
    trusted issuer, by its name."""

    settings: Settings
    resources: Resources
    store: Store
    resource_owners: ResourceOwners
    client_documents: MetadataDocuments
    client_secrets: ClientSecrets
    resource_servers: ResourceServers
    registering: AdmissionQueue
    dpop_nonces: Nonces
    flow_recorder: FlowRecorder
    issuer_keys: Mapping[str, IssuerKeys]
    known_clients: KnownClients
    key_ring: KeyRing
    pages: Pages
    revoker: Revoker
    confirms: Callable[[str, ResourceIndicator], Awaitable[bool]]
    clock: Clock
    entropy: Entropy
