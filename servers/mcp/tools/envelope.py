"""What every tool answers: `{ok, data, error}` (SEED-45)."""

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class ToolError(BaseModel):
    """Why a tool could not do it: a code for programs, a sentence for people. Never internals."""

    code: str
    message: str


class ToolAnswer(BaseModel, Generic[T]):
    """data when ok, error when not."""

    ok: bool
    data: T | None = None
    error: ToolError | None = None


def success(data: T) -> ToolAnswer[T]:
    """It worked."""
    return ToolAnswer(ok=True, data=data)


def failure(code: str, message: str) -> ToolAnswer[T]:
    """It did not."""
    return ToolAnswer(ok=False, error=ToolError(code=code, message=message))
