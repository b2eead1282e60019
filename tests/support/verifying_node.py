"""One process that verifies tokens, and the Supabase project that it asks."""

import httpx

from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.supabase.first_visit import FirstVisit
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.supabase.jwks import SupabaseKeys, shared_secret_key
from mcp_auth.tokens.revocations import Revocations
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.verifier import SupabaseSessions, SupabaseTokenVerifier
from oauth.protocol.resources import Resource
from tests.support.builders import API, NOW, PUBLIC_URL
from tests.support.clock import SettableClock
from tests.support.people import People
from tests.support.scripted_server import ScriptedServer
from tests.support.tokens import SUPABASE_JWKS, OurKeys, make_session_claims, make_session_token

JWKS = "/.well-known/jwks.json"


class Node:
    """One process, and the project that it asks. The project knows the person as subject_1."""

    def __init__(self, clock: SettableClock, project: ScriptedServer, http: httpx.AsyncClient) -> None:
        clock.now = NOW
        self.clock = clock
        self.project = project
        self.project.will_answer(SUPABASE_JWKS)
        self.people = People()
        self.people.put("subject_1")
        self.standings = AccessStatuses(self.people, self.people, clock)
        self.revocations = Revocations(on_person=self.standings.forget)
        client = SupabaseClient(project.url, "sb_publishable_1", http)
        self.issuer = client.issuer
        self.introspection = Introspection(client, clock)
        self.admission = FirstVisit(self.introspection, self.people, self.standings, clock)
        self.client = client
        self.know()

    def know(self, jwt_secret: str | None = None, *, followed: bool = False) -> None:
        """Set the node up anew, with the project's shared secret or without. followed: sessions are asked about."""
        shared = None if jwt_secret is None else shared_secret_key(jwt_secret)
        keys = SupabaseKeys(self.client, self.clock, shared)
        self.sessions = SupabaseSessions(self.issuer, keys, self.introspection, self.admission, followed)

    def verifier(self, resource: Resource = API) -> SupabaseTokenVerifier:
        return SupabaseTokenVerifier(
            resource,
            issuer=PUBLIC_URL,
            keys=OurKeys(),
            sessions=self.sessions,
            access_statuses=self.standings,
            revocations=self.revocations,
            clock=self.clock,
            on_first_sight=lambda _: None,
        )

    def claims(self, **changes: object) -> dict[str, object]:
        return make_session_claims(self.issuer, **changes)

    def token(self, **changes: object) -> str:
        return make_session_token(self.claims(**changes))

    @property
    def asked(self) -> list[str]:
        """Paths that the project was asked for."""
        return [received.target.removeprefix("/auth/v1") for received in self.project.received]
