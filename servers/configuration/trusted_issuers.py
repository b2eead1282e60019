"""Identity providers whose word counts, as the operator's file names them."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import ClientId, ResourceIndicator, Role, Scope
from oauth.protocol import issuer_metadata
from oauth.protocol.clients import id_url
from oauth.protocol.identity_assertion import TrustedIssuer
from oauth.protocol.resources import Resources
from oauth.remote.fetching import Network
from oauth.remote.issuer_keys import IssuerKeys


class TrustedIssuerSettings(BaseModel):
    """A `[[trusted_issuers]]` table. issuer, jwks_uri: as the provider's metadata has them; without jwks_uri, that is
    where it is looked up. private_network: whether the provider is on one. resources: what it may give tokens for, by
    their paths here and their addresses elsewhere; without them, what asks nobody for a role. scopes: the most that it
    may give. clients: ids that may present its assertions without being registered for that. provider: what Supabase
    calls it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    jwks_uri: str | None = None
    private_network: bool = False
    resources: tuple[str, ...] | None = Field(None, min_length=1)
    scopes: tuple[str, ...] | None = None
    clients: tuple[str, ...] = ()
    provider: str | None = None

    @field_validator("issuer", "jwks_uri")
    @classmethod
    def _https(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme != "https" or not parts.hostname or parts.fragment:
                raise ValueError("has an address that is not https")
        return value

    @field_validator("jwks_uri")
    @classmethod
    def _fetchable(cls, value: str | None) -> str | None:
        if value is not None and id_url.check(value) is not None:
            raise ValueError("cannot be fetched: it needs a host name in lower case and a path, and no user and port")
        return value

    @model_validator(mode="after")
    def _has_keys(self) -> "TrustedIssuerSettings":
        if self.jwks_uri is None and not issuer_metadata.addresses(self.issuer):
            raise ValueError("has no metadata that could be fetched: give its jwks_uri")
        return self

    def trusted(self, resources: Resources) -> TrustedIssuer:
        """For the authorization server. ValueError says in a sentence what is wrong with it."""
        strange = set(map(Scope, self.scopes or ())) - resources.scopes
        if strange:
            raise ValueError(f"There is no scope {', '.join(sorted(strange))}")
        return TrustedIssuer(
            self.issuer,
            self._may_give(resources),
            self.jwks_uri,
            private_network=self.private_network,
            scopes=None if self.scopes is None else frozenset(map(Scope, self.scopes)),
            clients=frozenset(map(ClientId, self.clients)),
            provider=self.provider,
        )

    def _may_give(self, resources: Resources) -> frozenset[ResourceIndicator]:
        by_name = {each.path if each.is_served else each.identifier: each for each in resources}
        if self.resources is None:
            # Ours: nobody's word gives a role, and what asks for one is given on purpose or not at all.
            return frozenset(each.identifier for each in resources if each.admits(Role.USER))
        unknown = [name for name in self.resources if name not in by_name]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not among the resources {', '.join(by_name)}")
        return frozenset(by_name[name].identifier for name in self.resources)


def check(declared: Sequence[TrustedIssuerSettings], resources: Resources) -> None:
    """ValueError names the first issuer that cannot be, and says why."""
    if len({each.issuer for each in declared}) < len(declared):
        raise ValueError("two trusted issuers have the same name: give each one table")
    for each in declared:
        try:
            each.trusted(resources)
        except ValueError as problem:
            raise ValueError(f"The issuer {each.issuer}: {problem}") from None


def documents_of(trusted: Sequence[TrustedIssuer]) -> Sequence[str]:
    """The clients among them that are known by the address of their description."""
    return sorted({client for each in trusted for client in each.clients if id_url.is_url(client)})


def keys_of(trusted: Sequence[TrustedIssuer], network: Network, clock: Clock) -> Mapping[str, IssuerKeys]:
    """By issuer. One that is not said to be on a private network is on the internet, and so is all that it names."""
    return {
        each.issuer: IssuerKeys(
            each.issuer, each.jwks_uri, network.with_private() if each.private_network else network, clock
        )
        for each in trusted
    }
