"""The words of MCP over HTTP, in both eras: with a handshake, and since 2026-07-28 without one."""

import re
from collections.abc import Mapping
from typing import Any

from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.observations import Answer
from servers.doctor.probes.http_client import USER_AGENT

HANDSHAKE = "handshake"
REVISIONS = ("2025-06-18", "2025-11-25")  # of the handshake era
MODERN = "2026-07-28"
_INFO = {"name": USER_AGENT, "version": "1"}
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}")
_META = "io.modelcontextprotocol"
_TYPES = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def initialize(revision: str = REVISIONS[0]) -> dict[str, Any]:
    """The handshake."""
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": _INFO}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def initialized() -> dict[str, Any]:
    """What follows it."""
    return {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(method: str, revision: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Any other."""
    if revision == MODERN:
        params["_meta"] = {
            f"{_META}/protocolVersion": MODERN,
            f"{_META}/clientInfo": _INFO,
            f"{_META}/clientCapabilities": {},
        }
    return {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}


def headers(token: str | None, revision: str | None = None, body: Mapping[str, Any] | None = None) -> dict[str, str]:
    """revision: None in the handshake itself. body: the request, whose method and name the newer era repeats."""
    given = dict(_TYPES)
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    if revision is not None:
        given["MCP-Protocol-Version"] = revision
    if revision == MODERN and body is not None:
        given["Mcp-Method"] = body["method"]
        if "name" in body["params"]:
            given["Mcp-Name"] = body["params"]["name"]
    return given


def result(answer: Answer) -> Document | None:
    """What a request was answered with, if it was."""
    read = (answer.message or {}).get("result")
    return Document(read) if answer.status == 200 and isinstance(read, dict) else None  # noqa: PLR2004


def harmless_tools(answer: Answer) -> list[str]:
    """The names of tools that say that they only read, and need no arguments. No other may be called by a stranger."""
    listed = result(answer)
    tools = [] if listed is None else listed.members.get("tools")
    found = []
    for tool in tools if isinstance(tools, list) else []:
        described = Document(tool if isinstance(tool, dict) else {})
        hints, schema = described.members.get("annotations"), described.members.get("inputSchema")
        name = described.text("name")
        only_reads = isinstance(hints, dict) and hints.get("readOnlyHint") is True
        needs = schema.get("required") if isinstance(schema, dict) else None
        if name is not None and name.isascii() and name.isprintable() and only_reads and not needs:
            found.append(name)
    return found


def served(begun: Mapping[str, Answer], discovered: Answer | None) -> list[str]:
    """The revisions that are served: those that a handshake came to, and the newer era's."""
    agreed = [
        result_.text("protocolVersion") or revision
        for revision, answer in begun.items()
        if (result_ := result(answer)) is not None
    ]
    modern = discovered is not None and result(discovered) is not None
    return [*dict.fromkeys(filter(_REVISION.fullmatch, agreed)), *([MODERN] if modern else [])]
