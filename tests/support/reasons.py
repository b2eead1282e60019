"""The reason codes that the program can give, read from its source: whatever stands where a refusal is made."""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oauth.protocol.errors
from mcp_auth.rejection import Rejection
from oauth.endpoints.register import unauthorized
from oauth.endpoints.sign_in.problems import Problem
from oauth.flow_history.recorder import FlowRecorder
from oauth.pages import Message
from oauth.protocol.errors import OAuthError
from servers.edge.edge import Edge

ROOT = Path(__file__).parents[2]
# What these refuse is told in no story: they are no part of connecting, or say it in the words of others.
_UNTOLD = ("oauth/endpoints/introspect.py", "oauth/endpoints/revoke.py", "mcp_auth/supabase/sign_in.py")
_UNTOLD_FOLDERS = ("servers/doctor/", "servers/local_supabase/")

# What makes a refusal, by name.
_MAKERS: dict[str, Callable[..., Any]] = {
    **{name: made for name, made in vars(oauth.protocol.errors).items() if inspect.isfunction(made)},
    **{each.__name__: each for each in (OAuthError, Rejection, Message, Problem, unauthorized)},
    "_keep_out": Edge._keep_out,
    "_notice": Edge._keep_out,
    "record": FlowRecorder.record,
    "record_call": FlowRecorder.record_call,
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression stands."""

    path: str
    module: ast.Module
    function: _Function | None


class UnknownReason(Exception):
    """A refusal whose reason cannot be told from the source."""


def reasons() -> frozenset[str]:
    """Codes; `*` stands for the part that is put in when it happens, as in `client_assertion_*`."""
    modules = {path: ast.parse((ROOT / path).read_text()) for path in _paths()}
    reader = _Reader(modules)
    return frozenset(reason for path in modules for reason in reader.read(path))


def _paths() -> Iterator[str]:
    for folder in ("oauth", "mcp_auth", "servers"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if path not in _UNTOLD and not path.startswith(_UNTOLD_FOLDERS):
                yield path


class _Reader:
    def __init__(self, modules: dict[str, ast.Module]) -> None:
        self._modules = modules

    def read(self, path: str) -> Iterator[str]:
        """The reasons of all that is refused in a file."""
        module = self._modules[path]
        for function, call in _calls(module):
            maker = _MAKERS.get(_name(call.func))
            if maker is None:
                continue
            given = _argument(call, maker)
            if isinstance(given, str):
                yield given
            elif given is not None:
                yield from self._values(given, _Place(path, module, function))

    def _values(self, expression: ast.expr, place: _Place) -> Iterator[str]:
        match expression:
            case ast.Constant(value=str(reason)):
                if reason:
                    yield reason
            case ast.Constant(value=None) | ast.Attribute():
                pass  # the reason of a refusal that was made elsewhere
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
            case ast.IfExp(body=one, orelse=other):
                yield from self._values(one, place)
                yield from self._values(other, place)
            case ast.Name(id=name):
                yield from self._named(name, place)
            case ast.Call(func=called):
                yield from self._returned(called, place)
            case _:
                raise UnknownReason(f"{place.path}: {ast.unparse(expression)}")

    def _named(self, name: str, place: _Place) -> Iterator[str]:
        function = place.function
        if function is None:
            raise UnknownReason(f"{place.path}: {name}")
        parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        assigned = [
            each.value
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in each.targets)
        ]
        if name in parameters:
            # Whatever makes refusals is looked at where it is called, wherever that is.
            if function.name in _MAKERS:
                return
            for caller, call in _calls(place.module):
                if _name(call.func) == function.name:
                    yield from self._values(call.args[parameters.index(name)], _Place(place.path, place.module, caller))
        elif assigned:
            for value in assigned:
                yield from self._values(value, place)
        elif name not in {each.arg for each in function.args.kwonlyargs}:
            raise UnknownReason(f"{place.path}: {name}")

    def _returned(self, called: ast.expr, place: _Place) -> Iterator[str]:
        """What a function says, of this module or of the one that stands before its name."""
        module = place.module
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            path = next((path for path in self._modules if path.endswith(f"/{called.value.id}.py")), None)
            module = self._modules[path] if path is not None else module
        function = next(
            (each for each in module.body if isinstance(each, _Function) and each.name == _name(called)), None
        )
        if function is None:
            raise UnknownReason(f"{place.path}: {ast.unparse(called)}")
        for each in ast.walk(function):
            if isinstance(each, ast.Return) and isinstance(each.value, ast.Constant | ast.JoinedStr):
                yield from self._values(each.value, place)


def _calls(module: ast.Module) -> Iterator[tuple[_Function | None, ast.Call]]:
    """Every call, with the function that it stands in."""
    pending: list[tuple[_Function | None, ast.AST]] = [(None, module)]
    while pending:
        function, node = pending.pop()
        if isinstance(node, ast.Call):
            yield function, node
        inner = node if isinstance(node, _Function) else function
        pending += [(inner, child) for child in ast.iter_child_nodes(node)]


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _argument(call: ast.Call, maker: Callable[..., Any]) -> ast.expr | str | None:
    """The reason that is given, or the default one."""
    parameters = [name for name in inspect.signature(maker).parameters if name != "self"]
    if "reason" not in parameters:
        return None
    named = next((each.value for each in call.keywords if each.arg == "reason"), None)
    if named is not None:
        return named
    position = parameters.index("reason")
    if position < len(call.args) and inspect.signature(maker).parameters["reason"].kind is not _KEYWORD_ONLY:
        return call.args[position]
    default = inspect.signature(maker).parameters["reason"].default
    return default if isinstance(default, str) and default else None


_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
