"""What a definition asks of a record holds, does not hold, or cannot be told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from collector.domain.conditions import all_hold
from collector.domain.definition import Condition
from collector.errors import RecordError

COMPLETED = Condition(columns=("status", "State"), values=frozenset({"completed", "Terminé"}))
NOT_VOICEMAIL = Condition(columns=("voicemail",), excluded=frozenset({"TRUE", "yes"}))
CONNECTED = Condition(columns=("connected",), above=Decimal("1.5"))


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        ({"status": "completed"}, True),
        ({"status": " COMPLETED "}, True),
        ({"status": "TERMINÉ"}, True),
        ({"status": "", "State": "Completed"}, True),
        ({"status": "busy"}, False),
        ({"status": ""}, None),
        ({}, None),
    ],
)
def test_a_text_is_among_others_however_either_is_capitalised(
    record: dict[str, object], holds: bool | None
) -> None:
    assert all_hold(record, [COMPLETED]) is holds


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        ({"voicemail": True}, False),
        ({"voicemail": "True"}, False),
        ({"voicemail": "YES"}, False),
        ({"voicemail": False}, True),
        ({"voicemail": "no"}, True),
        ({"voicemail": None}, True),
        ({}, True),
    ],
)
def test_what_is_excluded_is_not_met_by_silence(record: dict[str, object], holds: bool) -> None:
    assert all_hold(record, [NOT_VOICEMAIL]) is holds


@pytest.mark.parametrize(
    ("value", "decimal", "holds"),
    [
        ("2", ".", True),
        (2, ".", True),
        ("1.5", ".", False),
        ("1,6", ",", True),
        ("1,400", ".", True),
        ("1,400", ",", False),
        ("1.400", ",", True),
        (1.125, ",", False),
        ("many", ".", None),
        ("", ".", None),
        (True, ".", None),
    ],
)
def test_a_number_is_compared_as_the_source_writes_it(
    value: object, decimal: str, holds: bool | None
) -> None:
    assert all_hold({"connected": value}, [CONNECTED], decimal) is holds


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        ({"status": "completed", "connected": 2}, True),
        ({"status": "completed", "connected": 1}, False),
        ({"status": "completed"}, None),
        ({"connected": 1}, False),
        ({}, None),
    ],
)
def test_one_that_fails_decides_and_one_that_is_open_leaves_it_open(
    record: dict[str, object], holds: bool | None
) -> None:
    assert all_hold(record, [COMPLETED, CONNECTED]) is holds


def test_no_condition_is_met_by_everything() -> None:
    assert all_hold({}, []) is True


def test_a_column_that_is_asked_for_must_be_readable() -> None:
    with pytest.raises(RecordError, match="'status' holds a list"):
        all_hold({"status": ["completed"]}, [COMPLETED])
    with pytest.raises(RecordError, match=r"'status' holds an object: .* such as 'status\.is'"):
        all_hold({"status": {"is": "completed"}}, [COMPLETED])


ANSWERED = Condition(columns=("answered",), values=frozenset({"true"}))


@pytest.mark.parametrize("said", [True, 1, "1", "Yes", "OUI", "t"])
def test_true_stands_for_every_way_of_saying_it(said: object) -> None:
    assert all_hold({"answered": said}, [ANSWERED]) is True
    assert all_hold({"voicemail": said}, [NOT_VOICEMAIL]) is False


@pytest.mark.parametrize("said", [False, 0, "no", "2", "perhaps"])
def test_what_does_not_say_true_is_not_taken_for_it(said: object) -> None:
    assert all_hold({"answered": said}, [ANSWERED]) is False
    assert all_hold({"voicemail": said}, [NOT_VOICEMAIL]) is True


def test_a_word_that_is_no_truth_value_stands_for_itself() -> None:
    assert all_hold({"answered": True}, [replace(ANSWERED, values=frozenset({"1"}))]) is False
