"""The Store: one of each port."""

from dataclasses import dataclass

from oauth.stores.ports.attempts import Attempts
from oauth.stores.ports.clients import Clients
from oauth.stores.ports.flow_history import FlowHistory
from oauth.stores.ports.grants import Grants
from oauth.stores.ports.people import People
from oauth.stores.ports.requests import Requests
from oauth.stores.ports.revocations import Revocations
from oauth.stores.ports.signing_keys import SigningKeys
from oauth.stores.ports.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Store:
    """All ports on one database."""

    clients: Clients
    requests: Requests
    grants: Grants
    people: People
    attempts: Attempts
    revocations: Revocations
    signing_keys: SigningKeys
    flow_history: FlowHistory
    upkeep: Upkeep
