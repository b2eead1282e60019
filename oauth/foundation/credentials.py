"""Opaque secrets: how one is made, what is stored of it, and how one is sealed under another."""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oauth.foundation import base64url
from oauth.foundation.vocabulary import Digest

# Randomness is passed in (D-25): `os.urandom` in the program.
Entropy = Callable[[int], bytes]

SECRET_BYTES = 32  # OAuth 2.1 §7.7 asks for 160 bits; 256 leave no argument.
_NONCE_BYTES = 12

CODE_PREFIX = "ac_"
REFRESH_TOKEN_PREFIX = "rt_"  # noqa: S105 - a prefix
CLIENT_SECRET_PREFIX = "cs_"  # noqa: S105 - a prefix
REGISTRATION_TOKEN_PREFIX = "rg_"  # noqa: S105 - a prefix
PUSHED_REQUEST_PREFIX = "pr_"


def new_secret(prefix: str, entropy: Entropy) -> str:
    """A bearer secret of 256 random bits with a prefix that lets people and scanners tell what it is."""
    return prefix + base64url.encode(entropy(SECRET_BYTES))


def digest(secret: str) -> Digest:
    """What is stored: SHA-256, 32 bytes. Enough for secrets of full entropy; people's passwords never come here."""
    return Digest(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest())


def matches(secret: str, stored: Digest) -> bool:
    """Does the secret have this digest? In constant time."""
    return hmac.compare_digest(digest(secret), stored)


def derive(secret: str, purpose: bytes) -> bytes:
    """A 256-bit key for one purpose (HMAC-SHA-256: the secret has full entropy, so no stretching is needed)."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), purpose, "sha256")


def seal_under(secret: str, value: str) -> bytes:
    """Encrypt value so that only the holder of secret can read it (AES-256-GCM).

    The nonce is fixed because a secret seals one value in its life: the successor of a refresh token (D-8),
    the answer to an authorization request."""
    return AESGCM(derive(secret, b"mcp-auth seal v1")).encrypt(b"\0" * _NONCE_BYTES, value.encode(), None)


def unseal_under(secret: str, sealed: bytes) -> str | None:
    """The value that was sealed under secret, or None when it was another secret or the bytes were changed."""
    try:
        return AESGCM(derive(secret, b"mcp-auth seal v1")).decrypt(b"\0" * _NONCE_BYTES, sealed, None).decode()
    except InvalidTag:
        return None


def seal_state(secret: str, value: str, entropy: Entropy) -> bytes:
    """As seal_under, for what changes while the secret lives: nonce || ciphertext || tag."""
    nonce = entropy(_NONCE_BYTES)
    return nonce + AESGCM(derive(secret, b"mcp-auth state v1")).encrypt(nonce, value.encode(), None)


def unseal_state(secret: str, sealed: bytes) -> str | None:
    """The value that was sealed by seal_state, or None when it was another secret or the bytes were changed."""
    try:
        key = AESGCM(derive(secret, b"mcp-auth state v1"))
        return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()
    except (InvalidTag, ValueError):
        return None


class KeyEncryption:
    """Encrypts what has to be read again (private keys, Supabase sessions) under the root secrets (MCP_AUTH_SECRET).

    The first secret encrypts, every one decrypts: that is how a root secret is rotated."""

    def __init__(self, root_secrets: tuple[str, ...], entropy: Entropy) -> None:
        self._keys = tuple(
            AESGCM(HKDF(SHA256(), 32, salt=None, info=b"mcp-auth key encryption v1").derive(s.encode()))
            for s in root_secrets
        )
        self._entropy = entropy

    def encrypt(self, plaintext: bytes, name: str) -> bytes:
        """nonce || ciphertext || tag; name (such as the kid) is authenticated, so that two rows cannot be swapped."""
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._keys[0].encrypt(nonce, plaintext, name.encode())

    def decrypt(self, sealed: bytes, name: str) -> bytes | None:
        """The plaintext, or None when none of the root secrets opens it."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for key in self._keys:
            try:
                return key.decrypt(nonce, ciphertext, name.encode())
            except (InvalidTag, ValueError):
                continue
        return None
