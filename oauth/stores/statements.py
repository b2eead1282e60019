"""The statements of the token path: described once in SQLAlchemy, compiled once per driver."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, insert, literal_column, or_, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert, Update

from oauth.stores.tables import authorization_codes, clients, grants, refresh_tokens

# Constants of ours, spelled into the statement rather than bound.
_one: ColumnElement[int] = literal_column("1")
_seed = select(_one.label("one")).subquery("seed")
_successors = refresh_tokens.alias("successors")

# One row, always: the client or nulls, the code or nulls, its grant or nulls.
select_code = select(*clients.c, *authorization_codes.c, *grants.c).select_from(
    _seed.outerjoin(clients, clients.c.client_id == bindparam("client_id"))
    .outerjoin(authorization_codes, authorization_codes.c.digest == bindparam("digest"))
    .outerjoin(grants, grants.c.grant_id == authorization_codes.c.grant_id)
)

# The same for a refresh token; the last column says whether its successor is known to have arrived.
select_refresh_token = select(
    *clients.c,
    *refresh_tokens.c,
    *grants.c,
    or_(_successors.c.superseded_at.is_not(None), _successors.c.seen_at.is_not(None)),
).select_from(
    _seed.outerjoin(clients, clients.c.client_id == bindparam("client_id"))
    .outerjoin(refresh_tokens, refresh_tokens.c.digest == bindparam("digest"))
    .outerjoin(grants, grants.c.grant_id == refresh_tokens.c.grant_id)
    .outerjoin(
        _successors,
        (_successors.c.grant_id == refresh_tokens.c.grant_id)
        & (_successors.c.generation == refresh_tokens.c.generation + _one),
    )
)

# The gates: of any number of claims of one code or token, one changes a row (D-7).
_alive = select(grants.c.grant_id).where(grants.c.revoked_at.is_(None))
claim_code = (
    update(authorization_codes)
    .where(
        authorization_codes.c.digest == bindparam("claimed"),
        authorization_codes.c.redeemed_at.is_(None),
        authorization_codes.c.grant_id.in_(_alive.where(grants.c.grant_id == authorization_codes.c.grant_id)),
    )
    .values(redeemed_at=bindparam("now"))
    .returning(authorization_codes.c.grant_id)
)
supersede = (
    update(refresh_tokens)
    .where(
        refresh_tokens.c.digest == bindparam("claimed"),
        refresh_tokens.c.superseded_at.is_(None),
        refresh_tokens.c.grant_id.in_(_alive.where(grants.c.grant_id == refresh_tokens.c.grant_id)),
    )
    .values(superseded_at=bindparam("now"), sealed_successor=bindparam("sealed"))
    .returning(refresh_tokens.c.grant_id)
)
_NEW_TOKEN = ("digest", "grant_id", "generation", "expires_at")
add_refresh_token = insert(refresh_tokens).values({name: bindparam(f"new_{name}") for name in _NEW_TOKEN})


def _claim_and_add(claim: Update) -> Insert:
    """Claim and add in one statement; it adds nothing when the claim is lost (PostgreSQL)."""
    claimed = claim.cte("claimed_row")
    return (
        insert(refresh_tokens)
        .from_select(
            list(_NEW_TOKEN),
            select(
                bindparam("new_digest", type_=refresh_tokens.c.digest.type),
                claimed.c.grant_id,
                bindparam("new_generation", type_=refresh_tokens.c.generation.type),
                bindparam("new_expires_at", type_=refresh_tokens.c.expires_at.type),
            ),
        )
        .returning(refresh_tokens.c.grant_id)
    )


claim_code_and_add = _claim_and_add(claim_code)
supersede_and_add = _claim_and_add(supersede)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of one driver, and the order in which it takes its parameters."""

    sql: str
    names: tuple[str, ...]

    def arguments(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """The values in that order."""
        return tuple([values[name] for name in self.names])


def compiled(statement: Select[Any] | Update | Insert, dialect: Dialect) -> Statement:
    """For a driver that takes positional parameters."""
    result = statement.compile(dialect=dialect)
    return Statement(str(result), tuple(result.positiontup or ()))
