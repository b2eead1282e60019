import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.jose.strict_json import parse_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
FRAGMENTS = st.sampled_from(
    [*'{}[]",:\\ ', "\\u", "d800", '"a":', "1", "NaN", "1e9", "true", "null", "é", "\ud800", "\n"]
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", {}),
        (b' {"a": 1}\n', {"a": 1}),
        (b'{"a":{"a":1},"b":[{"a":2}]}', {"a": {"a": 1}, "b": [{"a": 2}]}),
        ('{"a":"é\U0001f511"}'.encode(), {"a": "é\U0001f511"}),
        (rb'{"a":"\ud83d\udd11 \\ud800"}', {"a": "\U0001f511 \\ud800"}),
        (b'{"a":"[[[[[[[[[[{{{{"}', {"a": "[[[[[[[[[[{{{{"}),
        (rb'{"a":"\"[[[[[[[[[[","b":"\\"}', {"a": '"[[[[[[[[[[', "b": "\\"}),
    ],
)
def test_one_json_object_is_read(raw: bytes, expected: object) -> None:
    assert parse_object(raw) == expected


@pytest.mark.parametrize(
    "raw", [b"", b" ", b"null", b"[]", b"1", b'"a"', b"{", b"{}{}", b"{} x", b"{'a':1}", b'{"a":1,}']
)
def test_anything_but_one_json_object_is_refused(raw: bytes) -> None:
    assert parse_object(raw) is None


# STD-167: readers that take the first one and readers that take the last one would differ.
@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"b":2,"a":1}',
        rb'{"a":1,"\u0061":2}',
        b'{"x":{"a":1,"a":2}}',
        b'{"x":[{"a":1,"a":2}]}',
    ],
)
def test_duplicate_members_are_refused_wherever_they_are(raw: bytes) -> None:
    assert parse_object(raw) is None


# F-29
@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_are_not_json_are_refused(number: bytes) -> None:
    assert parse_object(b'{"exp":' + number + b"}") is None
    assert parse_object(b'{"x":[' + number + b"]}") is None


def test_number_of_more_digits_than_can_be_converted_is_refused() -> None:
    assert parse_object(b'{"exp":' + b"9" * 5000 + b"}") is None


# STD-161
@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
        rb'{"a":"\ud800"}',
        rb'{"\udc00":1}',
        rb'{"a":["\ud800x"]}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
    ],
)
def test_text_that_is_not_unicode_in_utf_8_is_refused(raw: bytes) -> None:
    assert parse_object(raw) is None


# D-10: nesting at most 8.
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_eight_levels_are_read_and_nine_are_refused(opening: bytes, closing: bytes) -> None:
    eight = b'{"a":' + opening * 7 + b"1" + closing * 7 + b"}"
    nine = b'{"a":' + opening * 8 + b"1" + closing * 8 + b"}"
    assert parse_object(eight) == json.loads(eight)
    assert parse_object(nine) is None


# What was closed before neither adds to the depth nor takes from it.
def test_depth_is_that_of_the_deepest_place_wherever_it_is() -> None:
    siblings = b'{"s":[[],{},[],{},[],{},[],{}],"a":'
    assert parse_object(siblings + b"[" * 7 + b"]" * 7 + b"}") is not None
    assert parse_object(siblings + b"[" * 8 + b"]" * 8 + b"}") is None


def test_many_brackets_side_by_side_are_not_deep() -> None:
    raw = b'{"a":[' + b",".join([b"[]"] * 500) + b"]}"
    assert parse_object(raw) == json.loads(raw)


# F-29: nested brackets were a 500.
@pytest.mark.parametrize(
    "raw", [b"[" * 200_000, b'{"a":' * 50_000, b"{" * 13_000, b'{"a":"' + b"[" * 50 + b'"' + b"[" * 9000]
)
def test_very_deep_nesting_is_refused(raw: bytes) -> None:
    assert parse_object(raw) is None


# F-29, P-1: a stranger's bytes (24 KB of them, at /register or as a token) must not buy seconds of computing.
@pytest.mark.parametrize("tail", [b"", b"\\"], ids=["open", "escape"])
def test_string_that_never_ends_is_refused_at_once(tail: bytes) -> None:
    raw = b'{"a":[[[[[[[[' + b'"' + b'\\"' * 12_000 + tail
    started = time.process_time()
    assert parse_object(raw) is None
    assert time.process_time() - started < 0.25


@given(st.dictionaries(TEXT, VALUES, max_size=4), st.booleans())
def test_object_is_read_as_it_was_written_unless_it_is_deep(written: dict[str, object], escaped: bool) -> None:
    raw = json.dumps(written, ensure_ascii=escaped).encode()
    assert parse_object(raw) == (written if depth(written) <= 8 else None)


@given(
    st.binary(max_size=60)
    | st.lists(FRAGMENTS, max_size=30).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))
)
def test_no_bytes_make_it_raise_and_what_it_reads_is_what_json_says(raw: bytes) -> None:
    read = parse_object(raw)
    if read is not None:
        assert read == json.loads(raw)


@given(st.integers(1, 40), st.integers(0, 40), st.booleans())
def test_depth_alone_decides_whatever_the_strings_hold(levels: int, brackets: int, quoted: bool) -> None:
    inside = json.dumps(('"' if quoted else "") + "[{" * brackets)
    raw = f'{{"s":{inside},"a":{"[" * (levels - 1)}{inside}{"]" * (levels - 1)}}}'.encode()
    assert (parse_object(raw) is not None) is (levels <= 8)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0
