"""Tool annotations, which tell hosts what a call can do (MCP, ToolAnnotations)."""

from mcp_types import ToolAnnotations


def read_only(title: str) -> ToolAnnotations:
    """The annotations of a tool that changes nothing and contacts no other systems.

    Describe tools by `description`, not by docstrings: for the first docstring FastMCP loads a parser, which takes as
    long at start-up as opening the database."""
    return ToolAnnotations(
        title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
