"""whoami: the user, client, scopes and expiry of the access token."""

from datetime import datetime

from fastmcp import FastMCP
from pydantic import BaseModel

from mcp_auth.principal import current_principal
from servers.mcp.tools.annotations import read_only
from servers.mcp.tools.envelope import ToolAnswer, success


class Whoami(BaseModel):
    """The caller, as the access token proves it.

    subject: the Supabase id of the user, or the client_id of a machine.
    role: of the user; null for a machine.
    client_id: null for a Supabase session.
    resource: the audience of the token.
    scopes: the granted scopes.
    expires_at: when the token expires."""

    subject: str
    role: str | None
    client_id: str | None
    resource: str
    scopes: list[str]
    expires_at: datetime


def add_whoami(server: FastMCP) -> None:
    """Add the tool to a server."""

    @server.tool(
        annotations=read_only("Who am I?"),
        description="Say who is signed in, through which app, with which scopes, and until when.",
    )
    async def whoami() -> ToolAnswer[Whoami]:
        principal = current_principal()
        return success(
            Whoami(
                subject=principal.subject,
                role=principal.role,
                client_id=principal.client_id,
                resource=principal.resource,
                scopes=sorted(principal.scopes),
                expires_at=principal.expires_at,
            )
        )
