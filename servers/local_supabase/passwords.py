"""Password hashes: scrypt, computed away from the event loop."""

import asyncio
import base64
import hashlib
import hmac
import secrets


async def hash_password(password: str, cost: int) -> str:
    """`cost$salt$hash`; cost is the logarithm of scrypt's N."""
    salt = secrets.token_bytes(16)
    digest = await asyncio.to_thread(_scrypt, password, salt, cost)
    return f"{cost}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


async def password_matches(password: str, stored: str) -> bool:
    """Is it the password of this hash?"""
    cost, salt, digest = stored.split("$")
    made = await asyncio.to_thread(_scrypt, password, base64.b64decode(salt), int(cost))
    return hmac.compare_digest(made, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << cost, r=8, p=1, maxmem=1 << 27)
