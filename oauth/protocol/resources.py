"""What tokens are for: each resource is one value that yields its identifier, document, scopes and policies (D-4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from oauth.foundation.vocabulary import AAL2, OFFLINE_ACCESS, ResourceIndicator, Role, Scope
from oauth.jose.jwk_set import ALGORITHMS

# Scope hierarchy: holding the key is holding the values as well.
_IMPLIED: Mapping[Scope, frozenset[Scope]] = MappingProxyType({Scope("mcp:write"): frozenset({Scope("mcp:read")})})

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class SupabaseTokens(StrEnum):
    """Which JWTs of the Supabase project a resource takes beside ours (D-9)."""

    NEVER = "never"
    AUDIENCE = "audience"
    SESSION = "session"


class SecondFactorDemand(StrEnum):
    """Of whom a resource demands a second factor: the `acr` of a token has to be `aal2` (RFC 9470)."""

    NOBODY = "nobody"
    ENROLLED = "enrolled"  # of whoever has one
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource (RFC 9728).

    scopes: each with what it means in plain words, for the consent page.
    baseline: what a 401 asks for, what is granted when a client names no scope, and what each call needs.
    roles: who may obtain this audience at all (D-13). second_factor: who has to have given one.
    is_served: here; one elsewhere serves its own document."""

    public_url: str
    path: str
    name: str
    scopes: Mapping[Scope, str]
    baseline: frozenset[Scope]
    roles: frozenset[Role] = frozenset(Role)
    supabase_tokens: SupabaseTokens = SupabaseTokens.NEVER
    second_factor: SecondFactorDemand = SecondFactorDemand.NOBODY
    is_served: bool = True

    @property
    def identifier(self) -> ResourceIndicator:
        """The canonical URI: no trailing slash; what `aud` says."""
        return ResourceIndicator(self.public_url + self.path)

    @property
    def document_path(self) -> str:
        """RFC 9728 §3.1: the well-known segment goes between host and path."""
        return WELL_KNOWN + self.path

    @property
    def document_paths(self) -> tuple[str, str]:
        """All paths of its document: clients that were told the address with a slash at the end ask for that (P-5)."""
        return self.document_path, f"{self.document_path}/"

    @property
    def document_url(self) -> str:
        """Where the challenge points (RFC 9728 §5.1)."""
        return self.public_url + self.document_path

    def admits(self, role: Role) -> bool:
        """May a person of this role obtain the audience at all? (D-13)"""
        return role in self.roles

    @property
    def admits_machines(self) -> bool:
        """May a client have this audience for itself? Not where a role or a factor is asked of everybody."""
        return self.admits(Role.USER) and self.second_factor is not SecondFactorDemand.EVERYBODY

    def is_assured(self, acr: str, *, has_factor: bool) -> bool:
        """Was the sign-in strong enough? acr: of the token or session. has_factor: whether its person has enrolled a
        second factor."""
        match self.second_factor:
            case SecondFactorDemand.NOBODY:
                return True
            case SecondFactorDemand.ENROLLED:
                return acr == AAL2 or not has_factor
            case SecondFactorDemand.EVERYBODY:
                return acr == AAL2

    def document(self) -> dict[str, object]:
        """Protected resource metadata (RFC 9728 §2). `offline_access` is the authorization server's affair (D-4)."""
        return {
            "resource": self.identifier,
            "authorization_servers": [self.public_url],
            "scopes_supported": sorted(self.scopes),
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
            "dpop_bound_access_tokens_required": False,
            "resource_name": self.name,
        }


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of one authorization server; the first is what a request without `resource` means (D-4)."""

    all: tuple[Resource, ...]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.all)

    @property
    def default(self) -> Resource:
        """The resource of a client that names none."""
        return self.all[0]

    @property
    def served(self) -> tuple[Resource, ...]:
        """Those that are served here."""
        return tuple(resource for resource in self.all if resource.is_served)

    def get(self, identifier: str) -> Resource | None:
        """By canonical identifier, exactly."""
        return next((resource for resource in self.all if resource.identifier == identifier), None)

    @property
    def scopes(self) -> frozenset[Scope]:
        """Every scope that the authorization server knows."""
        return frozenset({OFFLINE_ACCESS}.union(*(resource.scopes for resource in self.all)))


def effective_scopes(granted: frozenset[Scope]) -> frozenset[Scope]:
    """The granted scopes and all that they imply."""
    return granted.union(*(_IMPLIED.get(scope, frozenset()) for scope in granted))


def covers(granted: frozenset[Scope], needed: frozenset[Scope]) -> bool:
    """Is the grant enough, hierarchy included? (MCP authorization, step-up: the server accounts for it.)"""
    return needed <= granted or needed <= effective_scopes(granted)
