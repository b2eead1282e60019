"""Which paths there are: for whom, with which methods, readable from which origins, a step of what.

The router, the edge, error answers and the flow history read this one table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from oauth.foundation.vocabulary import Step
from oauth.protocol import server_metadata
from oauth.protocol.resources import WELL_KNOWN, Resources


class Audience(Enum):
    """Who asks, and so how an error is answered."""

    PROGRAMS = "programs"  # JSON
    PEOPLE = "people"  # a page


class Cors(Enum):
    """Which web pages of other origins may read an answer (Fetch Standard, CORS)."""

    NOBODY = "nobody"  # pages, /authorize
    PUBLIC = "public"  # discovery, tokens, registration: nothing there depends on who the browser is
    ALLOWED_ORIGINS = "allowed_origins"  # the API
    ALLOWED_ORIGINS_ONLY = "allowed_origins_only"  # MCP endpoints: a request of another origin is refused


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A path, or all paths below one that ends in a slash where `is_prefix` says so.

    path: `{name}` stands for one segment.
    methods: empty where nothing is served, and an unknown path below it is answered like its neighbours.
    step: the step of connecting that a request for the path is.
    is_checked: whether Host is checked and requests are counted; load balancers ask for the others by address."""

    path: str
    methods: frozenset[str]
    audience: Audience = Audience.PROGRAMS
    cors: Cors = Cors.NOBODY
    step: Step | None = None
    is_prefix: bool = False
    is_checked: bool = True


class RouteTable:
    """Finds the entry of a path: the exact one, else a template, else the longest prefix."""

    def __init__(self, entries: Iterable[RouteEntry]) -> None:
        entries = tuple(entries)
        self._exact = {entry.path: entry for entry in entries if not entry.is_prefix and "{" not in entry.path}
        self._templates = [(entry.path.split("/"), entry) for entry in entries if "{" in entry.path]
        prefixes = (entry for entry in entries if entry.is_prefix)
        self._prefixes = sorted(prefixes, key=lambda entry: len(entry.path), reverse=True)

    def find(self, path: str) -> RouteEntry | None:
        """The entry of a path as the server decoded it; None where there is none."""
        return self._exact.get(path) or self._find_template(path.split("/")) or self._find_prefix(path)

    def _find_template(self, segments: Sequence[str]) -> RouteEntry | None:
        for template, entry in self._templates:
            if len(template) == len(segments) and all(
                segment if part.startswith("{") else part == segment
                for part, segment in zip(template, segments, strict=True)
            ):
                return entry
        return None

    def _find_prefix(self, path: str) -> RouteEntry | None:
        return next((entry for entry in self._prefixes if path.startswith(entry.path)), None)


REGISTERED_CLIENT_PATH = "/register/{client_id}"
CALLBACK_PATH = "/signin/callback"

_GET, _POST, _GET_POST = frozenset({"GET"}), frozenset({"POST"}), frozenset({"GET", "POST"})


def authorization_server_entries(resources: Resources, *, registration: bool) -> tuple[RouteEntry, ...]:
    """The authorization server's part. registration: whether clients may register themselves."""
    return (
        _program("/token", _POST, Step.TOKEN_ISSUED),
        _program("/revoke", _POST),
        RouteEntry("/introspect", _POST),
        _program("/par", _POST, Step.PUSHED),
        *(_REGISTRATION if registration else _NO_REGISTRATION),
        _program(server_metadata.JWKS_PATH, _GET),
        *(_program(path, _GET, Step.SERVER_METADATA) for path in server_metadata.PATHS),
        *(
            _program(path, _GET, Step.RESOURCE_METADATA)
            for resource in resources.served
            for path in resource.document_paths
        ),
        RouteEntry(f"{WELL_KNOWN}/", frozenset(), cors=Cors.PUBLIC, step=Step.RESOURCE_METADATA, is_prefix=True),
        RouteEntry("/.well-known/", frozenset(), cors=Cors.PUBLIC, is_prefix=True),
        _page("/authorize", _GET, Step.AUTHORIZATION_REQUESTED),
        _page("/signin", _GET_POST),
        _page("/signin/code", _GET_POST),
        _page("/signin/verify", _POST),
        _page("/signin/provider", _POST),
        _page(CALLBACK_PATH, _GET),
        _page("/signin/factor", _GET_POST),
        _page("/signout", _POST),
        _page("/consent", _GET_POST, Step.CONSENTED),
    )


def _program(path: str, methods: frozenset[str], step: Step | None = None) -> RouteEntry:
    return RouteEntry(path, methods, Audience.PROGRAMS, Cors.PUBLIC, step)


def _page(path: str, methods: frozenset[str], step: Step = Step.SIGNED_IN) -> RouteEntry:
    return RouteEntry(path, methods, Audience.PEOPLE, Cors.NOBODY, step)


_REGISTRATION = (
    _program("/register", _POST, Step.REGISTERED),
    _program(REGISTERED_CLIENT_PATH, frozenset({"GET", "PUT", "DELETE"})),
)
# Clients that try all the same read the answer.
_NO_REGISTRATION = (
    RouteEntry("/register", frozenset(), cors=Cors.PUBLIC, step=Step.REGISTERED),
    RouteEntry("/register/", frozenset(), cors=Cors.PUBLIC, is_prefix=True),
)
