"""What hosts are told of a tool before they call it (SEED-45)."""

from mcp_types import ToolAnnotations


def read_only(title: str) -> ToolAnnotations:
    """A tool that changes nothing and speaks to nobody outside.

    Our tools are described by `description`, not by docstrings: for the first docstring FastMCP loads a parser that
    costs the start as much as opening the database."""
    return ToolAnnotations(
        title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
