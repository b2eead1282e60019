"""Identity providers whose word counts, as the operator's file names them."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from oauth import client_id_url, issuer_metadata
from oauth.clock import Clock
from oauth.identity_assertion import TrustedIssuer
from oauth.remote.fetching import Network
from oauth.remote.issuer_keys import IssuerKeys
from oauth.vocabulary import ClientId, Scope


class TrustedIssuerSettings(BaseModel):
    """A `[[trusted_issuers]]` table. issuer, jwks_uri: as the provider's metadata has them; without jwks_uri, that is
    where it is looked up. private_network: whether the provider is on one. scopes: the most that it may give. clients:
    ids that may present its assertions without being registered for that. provider: what Supabase calls it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    jwks_uri: str | None = None
    private_network: bool = False
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
        if value is not None and client_id_url.check(value) is not None:
            raise ValueError("cannot be fetched: it needs a host name in lower case and a path, and no user and port")
        return value

    @model_validator(mode="after")
    def _has_keys(self) -> "TrustedIssuerSettings":
        if self.jwks_uri is None and not issuer_metadata.addresses(self.issuer):
            raise ValueError("has no metadata that could be fetched: give its jwks_uri")
        return self

    def trusted(self) -> TrustedIssuer:
        """For the authorization server."""
        return TrustedIssuer(
            self.issuer,
            self.jwks_uri,
            private_network=self.private_network,
            scopes=None if self.scopes is None else frozenset(map(Scope, self.scopes)),
            clients=frozenset(map(ClientId, self.clients)),
            provider=self.provider,
        )


def check(declared: Sequence[TrustedIssuerSettings]) -> None:
    """ValueError says why they cannot be together."""
    if len({each.issuer for each in declared}) < len(declared):
        raise ValueError("two trusted issuers have the same name: give each one table")


def keys_of(trusted: Sequence[TrustedIssuer], network: Network, clock: Clock) -> Mapping[str, IssuerKeys]:
    """By issuer. One that is not said to be on a private network is on the internet, and so is all that it names."""
    return {
        each.issuer: IssuerKeys(
            each.issuer, each.jwks_uri, network.with_private() if each.private_network else network, clock
        )
        for each in trusted
    }
