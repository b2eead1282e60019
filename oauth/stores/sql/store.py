"""The Store in SQL: every port on one database."""

from oauth.database.database import Database
from oauth.stores.ports import Store
from oauth.stores.sql.attempts import SqlAttempts
from oauth.stores.sql.clients import SqlClients
from oauth.stores.sql.flow_history import SqlFlowHistory
from oauth.stores.sql.grants import SqlGrants, TokenPath
from oauth.stores.sql.people import SqlPeople
from oauth.stores.sql.requests import SqlRequests
from oauth.stores.sql.revocations import SqlRevocations
from oauth.stores.sql.signing_keys import SqlSigningKeys
from oauth.stores.sql.upkeep import SqlUpkeep


def sql_store(database: Database, token_path: TokenPath) -> Store:
    """The ports on a database. token_path: of its driver."""
    return Store(
        clients=SqlClients(database),
        requests=SqlRequests(database),
        grants=SqlGrants(database, token_path),
        people=SqlPeople(database),
        attempts=SqlAttempts(database),
        revocations=SqlRevocations(database),
        signing_keys=SqlSigningKeys(database),
        flow_history=SqlFlowHistory(database),
        upkeep=SqlUpkeep(database),
    )
