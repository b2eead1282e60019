"""One sequence for MCP endpoints and REST routes: credentials → Principal or Denial."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from mcp_auth.authentication import Authenticator, Credentials, Denial, Unusable, read_credentials
from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection
from mcp_auth.tokens.possession import Possession
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ErrorCode
from oauth.protocol.resources import Resource
from tests.mcp_auth.test_mcp_guard import PRINCIPAL
from tests.support.builders import NOW, PUBLIC_URL, USER, scopes

NOTICED = list[tuple[Resource, Rejection | None]]


def authenticator(verdict: Principal | Rejection, noticed: NOTICED) -> Authenticator:
    async def verify(_: str) -> Principal | Rejection:
        return verdict

    return Authenticator(
        USER,
        verify,
        Possession(PUBLIC_URL, lambda: NOW, None),
        lambda _, resource, rejection: noticed.append((resource, rejection)),
    )


@pytest.mark.parametrize(
    ("headers", "presented"),
    [
        ([], Unusable.MISSING),
        ([(b"authorization", b"")], Unusable.MALFORMED),
        ([(b"authorization", b"Bearer ")], Unusable.MALFORMED),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer a")], Unusable.MALFORMED),
        ([(b"authorization", b"Basic a")], Unusable.SCHEME),
        ([(b"authorization", b"Bearer a"), (b"dpop", b"proof")], Credentials("a")),
        ([(b"authorization", b"dPoP a"), (b"dpop", b"1"), (b"dpop", b"2")], Credentials("a", ["1", "2"])),
        ([(b"authorization", b"DPoP a")], Credentials("a", [])),
    ],
)
def test_credentials_are_those_of_the_one_authorization_header(
    headers: list[tuple[bytes, bytes]], presented: Credentials | Unusable
) -> None:
    assert read_credentials(headers) == presented


async def test_too_little_scope_is_logged_and_noticed_whichever_interface_was_called() -> None:
    noticed: NOTICED = []
    weak = replace(PRINCIPAL, scopes=scopes("api"))
    with capture_logs() as logged:
        denial = await authenticator(weak, noticed).authenticate({"path": "/mcp"}, Credentials("t"))
    assert isinstance(denial, Denial)
    assert (denial.status, denial.error, denial.reason) == (403, ErrorCode.INSUFFICIENT_SCOPE, "scope_insufficient")
    assert [event["event"] for event in logged] == ["scope_insufficient"]
    assert [rejection and rejection.reason for _, rejection in noticed] == ["scope_insufficient"]


async def test_good_token_proves_person_and_client_to_whoever_counts_requests() -> None:
    noticed: NOTICED = []
    scope = {"path": "/mcp"}
    assert await authenticator(PRINCIPAL, noticed).authenticate(scope, Credentials("t")) == PRINCIPAL
    assert (context_of(scope).caller, noticed) == ("subject_1 client_1", [])
