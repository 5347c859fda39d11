"""The keys of a beacon: what is usable is kept, and each of the others is told by itself."""

from __future__ import annotations

import pytest

from collector.domain.beacon import LeftOut, read_keys
from collector.domain.identifiers import MAX_KEY_LENGTH, MAX_KEYS


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("v-1", "v-1"),
        ("undefined behaviour", "undefined behaviour"),
        ("  v-1\n", "v-1"),
        ("two\t \n words", "two words"),
        ("a\u00a0b", "a b"),
        (7, "7"),
        (-7, "-7"),
        (0, "0"),
        (7.0, "7"),
        (-0.0, "0"),
        (7.25, "7.25"),
        (0.0001, "0.0001"),
        (1e20, "100000000000000000000"),
        (True, "true"),
        (False, "false"),
        (2**53, "9007199254740992"),
        ("x" * MAX_KEY_LENGTH, "x" * MAX_KEY_LENGTH),
        (" x" * 100, ("x " * 100).strip()),
        (f"{'x' * 100}{' ' * 500}{'x' * 99}", f"{'x' * 100} {'x' * 99}"),
    ],
)
def test_a_scalar_is_stored_as_text_with_single_blanks(value: object, stored: str) -> None:
    assert read_keys({"visitor_id": value}, None) == ({"visitor_id": stored}, [])


@pytest.mark.parametrize("value", [None, "", " ", "\t\n ", "\u2003"])
def test_null_and_blank_values_are_no_keys_and_nothing_to_tell(value: object) -> None:
    assert read_keys({"visitor_id": value}, None) == ({}, [])


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("Visitor", "v", "must be named by"),
        ("", "v", "must be named by"),
        ("1st", "v", "must be named by"),
        ("visitor-id", "v", "must be named by"),
        ("k" * 31, "v", "must be named by"),
        ("\ud800", "v", "must be named by"),
        ("key", "x" * 201, "at most 200 characters"),
        ("key", 10**200, "at most 200 characters"),
        ("key", "a\u0000b", "control characters"),
        ("key", "a\u007fb", "control characters"),
        ("key", "\ud800", "control characters"),
        ("key", "undefined", "what a program writes for nothing"),
        ("key", " null ", "what a program writes for nothing"),
        ("key", "NaN", "what a program writes for nothing"),
        ("key", "[object Object]", "what a program writes for nothing"),
        ("key", "None", "what a program writes for nothing"),
        ("key", "(not set)", "what a program writes for nothing"),
        ("key", "[object HTMLDocument]", "what a program writes for nothing"),
        ("key", ["v"], "must be a string, a number or a boolean"),
        ("key", {"v": 1}, "must be a string, a number or a boolean"),
    ],
)
def test_a_bad_key_is_left_out_alone_and_its_value_never_told(
    kind: str, value: object, why: str
) -> None:
    keys, (left_out,) = read_keys({"before": "1", kind: value, "after": "2"}, None)
    assert keys == {"before": "1", "after": "2"}
    assert left_out.kind == kind
    assert why in left_out.why
    assert "xx" not in left_out.why


@pytest.mark.parametrize("told", [None, [], {}])
def test_a_page_without_keys_may_say_so_in_any_way(told: object) -> None:
    assert read_keys(told, None) == ({}, [])


@pytest.mark.parametrize("told", [["visitor_id"], [None], "visitor_id", "", 7, 0, True, False])
def test_what_holds_no_keys_is_left_out_as_a_whole(told: object) -> None:
    assert read_keys(told, None) == ({}, [LeftOut(kind=None, why="must be an object")])


def test_the_first_ten_keys_that_can_be_used_are_kept() -> None:
    good = {f"kind_{number}": "v" for number in range(MAX_KEYS)}
    told = {"blank": "", "Bad": "v", **good, "kind_10": "v", "blank_too": " "}
    keys, left_out = read_keys(told, None)
    assert keys == good
    assert left_out[1:] == [
        LeftOut(kind="kind_10", why="is one too many: at most 10 keys are stored")
    ]


@pytest.mark.parametrize(
    "value", ["01 99 00 12 34", "01\n99  00\t12 34", "+33199001234", 33199001234]
)
def test_a_number_is_spelt_in_one_way_however_the_page_wraps_it(value: object) -> None:
    keys, _ = read_keys({"tracking_number": value}, "FR")
    assert keys == {"tracking_number": "+33199001234"}
