"""Identity providers whose word counts, as the operator's file names them."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from oauth.identity_assertion import TrustedIssuer
from oauth.vocabulary import ClientId, Scope


class TrustedIssuerSettings(BaseModel):
    """A `[[trusted_issuers]]` table. issuer, jwks_uri: as the provider's metadata has them. scopes: the most that it
    may give. clients: ids that may present its assertions without being registered for that. provider: what Supabase
    calls it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    jwks_uri: str
    scopes: tuple[str, ...] | None = None
    clients: tuple[str, ...] = ()
    provider: str | None = None

    @field_validator("issuer", "jwks_uri")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.fragment:
            raise ValueError("has an address that is not https")
        return value

    def trusted(self) -> TrustedIssuer:
        """For the authorization server."""
        scopes = None if self.scopes is None else frozenset(map(Scope, self.scopes))
        clients = frozenset(map(ClientId, self.clients))
        return TrustedIssuer(self.issuer, self.jwks_uri, scopes, clients, self.provider)
