"""Supabase's admin API against the stand-in: what counts as gone, and what as an outage (SEED-22, F-36)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.client import SupabaseClient
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.vocabulary import Subject
from tests.support.clock import SettableClock
from tests.support.gateway import USER, RunningSupabase, running_supabase

ADA = Subject(USER.id)


@pytest.fixture
def project(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def admin(project: RunningSupabase, http: httpx.AsyncClient) -> SupabaseAdmin:
    return SupabaseAdmin(SupabaseClient(project.url, project.stand_in.secret_key, http))


# SEED-22, F-36
async def test_user_is_there_until_deleted_and_deleting_again_is_no_error(admin: SupabaseAdmin) -> None:
    found = await admin.get_user(ADA)
    assert found is not None
    assert found["email"] == USER.email
    await admin.delete_user(ADA)
    assert await admin.get_user(ADA) is None
    await admin.delete_user(ADA)


async def test_id_that_is_none_is_nobodys(admin: SupabaseAdmin) -> None:
    assert await admin.get_user(Subject("no-uuid")) is None


@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
async def test_supabase_in_trouble_is_an_outage_and_deletes_nobody(
    admin: SupabaseAdmin, project: RunningSupabase, fault: str
) -> None:
    project.stand_in.faults.set(fault, status=404)
    with pytest.raises(ProviderUnavailable):
        await admin.delete_user(ADA)
    with pytest.raises(ProviderUnavailable):
        await admin.get_user(ADA)
    project.stand_in.faults.clear()
    assert await admin.get_user(ADA) is not None


async def test_wrong_key_is_an_outage_and_says_nothing_of_the_person(
    project: RunningSupabase, http: httpx.AsyncClient
) -> None:
    stranger = SupabaseAdmin(SupabaseClient(project.url, project.stand_in.publishable_key, http))
    with pytest.raises(ProviderUnavailable):
        await stranger.get_user(ADA)
    with pytest.raises(ProviderUnavailable):
        await stranger.delete_user(ADA)
