"""What the address of the overview asks for, and what becomes of nonsense."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from collector.web.dashboard import asked

TODAY = date(2026, 11, 21)
KNOWN = (162, 163)


@pytest.mark.parametrize(
    ("values", "project", "first", "last", "preset"),
    [
        ({}, None, date(2026, 11, 15), TODAY, 7),
        ({"project": "", "from": "", "to": ""}, None, date(2026, 11, 15), TODAY, 7),
        ({"days": "1"}, None, TODAY, TODAY, 1),
        ({"days": "30", "project": "163"}, 163, date(2026, 10, 23), TODAY, 30),
        ({"from": "2026-11-01", "to": "2026-11-20"}, None, date(2026, 11, 1), date(2026, 11, 20),
         None),
        ({"from": "2026-11-01"}, None, date(2026, 11, 1), TODAY, None),
        ({"to": "2026-11-03", "days": "30"}, None, date(2026, 11, 3), date(2026, 11, 3), None),
        ({"from": "2025-11-21"}, None, date(2025, 11, 21), TODAY, None),
    ],
)  # fmt: skip
def test_an_installation_and_days_are_asked_for(
    values: dict[str, str], project: int | None, first: date, last: date, preset: int | None
) -> None:
    found = asked.read(values, KNOWN, TODAY)
    assert (found.project, found.first, found.last, found.preset, found.notes) == (
        project, first, last, preset, (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"from": "2026-11-31"}, "“2026-11-31” is no day such as 2026-11-21"),
        ({"to": "9999-12-31"}, "9999-12-31 is no day that there are calls of"),
        ({"from": "0001-01-01"}, "0001-01-01 is no day that there are calls of"),
        ({"from": "2026-11-20", "to": "2026-11-01"}, "2026-11-20 comes after 2026-11-01"),
        ({"from": "2025-11-20"}, "More than 366 days are too many for a page"),
        ({"days": "8"}, "“8” is none of the numbers of days (1, 7, 30, 90)"),
        ({"project": "164"}, "There is no installation of project 164, so all are shown"),
        ({"project": "-1"}, "There is no installation of project -1"),
        ({"project": "١٦٢"}, "There is no installation of project ١٦٢"),
        ({"project": "9" * 400}, f"There is no installation of project {'9' * 40}, so"),
    ],
)
def test_nonsense_gets_a_sentence_and_the_default(values: dict[str, str], note: str) -> None:
    found = asked.read(values, KNOWN, TODAY)
    assert (found.project, found.last - found.first, found.preset) == (None, timedelta(days=6), 7)
    (told,) = found.notes
    assert told.startswith(note)


def test_what_is_asked_for_can_be_asked_for_again_with_a_change() -> None:
    month = asked.read({"project": "162", "days": "30"}, KNOWN, TODAY)
    assert month.query(days=7) == {"project": "162", "days": "7"}
    assert month.query(project=None) == {"days": "30"}
    assert month.query(days=None) == {"project": "162", "from": "2026-10-23", "to": "2026-11-21"}
