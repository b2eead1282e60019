"""Base64url without padding, in its one canonical spelling (RFC 4648 §5, RFC 7515 §2)."""

import binascii
from base64 import urlsafe_b64encode

# To the standard alphabet; what is not of base64url becomes something that no alphabet has.
_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")


def encode(raw: bytes) -> str:
    """Bytes → text, without the padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """ASCII text → bytes; None for any other spelling."""
    encoded = text.encode().translate(_STANDARD) + b"=" * (-len(text) % 4)
    try:
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        return None
    # The last character has bits that no byte needs; unless they are zero, one token has several spellings.
    return raw if binascii.b2a_base64(raw, newline=False) == encoded else None
