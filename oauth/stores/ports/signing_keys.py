"""Signing keys, encrypted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredSigningKey:
    """A signing key at rest. number: counts up from 1. public_jwk: JSON."""

    number: int
    kid: str
    algorithm: str
    public_jwk: str
    sealed_private_key: bytes
    created_at: datetime
    signs_from: datetime


class SigningKeys(Protocol):
    """All keys that ever signed, and the next one."""

    async def all(self) -> Sequence[StoredSigningKey]:
        """Oldest first."""
        ...

    async def add(self, key: StoredSigningKey) -> bool:
        """Add a key. False when another node added one of that number first."""
        ...
