"""The environment, read once: `MCP_AUTH_…` variables and an optional `mcp-auth.toml`.

Names say their unit. What is missing or unsafe is told in one sentence that says what to set."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mcp_auth.service_keys import ServiceKeys
from mcp_auth.supabase import webhook
from mcp_auth.supabase.jwks import shared_secret_key
from oauth import known_clients
from oauth.captcha import Captcha, CaptchaProvider
from oauth.clock import system_clock
from oauth.credentials import digest
from oauth.jws import VerificationKey
from oauth.known_clients import KnownClients
from oauth.resources import Resources
from oauth.settings import AttemptLimits, DocumentPolicy, RegistrationPolicy
from oauth.settings import Settings as AuthorizationServerSettings
from servers import configured_clients
from servers.configured_clients import ClientSettings
from servers.foreign_resources import ResourceSettings
from servers.origin import PUBLIC_URL, origin_problem
from servers.resources import PATHS, create_resources
from servers.trusted_issuers import TrustedIssuerSettings

PREFIX = "MCP_AUTH_"
CONFIG_FILE = "mcp-auth.toml"
_MIN_SECRET = 32
_MIN_DISTINCT = 10


Seconds = Annotated[int, Field(gt=0)]


def _google_client_id(platform: str) -> Any:  # noqa: ANN401 - a field of pydantic's
    """Apps have these variables already, without our prefix (SEED-20)."""
    name = f"google_{platform}_client_id"
    return Field(
        None,
        validation_alias=AliasChoices(PREFIX.lower() + name, name),
        description=f"Client id of Google's sign-in for {platform}, as GET /api/v1/auth/config tells it to apps.",
    )


class DatabaseSettings(BaseSettings):
    """What it takes to reach the database; all that `migrate` and `users` need."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", toml_file=CONFIG_FILE)

    database_url: str = Field(
        "sqlite:///mcp-auth.sqlite", description="sqlite:///path/to/file or postgresql://user@host/database."
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


class GatewaySettings(DatabaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(extra="forbid")

    public_url: str = Field(description=f"The one public address: {PUBLIC_URL}.")
    secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Root secret, at least 32 random characters. Several, separated by commas, for rotation: "
        "the first is used, all are accepted."
    )
    supabase_url: str = Field(description="Address of the Supabase project, such as https://abc.supabase.co.")
    supabase_publishable_key: SecretStr = Field(description="The project's publishable (or legacy anon) key.")
    supabase_secret_key: SecretStr | None = Field(
        None, description="The project's secret (or legacy service_role) key; checks whether people may still sign in."
    )
    supabase_jwt_secret: SecretStr | None = Field(
        None, description="The project's legacy JWT secret, where it signs with that (HS256) and with no key pair."
    )
    webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
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
    second_factor_required: Annotated[tuple[str, ...], NoDecode] = Field(
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
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of browser clients that may call the MCP servers, separated by commas; * for all."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
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
    initial_access_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Where set, only who sends one of these may register: at least 32 characters each, separated by "
        "commas.",
    )
    registration_redirect_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Hosts that clients may register redirects to, separated by commas; * is all, localhost is the "
        "person's own machine, and an app's own scheme is written with its colon.",
    )
    client_document_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Hosts whose client ID metadata documents are believed, separated by commas; * is all, empty none.",
    )
    known_clients: Path | None = Field(
        None, description="File of client documents to fall back on, instead of the one that is shipped."
    )
    dpop_nonces: bool = Field(
        default=False, description="Whether DPoP proofs have to carry a nonce of ours, so that none is made in advance."
    )
    resources: tuple[ResourceSettings, ...] = Field(
        (), description="Resource servers elsewhere whose access tokens are issued here."
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
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Keys of your other services, as name:key with at least 32 characters, separated by commas."
    )
    sentry_dsn: SecretStr | None = Field(
        None, description="Where errors of this program are reported: the DSN of a Sentry project. Nothing personal is."
    )
    google_web_client_id: str | None = _google_client_id("web")
    google_ios_client_id: str | None = _google_client_id("ios")
    google_android_client_id: str | None = _google_client_id("android")
    sign_up_url: str | None = Field(None, description="Page of your app where people make an account; linked to.")
    password_reset_url: str | None = Field(None, description="Page of your app for forgotten passwords; linked to.")
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

    @field_validator(
        "secret",
        "webhook_secret",
        "api_keys",
        "allowed_origins",
        "allowed_hosts",
        "second_factor_required",
        "client_document_hosts",
        "initial_access_tokens",
        "registration_redirect_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("secret")
    @classmethod
    def _strong(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in value:
            plain = secret.get_secret_value()
            if len(plain) < _MIN_SECRET or len(set(plain)) < _MIN_DISTINCT:
                raise ValueError("is too weak: set it to the output of `openssl rand -base64 48`")
        if not value:
            raise ValueError("is empty: set it to the output of `openssl rand -base64 48`")
        return value

    @field_validator("supabase_secret_key", "supabase_jwt_secret", "sentry_dsn")
    @classmethod
    def _empty_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value().strip() else None

    @field_validator("known_clients")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        try:
            known_clients.load(value)
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        return value

    @field_validator("second_factor_required")
    @classmethod
    def _known_resources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) <= set(PATHS):
            raise ValueError(f"names something that is no resource: set it to some of {', '.join(PATHS)}")
        return value

    @field_validator("api_keys")
    @classmethod
    def _named_and_long(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        pairs = [secret.get_secret_value().partition(":") for secret in value]
        if any(not name or len(key) < _MIN_SECRET for name, _, key in pairs):
            raise ValueError("has a key without a name, or a short one: set each to name:`openssl rand -hex 32`")
        if len({name for name, _, _ in pairs}) < len(pairs):
            raise ValueError("has two keys of one name: give each its own")
        return value

    @field_validator("initial_access_tokens")
    @classmethod
    def _long(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(token.get_secret_value()) < _MIN_SECRET for token in value):
            raise ValueError("has a short one: set each to the output of `openssl rand -hex 32`")
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _is_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"https", "http"} or not parts.username or not parts.path.strip("/").isdecimal():
                raise ValueError("is no DSN: copy it from the settings of the Sentry project, under Client Keys")
        return value

    @field_validator("supabase_jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        # RFC 7518 §3.2: a key for HS256 has at least the size of its hash.
        if value is not None and len(value.get_secret_value().encode()) < _MIN_SECRET:
            raise ValueError(f"is shorter than {_MIN_SECRET} characters: copy the legacy JWT secret of the project")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _webhook_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(webhook.read_secret(secret.get_secret_value()) is None for secret in value):
            raise ValueError("is no webhook secret: set it to `whsec_` and the output of `openssl rand -base64 32`")
        return value

    @field_validator("public_url", "supabase_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        problem = origin_problem(value)
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator("sign_up_url", "password_reset_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            raise ValueError("is not a web address: set it to an https address")
        return value

    @field_validator("supabase_publishable_key")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("is empty: copy it from the API settings of the Supabase project")
        return value

    @model_validator(mode="after")
    def _distinct(self) -> "GatewaySettings":
        if (self.captcha_provider is None) != (self.captcha_site_key is None):
            raise ValueError(f"{PREFIX}CAPTCHA_PROVIDER and {PREFIX}CAPTCHA_SITE_KEY belong together: set both or none")
        identifiers = [resource.identifier for resource in self.all_resources]
        if len(set(identifiers)) < len(identifiers):
            raise ValueError(f"{CONFIG_FILE}: two resources have the same url")
        configured_clients.check(self.clients, self.all_resources, system_clock())
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
        elsewhere = [each.resource() for each in self.resources]
        return create_resources(self.public_url, self.name, self.second_factor_required, elsewhere)

    @property
    def shared_supabase_key(self) -> VerificationKey | None:
        """The key of a project that signs with a shared secret."""
        secret = self.supabase_jwt_secret
        return None if secret is None else shared_secret_key(secret.get_secret_value())

    @property
    def known(self) -> KnownClients:
        """Client documents to fall back on."""
        return known_clients.load(self.known_clients)

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
        hosts = self.client_document_hosts
        return DocumentPolicy(None if "*" in hosts else frozenset(hosts))

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
            documents=DocumentPolicy(
                None if "*" in self.client_document_hosts else frozenset(self.client_document_hosts)
            ),
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
                redirect_hosts=None
                if "*" in self.registration_redirect_hosts
                else frozenset(self.registration_redirect_hosts),
                per_address=self.registrations_per_address,
                unused=self.unused_registrations,
            ),
            captcha=self._captcha,
            dpop_nonces=self.dpop_nonces,
            trusted_issuers=tuple(each.trusted() for each in self.trusted_issuers),
            sign_up_url=self.sign_up_url,
            password_reset_url=self.password_reset_url,
        )
