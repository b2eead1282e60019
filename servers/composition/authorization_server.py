"""Builds the authorization server of a node."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from oauth.authorization_server import AuthorizationServer
from oauth.client_registry.metadata_documents import MetadataDocuments
from oauth.client_registry.resource_servers import ResourceServers
from oauth.client_registry.secrets import ClientSecrets
from oauth.foundation.admission_queue import AdmissionQueue
from oauth.pages import Pages
from servers.composition import background
from servers.composition.node import Node
from servers.configuration import trusted_issuers

# Registrations that may wait for their turn; further ones are told to retry.
_MAX_WAITING_REGISTRATIONS = 64


@asynccontextmanager
async def open_authorization_server(node: Node) -> AsyncIterator[AuthorizationServer]:
    """The authorization server. While it is open, the documents of clients that trusted issuers name are fetched."""
    surroundings, issuing, known = node.surroundings, node.issuing, node.settings.known
    clock, network = surroundings.clock, surroundings.network
    async with AsyncExitStack() as stack:
        documents = await stack.enter_async_context(
            background.prefetch_client_documents(
                MetadataDocuments(node.store.clients, network, issuing, known, node.resources.scopes, clock),
                trusted_issuers.documents_of(issuing.trusted_issuers),
                surroundings.intervals.client_documents,
            )
        )
        client_secrets = ClientSecrets(surroundings.entropy)
        stack.callback(client_secrets.close)
        yield AuthorizationServer(
            settings=issuing,
            resources=node.resources,
            store=node.store,
            resource_owners=node.people.resource_owners,
            client_documents=documents,
            client_secrets=client_secrets,
            resource_servers=ResourceServers(node.store.clients, clock),
            registering=AdmissionQueue("a registration", at_once=1, most=_MAX_WAITING_REGISTRATIONS),
            dpop_nonces=node.dpop_nonces,
            flow_recorder=node.flow_recorder,
            issuer_keys=trusted_issuers.keys_of(issuing.trusted_issuers, network, clock),
            known_clients=known,
            key_ring=node.key_ring,
            pages=Pages(),
            revoker=node.people.revoker,
            confirms=node.verifiers.confirm,
            clock=clock,
            entropy=surroundings.entropy,
        )
