"""One route twice: behind a dependency that only compares a string, and behind ours."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request

from mcp_auth.rest import UserSnapshot, get_current_user_cached


async def compared(request: Request) -> str:
    """The floor: what any bearer dependency has to do at the least."""
    if request.headers.get("authorization") != os.environ["BENCHMARK_AUTHORIZATION"]:
        raise HTTPException(401)
    return "user_1"


def add_floor(api: FastAPI) -> None:
    """For MCP_AUTH_ROUTES."""

    @api.post("/v1/benchmark")
    async def floor(user_id: Annotated[str, Depends(compared)]) -> dict[str, str]:
        return {"id": user_id}


def add_subject(api: FastAPI) -> None:
    """The same for ours."""

    @api.post("/v1/benchmark")
    async def subject(user: Annotated[UserSnapshot, Depends(get_current_user_cached)]) -> dict[str, str]:
        return {"id": user.id}
