"""The statements of the token path: described in SQLAlchemy, compiled once for the driver that runs them.

SQLite reads and claims one at a time, inside a transaction that commits many. PostgreSQL reads and claims many in one
statement, which is a transaction of its own."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    column,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.types import TypeEngine

from oauth.stores.sql.tables import authorization_codes, clients, grants, refresh_tokens

_successors = refresh_tokens.alias("successors")
_ONE: ColumnElement[int] = literal_column("1")
_NEW_TOKEN = ("digest", "grant_id", "generation", "expires_at", "dpop_jkt")


# -- what is sought: pairs of a client id and a digest; each yields a row, with nulls where there is nothing


def _one_sought() -> FromClause:
    return select(
        bindparam("client_id", type_=Text).label("client_id"), bindparam("digest", type_=LargeBinary).label("digest")
    ).subquery("sought")


def _many(name: str, columns: dict[str, TypeEngine[Any]]) -> FromClause:
    """A table from one array parameter per column; `position` counts from 1."""
    arrays = [bindparam(each, type_=ARRAY(kind)) for each, kind in columns.items()]
    table = func.unnest(*arrays).table_valued(
        *(column(each, kind) for each, kind in columns.items()), with_ordinality="position"
    )
    return table.render_derived(name=name)


def _many_sought() -> FromClause:
    return _many("sought", {"client_id": Text(), "digest": LargeBinary()})


def _select_code(sought: FromClause) -> Select[Any]:
    """The client, the code, its grant."""
    return select(*clients.c, *authorization_codes.c, *grants.c).select_from(
        sought.outerjoin(clients, clients.c.client_id == sought.c.client_id)
        .outerjoin(authorization_codes, authorization_codes.c.digest == sought.c.digest)
        .outerjoin(grants, grants.c.grant_id == authorization_codes.c.grant_id)
    )


def _select_refresh_token(sought: FromClause) -> Select[Any]:
    """The client, the refresh token, its grant, and whether its successor is known to have arrived."""
    arrived = or_(_successors.c.superseded_at.is_not(None), _successors.c.seen_at.is_not(None))
    return select(*clients.c, *refresh_tokens.c, *grants.c, arrived).select_from(
        sought.outerjoin(clients, clients.c.client_id == sought.c.client_id)
        .outerjoin(refresh_tokens, refresh_tokens.c.digest == sought.c.digest)
        .outerjoin(grants, grants.c.grant_id == refresh_tokens.c.grant_id)
        .outerjoin(
            _successors,
            (_successors.c.grant_id == refresh_tokens.c.grant_id)
            & (_successors.c.generation == refresh_tokens.c.generation + _ONE),
        )
    )


select_code = _select_code(_one_sought())
select_refresh_token = _select_refresh_token(_one_sought())
select_codes = _select_code(_codes_sought := _many_sought()).order_by(_codes_sought.c.position)
select_refresh_tokens = _select_refresh_token(_tokens_sought := _many_sought()).order_by(_tokens_sought.c.position)


# -- the gates: of any number of claims of one code or token, one changes a row (D-7)


def _unclaimed(table: Table, digest: ColumnElement[bytes], claimed_at: Column[Any]) -> ColumnElement[bool]:
    alive = exists().where(grants.c.grant_id == table.c.grant_id, grants.c.revoked_at.is_(None))
    return (table.c.digest == digest) & claimed_at.is_(None) & alive


_claimed = bindparam("claimed", type_=LargeBinary)
claim_code = (
    update(authorization_codes)
    .where(_unclaimed(authorization_codes, _claimed, authorization_codes.c.redeemed_at))
    .values(redeemed_at=bindparam("now"))
)
supersede = (
    update(refresh_tokens)
    .where(_unclaimed(refresh_tokens, _claimed, refresh_tokens.c.superseded_at))
    # As long as the successor lives, a lost reply can be asked for again: so long the row is kept.
    .values(
        superseded_at=bindparam("now"), sealed_successor=bindparam("sealed"), expires_at=bindparam("new_expires_at")
    )
)
add_refresh_token = insert(refresh_tokens).values({name: bindparam(f"new_{name}") for name in _NEW_TOKEN})


def _claims() -> FromClause:
    """The parameters of many claims. new_digest is null where a code comes without a refresh token."""
    return _many(
        "claims",
        {
            "claimed": LargeBinary(),
            "now": BigInteger(),
            "sealed": LargeBinary(),
            "new_digest": LargeBinary(),
            "new_generation": Integer(),
            "new_expires_at": BigInteger(),
            "new_dpop_jkt": Text(),
        },
    )


def _claim_and_add(claims: FromClause, claim: Update, grant_id: Column[str]) -> Select[Any]:
    """Claim many and add what comes with those that were won; → the digest that each winner claimed."""
    won = claim.returning(
        grant_id,
        claims.c.claimed,
        claims.c.new_digest,
        claims.c.new_generation,
        claims.c.new_expires_at,
        claims.c.new_dpop_jkt,
    ).cte("won")
    added = (
        insert(refresh_tokens)
        .from_select(
            list(_NEW_TOKEN),
            select(
                won.c.new_digest, won.c.grant_id, won.c.new_generation, won.c.new_expires_at, won.c.new_dpop_jkt
            ).where(won.c.new_digest.is_not(None)),
        )
        .cte("added")
    )
    return select(won.c.claimed).add_cte(added)


_code_claims = _claims()
claim_codes = _claim_and_add(
    _code_claims,
    update(authorization_codes)
    .where(_unclaimed(authorization_codes, _code_claims.c.claimed, authorization_codes.c.redeemed_at))
    .values(redeemed_at=_code_claims.c.now),
    authorization_codes.c.grant_id,
)
_token_claims = _claims()
supersede_many = _claim_and_add(
    _token_claims,
    update(refresh_tokens)
    .where(_unclaimed(refresh_tokens, _token_claims.c.claimed, refresh_tokens.c.superseded_at))
    .values(
        superseded_at=_token_claims.c.now,
        sealed_successor=_token_claims.c.sealed,
        expires_at=_token_claims.c.new_expires_at,
    ),
    refresh_tokens.c.grant_id,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of one driver, and the order in which it takes its parameters."""

    sql: str
    names: tuple[str, ...]

    def arguments(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """The values in that order."""
        return tuple([values[name] for name in self.names])

    def arrays(self, values: list[dict[str, Any]]) -> tuple[list[Any], ...]:
        """One array per parameter, over many sets of values."""
        return tuple([[each[name] for each in values] for name in self.names])


def compile_statement(statement: Select[Any] | Update | Insert, dialect: Dialect) -> Statement:
    """For a driver that takes positional parameters."""
    result = statement.compile(dialect=dialect)
    return Statement(str(result), tuple(result.positiontup or ()))
