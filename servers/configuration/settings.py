"""The environment, read once: `MCP_AUTH_…` variables and an optional `mcp-auth.toml`.

Names say their unit. What is missing or unsafe is told in one sentence that says what to set."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mcp_auth.service_keys import ServiceKeys
from mcp_auth.supabase import webhook
from mcp_auth.supabase.jwks import shared_secret_key
from oauth.foundation.clock import system_clock
from oauth.foundation.credentials import digest
from oauth.jose.jws import VerificationKey
from oauth.protocol.captcha import Captcha, CaptchaProvider
from oauth.protocol.clients import known as known_clients
from oauth.protocol.clients.known import KnownClients
from oauth.protocol.resources import Resource, Resources
from oauth.protocol.settings import AttemptLimits, DocumentPolicy, RegistrationPolicy
from oauth.protocol.settings import Settings as AuthorizationServerSettings
from servers.configuration import clients as configured_clients
from servers.configuration import trusted_issuers
from servers.configuration.clients import ClientSettings
from servers.configuration.external_resources import ResourceSettings
from servers.configuration.origin import PUBLIC_URL
from servers.configuration.resources import create_resources
from servers.configuration.trusted_issuers import TrustedIssuerSettings
from servers.configuration.values import (
    AccessTokens,
    ApiKeys,
    ClientsFile,
    OptionalSecret,
    Origin,
    PublishableKey,
    ResourcePaths,
    RootSecrets,
    Seconds,
    SentryDsn,
    SharedSecret,
    WebAddress,
    WebhookSecrets,
    Words,
)

PREFIX = "MCP_AUTH_"
CONFIG_FILE = "mcp-auth.toml"


def _google_client_id(platform: str) -> Any:  # noqa: ANN401 - a field of pydantic's
    """Apps have these variables already, without our prefix (SEED-20)."""
    name = f"google_{platform}_client_id"
    return Field(
        None,
        validation_alias=AliasChoices(PREFIX.lower() + name, name),
        description=f"Client id of Google's sign-in for {platform}, as GET /api/v1/auth/config tells it to apps.",
    )


def _admitted(hosts: Sequence[str]) -> frozenset[str] | None:
    """None for all; a host's name has no case."""
    return None if "*" in hosts else frozenset(host.lower() for host in hosts)


class CommandSettings(BaseSettings):
    """What commands need that work beside the gateway: no secrets."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", toml_file=CONFIG_FILE)

    database_url: str = Field(
        "sqlite:///mcp-auth.sqlite", description="sqlite:///path/to/file or postgresql://user@host/database."
    )
    known_clients: ClientsFile = Field(
        None, description="File of client documents to fall back on, instead of the one that is shipped."
    )
    resources: tuple[ResourceSettings, ...] = Field(
        (), description="Resource servers elsewhere whose access tokens are issued here."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def known(self) -> KnownClients:
        """Client documents to fall back on."""
        return known_clients.load(self.known_clients)

    @property
    def elsewhere(self) -> Sequence[Resource]:
        """The resources that are not served here."""
        return [each.resource() for each in self.resources]


class GatewaySettings(CommandSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(extra="forbid")

    public_url: Origin = Field(description=f"The one public address: {PUBLIC_URL}.")
    secret: RootSecrets = Field(
        description="Root secret, at least 32 random characters. Several, separated by commas, for rotation: "
        "the first is used, all are accepted."
    )
    supabase_url: Origin = Field(description="Address of the Supabase project, such as https://abc.supabase.co.")
    supabase_publishable_key: PublishableKey = Field(description="The project's publishable (or legacy anon) key.")
    supabase_secret_key: OptionalSecret = Field(
        None,
        description="The project's secret (or legacy service_role) key: we ask with it whether people are still there, "
        "and delete accounts.",
    )
    supabase_jwt_secret: SharedSecret = Field(
        None, description="The project's legacy JWT secret, where it signs with that (HS256) and with no key pair."
    )
    webhook_secret: WebhookSecrets = Field(
        (), description="Signs what the Supabase project tells: whsec_ and base64. Several, separated by commas."
    )
    follow_sessions: bool = Field(
        default=True,
        description="Whether Supabase is asked if sessions are still on, to notice a sign-out everywhere. For that the "
        "sessions of people who sign in here are kept, encrypted.",
    )
    outage_tolerance_seconds: Seconds = Field(
        3600, description="How long the last known state of a person is good while Supabase does not answer."
    )
    second_factor_required: ResourcePaths = Field(
        (),
        description="Resources that demand a second factor of everybody, separated by commas: /mcp, /mcp-admin, /api. "
        "/mcp-admin demands it of whoever has one in any case.",
    )
    database_pool_size: int = Field(10, ge=1, le=100, description="PostgreSQL connections per pool and process.")
    service_name: str | None = Field(
        None, max_length=80, description="What pages call this service; the public host by default."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    trusted_proxy_hops: int = Field(
        0, ge=0, le=10, description="Reverse proxies in front that append to X-Forwarded-For."
    )
    allowed_origins: Words = Field(
        (),
        description="Origins of browser clients that may call the MCP servers and the API, separated by commas; "
        "* for all.",
    )
    allowed_hosts: Words = Field(
        (), description="Host headers that are accepted beside the public one, separated by commas."
    )
    tools: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="Your own tools: module:function, called with the user and the admin FastMCP server.",
    )
    routes: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="Your own REST routes: module:function, called with the FastAPI application at /api.",
    )
    dynamic_registration: bool = Field(default=True, description="Whether clients may register themselves.")
    initial_access_tokens: AccessTokens = Field(
        (),
        description="Where set, only who sends one of these may register: at least 32 characters each, separated by "
        "commas.",
    )
    registration_redirect_hosts: Words = Field(
        ("*",),
        description="Hosts that clients may register redirects to, separated by commas; * is all, localhost is the "
        "person's own machine, and an app's own scheme is written with its colon.",
    )
    client_document_hosts: Words = Field(
        ("*",),
        description="Hosts whose client ID metadata documents are believed, separated by commas; * is all, empty none.",
    )
    dpop_nonces: bool = Field(
        default=False, description="Whether DPoP proofs have to carry a nonce of ours, so that none is made in advance."
    )
    clients: tuple[ClientSettings, ...] = Field((), description="Clients that the operator registers in the file.")
    trusted_issuers: tuple[TrustedIssuerSettings, ...] = Field(
        (), description="Identity providers whose identity assertions (ID-JAG) count."
    )
    default_phone_region: str = Field(
        "IN", pattern=r"^[A-Z]{2}$", description="Country whose phone numbers may be typed without a country code."
    )
    captcha_provider: CaptchaProvider | None = Field(
        None, description="hcaptcha or turnstile, where the Supabase project demands a captcha."
    )
    captcha_site_key: str | None = Field(None, description="The site key that the captcha provider gave you.")
    identifier_status: bool = Field(
        default=False, description="Whether POST /api/v1/auth/identifier-status tells if an account exists."
    )
    api_keys: ApiKeys = Field(
        (), description="Keys of your other services, as name:key with at least 32 characters, separated by commas."
    )
    sentry_dsn: SentryDsn = Field(
        None, description="Where errors of this program are reported: the DSN of a Sentry project. Nothing personal is."
    )
    google_web_client_id: str | None = _google_client_id("web")
    google_ios_client_id: str | None = _google_client_id("ios")
    google_android_client_id: str | None = _google_client_id("android")
    sign_up_url: WebAddress = Field(None, description="Page of your app where people make an account; linked to.")
    password_reset_url: WebAddress = Field(None, description="Page of your app for forgotten passwords; linked to.")
    sign_in_attempts_window_seconds: Seconds = Field(600, le=86400, description="How long attempts are counted.")
    sign_in_attempts_per_account: int = Field(10, ge=1, description="Passwords tried for one account in a window.")
    sign_in_attempts_per_address: int = Field(100, ge=1, description="Sign-in attempts from one address in a window.")
    sign_in_attempts_in_total: int = Field(10_000, ge=1, description="Sign-in attempts of everybody in a window.")
    client_secret_attempts: int = Field(
        20, ge=1, description="Wrong secrets of one client from one address in a window of attempts."
    )
    code_answer_milliseconds: int = Field(
        1500,
        ge=0,
        le=10_000,
        description="How long it takes to answer a wish for a code, so that time does not tell who has an account.",
    )
    requests_per_minute: int = Field(
        500, ge=0, description="Requests of one client in a minute, at all nodes; 0 is no limit."
    )
    registrations_per_address: int = Field(
        100, ge=1, description="Clients that may be registered from one address in a window of attempts."
    )
    unused_registrations: int = Field(
        10_000, ge=100, description="Clients without a grant that are kept; beyond them the oldest goes."
    )
    access_token_lifetime_seconds: Seconds = Field(1800, le=86400, description="Life of an access token.")
    authorization_code_lifetime_seconds: Seconds = Field(60, le=600, description="Life of an authorization code.")
    authorization_request_lifetime_seconds: Seconds = Field(
        600, le=3600, description="How long a sign-in or consent page may wait."
    )
    refresh_token_lifetime_seconds: Seconds = Field(2_592_000, description="Life of a refresh token from its last use.")
    refresh_retry_window_seconds: Seconds = Field(
        60, le=600, description="How long a superseded refresh token counts as a retry."
    )
    grant_lifetime_seconds: Seconds = Field(15_552_000, description="Absolute life of a grant.")
    sign_in_session_lifetime_seconds: Seconds = Field(28_800, description="How long a browser stays signed in.")

    @model_validator(mode="after")
    def _consistent(self) -> "GatewaySettings":
        if (self.captcha_provider is None) != (self.captcha_site_key is None):
            raise ValueError(f"{PREFIX}CAPTCHA_PROVIDER and {PREFIX}CAPTCHA_SITE_KEY belong together: set both or none")
        identifiers = [resource.identifier for resource in self.all_resources]
        if len(set(identifiers)) < len(identifiers):
            raise ValueError(f"{CONFIG_FILE}: two resources have the same url")
        configured_clients.check(self.clients, self.all_resources, self.known.custom_redirects, system_clock())
        trusted_issuers.check(self.trusted_issuers, self.all_resources)
        if self.supabase_secret_key == self.supabase_publishable_key:
            raise ValueError(f"{PREFIX}SUPABASE_SECRET_KEY is the publishable key: set it to the secret one")
        return self

    @property
    def name(self) -> str:
        """What pages call the service."""
        return self.service_name or str(urlsplit(self.public_url).hostname)

    @property
    def all_resources(self) -> Resources:
        """Those that are served here, and those elsewhere."""
        return create_resources(self.public_url, self.name, self.second_factor_required, self.elsewhere)

    @property
    def shared_supabase_key(self) -> VerificationKey | None:
        """The key of a project that signs with a shared secret."""
        secret = self.supabase_jwt_secret
        return None if secret is None else shared_secret_key(secret.get_secret_value())

    @property
    def service_keys(self) -> ServiceKeys:
        """The keys of other services."""
        pairs = (secret.get_secret_value().partition(":") for secret in self.api_keys)
        return ServiceKeys({name: key for name, _, key in pairs})

    @property
    def root_secrets(self) -> tuple[str, ...]:
        """The secrets in the clear."""
        return tuple(secret.get_secret_value() for secret in self.secret)

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """What may have signed a message of the project."""
        read = [webhook.read_secret(secret.get_secret_value()) for secret in self.webhook_secret]
        return tuple(key for key in read if key is not None)

    @property
    def outage_tolerance(self) -> timedelta:
        """How long the last known state of a person holds."""
        return timedelta(seconds=self.outage_tolerance_seconds)

    @property
    def code_answer_time(self) -> timedelta:
        """How long it takes to answer a wish for a code."""
        return timedelta(milliseconds=self.code_answer_milliseconds)

    @property
    def _captcha(self) -> Captcha | None:
        if self.captcha_provider is None or self.captcha_site_key is None:
            return None
        return Captcha(self.captcha_provider, self.captcha_site_key)

    @property
    def _documents(self) -> DocumentPolicy:
        return DocumentPolicy(_admitted(self.client_document_hosts))

    def authorization_server(self) -> AuthorizationServerSettings:
        """The part that `oauth` knows."""
        return AuthorizationServerSettings(
            issuer=self.public_url,
            access_token_lifetime=timedelta(seconds=self.access_token_lifetime_seconds),
            authorization_code_lifetime=timedelta(seconds=self.authorization_code_lifetime_seconds),
            authorization_request_lifetime=timedelta(seconds=self.authorization_request_lifetime_seconds),
            refresh_token_lifetime=timedelta(seconds=self.refresh_token_lifetime_seconds),
            refresh_retry_window=timedelta(seconds=self.refresh_retry_window_seconds),
            grant_lifetime=timedelta(seconds=self.grant_lifetime_seconds),
            sign_in_session_lifetime=timedelta(seconds=self.sign_in_session_lifetime_seconds),
            documents=self._documents,
            attempts=AttemptLimits(
                timedelta(seconds=self.sign_in_attempts_window_seconds),
                self.sign_in_attempts_per_account,
                self.sign_in_attempts_per_address,
                self.sign_in_attempts_in_total,
                self.client_secret_attempts,
            ),
            registration=RegistrationPolicy(
                enabled=self.dynamic_registration,
                initial_access_tokens=frozenset(
                    digest(token.get_secret_value()) for token in self.initial_access_tokens
                ),
                redirect_hosts=_admitted(self.registration_redirect_hosts),
                per_address=self.registrations_per_address,
                unused=self.unused_registrations,
            ),
            captcha=self._captcha,
            dpop_nonces=self.dpop_nonces,
            trusted_issuers=tuple(each.trusted(self.all_resources) for each in self.trusted_issuers),
            sign_up_url=self.sign_up_url,
            password_reset_url=self.password_reset_url,
        )
