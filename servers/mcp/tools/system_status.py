"""user_system_status and admin_system_status: the health of the service and its components."""

from datetime import datetime

from fastmcp import FastMCP
from pydantic import BaseModel

from mcp_auth.users.store import UserStore
from oauth.foundation.outages import Outage
from oauth.key_ring import KeyRing
from servers.mcp.tools.annotations import read_only
from servers.mcp.tools.envelope import ToolAnswer, failure, success
from servers.observability.status import StatusProbe
from servers.observability.version import VERSION


class SystemStatus(BaseModel):
    """The health of the service. Each value is operational, degraded or down.

    overall: of the whole service.
    database: of the database.
    sign_in: of Supabase."""

    overall: str
    database: str
    sign_in: str


class SigningKeyStatus(BaseModel):
    """A key of the JWKS.

    kid: its id there.
    signs_from: when it begins to sign."""

    kid: str
    signs_from: datetime


class AdminSystemStatus(SystemStatus):
    """The health of the service, with details for operators.

    version: of the program.
    users_by_role: how many users have each role.
    signing_keys: the keys of the JWKS."""

    version: str
    users_by_role: dict[str, int]
    signing_keys: list[SigningKeyStatus]


def add_user_system_status(server: FastMCP, probe: StatusProbe) -> None:
    """Add the tool to the user server."""

    @server.tool(
        annotations=read_only("System status"),
        description="Say whether the service, its database and signing in work at the moment.",
    )
    async def user_system_status() -> ToolAnswer[SystemStatus]:
        status = await probe.check_all()
        return success(SystemStatus(overall=status.overall, database=status.database, sign_in=status.sign_in))


def add_admin_system_status(server: FastMCP, probe: StatusProbe, users: UserStore, key_ring: KeyRing) -> None:
    """Add the tool to the admin server."""

    @server.tool(
        annotations=read_only("System status for administrators"),
        description=(
            "Say whether everything works, which version runs, how many users there are, and which keys sign."
        ),
    )
    async def admin_system_status() -> ToolAnswer[AdminSystemStatus]:
        status = await probe.check_all()
        try:
            by_role = await users.count_by_role()
        except Outage:
            return failure("AUTH_DB_UNAVAILABLE", "The database does not answer. Try again in a few seconds.")
        return success(
            AdminSystemStatus(
                overall=status.overall,
                database=status.database,
                sign_in=status.sign_in,
                version=VERSION,
                users_by_role={role.value: count for role, count in by_role.items()},
                signing_keys=[SigningKeyStatus(kid=key.kid, signs_from=key.signs_from) for key in key_ring.keys.all],
            )
        )
