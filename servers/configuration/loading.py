"""Settings, read once; and what is wrong with them, in sentences that say what to set."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from servers.configuration.settings import CONFIG_FILE, PREFIX, CommandSettings, GatewaySettings


class UnusableSettings(Exception):
    """Something has to be set before the program can start; one sentence per problem."""


def load(**given: Any) -> GatewaySettings:  # noqa: ANN401 - any setting
    """Settings from the environment and the file, `given` first. UnusableSettings says what to set."""
    return _read(GatewaySettings, given)


def load_command_settings() -> CommandSettings:
    """The part of them that commands need, without the secrets."""
    return _read(CommandSettings, {})


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with our prefix that mean nothing: most often a misspelt one."""
    known = {PREFIX + name.upper() for name in GatewaySettings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


S = TypeVar("S", bound=CommandSettings)


def _read(kind: type[S], given: Mapping[str, Any]) -> S:
    try:
        return kind(**given)
    except ValidationError as error:
        raise UnusableSettings("\n".join(_sentence(problem) for problem in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise UnusableSettings(f"{CONFIG_FILE} is not TOML: {error}.") from None
    except OSError as error:
        raise UnusableSettings(f"{CONFIG_FILE} cannot be read: {error.strerror}.") from None


def _sentence(problem: Mapping[str, Any]) -> str:
    """One problem of pydantic's in our words: the variable, and what to do."""
    field = str(problem["loc"][0]) if problem["loc"] else ""
    variable = PREFIX + field.upper()
    if problem["type"] == "missing" and len(problem["loc"]) > 1:
        return f"{CONFIG_FILE}: {_path(problem['loc'])} is missing."
    if problem["type"] == "missing":
        description = GatewaySettings.model_fields[field].description or ""
        return f"{variable} is not set. {description}"
    if problem["type"] == "extra_forbidden":
        return f"{CONFIG_FILE} has a setting that does not exist: {_path(problem['loc'])}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not field:
        return f"{message}."
    if len(problem["loc"]) > 1:
        return f"{CONFIG_FILE}: {_path(problem['loc'])} {message[0].lower()}{message[1:]}."
    said_of_it = message.startswith(("is ", "has ", "must ", "names ", "cannot "))
    return f"{variable} {'' if said_of_it else 'is wrong: '}{message}."


def _path(location: Sequence[int | str]) -> str:
    """`clients[0].name`, counted as in the file."""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in location).removeprefix(".")
