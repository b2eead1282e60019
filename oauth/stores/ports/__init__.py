"""What the authorization server asks of its database: nine ports, and the Store that holds one of each.

Every call is one transaction, on disk when it returns. StoreUnavailable means that nothing was written. The contract
tests run over every implementation. A function that needs one port takes that port, not the Store."""

from oauth.stores.ports.attempts import AttemptCount, Attempts
from oauth.stores.ports.clients import Clients
from oauth.stores.ports.flow_history import FlowHistory, FlowStepQuery, FlowStepQueryField
from oauth.stores.ports.grants import DecideCode, DecideRefresh, Grants, Sighting
from oauth.stores.ports.people import People, SignIn
from oauth.stores.ports.requests import Requests
from oauth.stores.ports.revocations import Revocations
from oauth.stores.ports.signing_keys import SigningKeys, StoredSigningKey
from oauth.stores.ports.store import Store
from oauth.stores.ports.upkeep import Upkeep

__all__ = [
    "AttemptCount",
    "Attempts",
    "Clients",
    "DecideCode",
    "DecideRefresh",
    "FlowHistory",
    "FlowStepQuery",
    "FlowStepQueryField",
    "Grants",
    "People",
    "Requests",
    "Revocations",
    "Sighting",
    "SignIn",
    "SigningKeys",
    "Store",
    "StoredSigningKey",
    "Upkeep",
]
