"""The result of every tool: `{ok, data, error}`."""

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class ToolError(BaseModel):
    """Why a tool failed. Never contains internals.

    code: for programs.
    message: a sentence for people."""

    code: str
    message: str


class ToolAnswer(BaseModel, Generic[T]):
    """The result of a tool.

    ok: whether the call succeeded.
    data: the result of a successful call.
    error: why a call failed."""

    ok: bool
    data: T | None = None
    error: ToolError | None = None


def success(data: T) -> ToolAnswer[T]:
    """The answer of a successful call."""
    return ToolAnswer(ok=True, data=data)


def failure(code: str, message: str) -> ToolAnswer[T]:
    """The answer of a failed call. See ToolError."""
    return ToolAnswer(ok=False, error=ToolError(code=code, message=message))
