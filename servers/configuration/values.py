"""What the value of a setting can be. What it cannot is refused in words that follow the name of its variable."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from mcp_auth.supabase import webhook
from oauth.protocol.clients import known as known_clients
from servers.configuration.origin import is_loopback, origin_problem
from servers.configuration.resources import PATHS

_MIN_SECRET = 32
_MIN_DISTINCT = 10


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _strong(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for secret in value:
        plain = secret.get_secret_value()
        if len(plain) < _MIN_SECRET or len(set(plain)) < _MIN_DISTINCT:
            raise ValueError("is too weak: set it to the output of `openssl rand -base64 48`")
    if not value:
        raise ValueError("is empty: set it to the output of `openssl rand -base64 48`")
    return value


def _long(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(len(token.get_secret_value()) < _MIN_SECRET for token in value):
        raise ValueError("has a short one: set each to the output of `openssl rand -hex 32`")
    return value


def _named_and_long(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    pairs = [secret.get_secret_value().partition(":") for secret in value]
    if any(not name or len(key) < _MIN_SECRET for name, _, key in pairs):
        raise ValueError("has a key without a name, or a short one: set each to name:`openssl rand -hex 32`")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError("has two keys of one name: give each its own")
    return value


def _for_webhooks(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(webhook.read_secret(secret.get_secret_value()) is None for secret in value):
        raise ValueError("is no webhook secret: set it to `whsec_` and the output of `openssl rand -base64 32`")
    return value


def _not_empty(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty: copy it from the API settings of the Supabase project")
    return value


def _empty_is_none(value: SecretStr | None) -> SecretStr | None:
    return value if value is not None and value.get_secret_value().strip() else None


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    # RFC 7518 §3.2: a key for HS256 has at least the size of its hash.
    if value is not None and len(value.get_secret_value().encode()) < _MIN_SECRET:
        raise ValueError(f"is shorter than {_MIN_SECRET} characters: copy the legacy JWT secret of the project")
    return value


def _of_sentry(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"https", "http"} or not parts.username or not parts.path.strip("/").isdecimal():
            raise ValueError("is no DSN: copy it from the settings of the Sentry project, under Client Keys")
    return value


def _origin(value: str) -> str:
    problem = origin_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _web_address(value: str | None) -> str | None:
    if value is not None:
        parts = urlsplit(value)
        host = parts.hostname or ""
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
            raise ValueError("is not a web address: set it to an https address")
    return value


def _known_resources(value: tuple[str, ...]) -> tuple[str, ...]:
    if not set(value) <= set(PATHS):
        raise ValueError(f"names something that is no resource: set it to some of {', '.join(PATHS)}")
    return value


def _readable(value: Path | None) -> Path | None:
    try:
        known_clients.load(value)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    return value


Seconds = Annotated[int, Field(gt=0)]

# Separated by commas in a variable, an array in the file.
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]

RootSecrets = Annotated[Secrets, AfterValidator(_strong)]
AccessTokens = Annotated[Secrets, AfterValidator(_long)]
ApiKeys = Annotated[Secrets, AfterValidator(_named_and_long)]
WebhookSecrets = Annotated[Secrets, AfterValidator(_for_webhooks)]

# A variable that is set to nothing is not set.
OptionalSecret = Annotated[SecretStr | None, AfterValidator(_empty_is_none)]
SharedSecret = Annotated[OptionalSecret, AfterValidator(_long_enough)]
SentryDsn = Annotated[OptionalSecret, AfterValidator(_of_sentry)]
PublishableKey = Annotated[SecretStr, AfterValidator(_not_empty)]

Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str | None, AfterValidator(_web_address)]
ResourcePaths = Annotated[Words, AfterValidator(_known_resources)]
ClientsFile = Annotated[Path | None, AfterValidator(_readable)]
