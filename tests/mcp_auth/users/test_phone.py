"""Numbers that Supabase has confirmed → E.164 (SEED-30, F-2)."""

import pytest

from mcp_auth.users import phone


# SEED-30
@pytest.mark.parametrize(
    "number",
    ["919876543210", "+919876543210", "00919876543210", "9876543210", "+9876543210", "09876543210", "+91 98765 43210"],
)
def test_every_way_to_write_a_number_is_the_same_number(number: str) -> None:
    assert phone.parse_confirmed(number, "IN") == "+919876543210"


# F-2
def test_numbers_of_two_countries_with_the_same_last_ten_digits_are_two() -> None:
    numbers = {phone.parse_confirmed(number, "IN") for number in ("18175550123", "918175550123", "448175550123")}
    assert len(numbers - {None}) >= 2
    assert phone.parse_confirmed("18175550123", "IN") == "+18175550123"


def test_country_code_is_never_taken_from_the_region_where_there_is_one() -> None:
    assert phone.parse_confirmed("15551234567", "IN") == "+15551234567"  # kept for tests, and for nobody in India
    assert phone.parse_confirmed("12125550123", "IN") == "+12125550123"


def test_national_number_belongs_to_the_region() -> None:
    assert phone.parse_confirmed("02071838750", "GB") == "+442071838750"
    assert phone.parse_confirmed("9876543210", "IN") != phone.parse_confirmed("9876543210", "US")


@pytest.mark.parametrize("number", ["", "+", "1", "call me", "9" * 41, "+0", "\0", "+9999999999999999"])
def test_what_is_no_number_is_none(number: str) -> None:
    assert phone.parse_confirmed(number, "IN") is None
