from oauth.foundation.bounded_cache import BoundedCache


def test_what_was_written_longest_ago_makes_room() -> None:
    kept: BoundedCache[str, int] = BoundedCache(3)
    for number, name in enumerate("abcd"):
        kept[name] = number
    assert kept == {"b": 1, "c": 2, "d": 3}


def test_what_is_written_again_is_new_again_and_costs_nobody_their_place() -> None:
    kept: BoundedCache[str, int] = BoundedCache(3)
    for name in "abcaad":
        kept[name] = 0
    assert list(kept) == ["c", "a", "d"]


def test_what_is_read_is_not_new() -> None:
    kept: BoundedCache[str, int] = BoundedCache(2)
    kept["a"], kept["b"] = 1, 2
    assert kept.get("a") == kept["a"] == 1
    kept["c"] = 3
    assert list(kept) == ["b", "c"]
