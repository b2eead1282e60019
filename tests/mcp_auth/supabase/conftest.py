from collections.abc import AsyncIterator

import httpx
import pytest

from mcp_auth.supabase.client import SupabaseClient
from tests.support.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
async def supabase() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest.fixture
async def client(supabase: ScriptedServer) -> AsyncIterator[SupabaseClient]:
    async with httpx.AsyncClient() as http:
        yield SupabaseClient(supabase.url, "sb_publishable_1", http)
