import secrets
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.foundation import credentials
from oauth.foundation.credentials import KeyEncryption

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def counting(size: int) -> bytes:
    return bytes(range(size))


def test_secret_is_its_prefix_and_256_random_bits() -> None:
    assert credentials.new_secret("rt_", counting) == "rt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


# STD-75
def test_ten_thousand_secrets_are_all_different_and_of_one_length() -> None:
    made = {credentials.new_secret("ac_", secrets.token_bytes) for _ in range(10_000)}
    assert len(made) == 10_000
    assert {len(secret) for secret in made} == {3 + 43}


# D-7, F-8
def test_digest_is_sha_256_and_only_the_secret_matches_it() -> None:
    stored = credentials.digest("ac_x")
    assert stored == sha256(b"ac_x").digest()
    assert credentials.matches("ac_x", stored)
    assert not credentials.matches("ac_y", stored)
    assert not credentials.matches("", stored)


@given(st.text(max_size=20))
def test_no_text_makes_a_digest_raise(secret: str) -> None:
    assert credentials.matches(secret, credentials.digest(secret))


def test_keys_derived_for_two_purposes_or_from_two_secrets_differ() -> None:
    derived = {credentials.derive(secret, purpose) for secret in ("a", "b") for purpose in (b"x", b"y")}
    assert len(derived) == 4
    assert {len(key) for key in derived} == {32}


@given(TEXT, TEXT)
def test_sealed_value_is_read_with_its_secret(secret: str, value: str) -> None:
    assert credentials.unseal_under(secret, credentials.seal_under(secret, value)) == value


# D-8: the database alone does not give the successor away.
@given(TEXT, TEXT, TEXT)
def test_sealed_value_is_not_read_with_another_secret(secret: str, other: str, value: str) -> None:
    sealed = credentials.seal_under(secret, value)
    assert (credentials.unseal_under(other, sealed) == value) is (other == secret)


def test_sealed_value_with_any_bit_changed_is_nothing() -> None:
    sealed = credentials.seal_under("rt_a", "rt_b")
    assert b"rt_b" not in sealed
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert credentials.unseal_under("rt_a", bytes(changed)) is None


@pytest.mark.parametrize("length", [0, 1, 15, 16, 19])
def test_sealed_value_that_was_cut_is_nothing(length: int) -> None:
    assert credentials.unseal_under("rt_a", credentials.seal_under("rt_a", "rt_b")[:length]) is None


def test_private_key_is_read_under_the_root_secret_and_the_name_it_was_encrypted_with() -> None:
    encryption = KeyEncryption(("root",), secrets.token_bytes)
    sealed = encryption.encrypt(b"private", "kid_1")
    assert b"private" not in sealed
    assert encryption.decrypt(sealed, "kid_1") == b"private"
    assert encryption.decrypt(sealed, "kid_2") is None
    assert KeyEncryption(("other",), secrets.token_bytes).decrypt(sealed, "kid_1") is None


def test_root_secret_is_rotated_by_putting_the_new_one_first() -> None:
    before = KeyEncryption(("old",), secrets.token_bytes)
    during = KeyEncryption(("new", "old"), secrets.token_bytes)
    after = KeyEncryption(("new",), secrets.token_bytes)
    assert during.decrypt(before.encrypt(b"private", "kid"), "kid") == b"private"
    assert after.decrypt(during.encrypt(b"private", "kid"), "kid") == b"private"
    assert before.decrypt(during.encrypt(b"private", "kid"), "kid") is None


def test_same_key_encrypted_twice_looks_different() -> None:
    encryption = KeyEncryption(("root",), secrets.token_bytes)
    assert encryption.encrypt(b"private", "kid") != encryption.encrypt(b"private", "kid")


def test_encrypted_key_with_any_bit_changed_is_nothing() -> None:
    encryption = KeyEncryption(("root",), counting)
    sealed = encryption.encrypt(b"private", "kid")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert encryption.decrypt(bytes(changed), "kid") is None
