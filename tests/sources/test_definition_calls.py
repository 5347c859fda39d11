"""What ``[calls]`` and the rules of single projects can say."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from collector import resources
from collector.domain.definition import (
    CallMapping,
    Condition,
    FileFormat,
    Matching,
    Rule,
    SqlSource,
)
from collector.sources import definition
from tests.sources.drafts import CALLS, KEYS, TOML, draft

QUERY = "SELECT * FROM c WHERE at >= :since ORDER BY at LIMIT :limit"


def mapping(folder: Path, lines: str) -> CallMapping:
    toml = TOML.replace(CALLS + KEYS, CALLS + lines + KEYS)
    return definition.read(draft(folder, toml)).mapping


def with_calls(table: str) -> str:
    return TOML.replace(KEYS, KEYS + table)


def test_a_column_can_have_alternatives(tmp_path: Path) -> None:
    found = mapping(tmp_path, 'duration = ["took", "length.s"]\nvalue = "sum"\n')
    assert found.duration == ("took", "length.s")
    assert found.value == ("sum",)


def test_how_times_and_numbers_are_written(tmp_path: Path) -> None:
    found = mapping(
        tmp_path,
        'decimal = ","\ntimezone_column = "zone"\n'
        'time_formats = ["%d/%m/%Y %H:%M", "%Y%m%d%H%M%S", "%d.%m.%y %I:%M %p %z"]\n',
    )
    assert found.decimal == ","
    assert found.zone_column == ("zone",)
    assert found.time_formats == ("%d/%m/%Y %H:%M", "%Y%m%d%H%M%S", "%d.%m.%y %I:%M %p %z")


def test_a_start_may_follow_from_end_and_duration(tmp_path: Path) -> None:
    toml = TOML.replace('started = "at"', 'ended = "over"\nduration = "took"')
    found = definition.read(draft(tmp_path, toml)).mapping
    assert (found.started, found.ended, found.duration) == ((), ("over",), ("took",))


@pytest.mark.parametrize(
    "forms",
    [
        ["%Y%m%d%H%M", "%Y%m%d%H%M%S"],
        ["%d/%m/%Y %H:%M", "%d/%m/%y %H:%M", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M"],
        ["%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M %z"],
    ],
)
def test_forms_of_times_that_cannot_be_mistaken_stand_side_by_side(
    tmp_path: Path, forms: list[str]
) -> None:
    assert mapping(tmp_path, f"time_formats = {forms}\n").time_formats == tuple(forms)


def test_how_files_are_written_is_said_of_the_main_records_alone(tmp_path: Path) -> None:
    written = '[calls.file]\nencoding = "cp1252"\n'
    own = definition.read(draft(tmp_path, with_calls(written)))
    assert own.files_of(None) == own.files != own.files_of("twilio") == FileFormat()
    adapted = with_calls(written).replace(CALLS, f'{CALLS}preset = "twilio"\n')
    main = definition.read(draft(tmp_path, adapted))
    assert main.files_of(None) == main.files_of("twilio") == main.files
    assert main.files_of("callrail") == FileFormat()


def test_conditions_in_their_three_forms(tmp_path: Path) -> None:
    found = definition.read(
        draft(
            tmp_path,
            with_calls(
                '[[calls.answered]]\ncolumn = ["state", "Status"]\nis = ["Completed", " OK "]\n'
                '[[calls.answered]]\ncolumn = "talked"\nabove = 0\n'
                '[[calls.only]]\ncolumn = "test"\nnot = true\n'
            ),
        )
    ).mapping
    assert found.answered == (
        Condition(columns=("state", "Status"), values=frozenset({"completed", "ok"})),
        Condition(columns=("talked",), above=Decimal(0)),
    )
    assert found.only == (Condition(columns=("test",), excluded=frozenset({"true"})),)


def test_how_files_are_written(tmp_path: Path) -> None:
    table = '[calls.file]\nencoding = "cp1252"\ndelimiter = "\\t"\nquote = "\'"\n'
    found = definition.read(draft(tmp_path, with_calls(table)))
    assert found.files == FileFormat(encoding="cp1252", delimiter="\t", quote="'")
    assert definition.read(draft(tmp_path)).files == FileFormat()


def test_the_provider_s_own_database(tmp_path: Path) -> None:
    table = f'[calls.sql]\nquery = "{QUERY}"\n'
    found = definition.read(draft(tmp_path, with_calls(table)))
    assert found.sql == SqlSource(query=QUERY)
    table += (
        'url = "postgresql://db.example.com/calls"\nsince_format = "epoch_ms"\npage = 100\n'
        'overlap = "1h"\n'
    )
    assert definition.read(draft(tmp_path, with_calls(table))).sql == SqlSource(
        query=QUERY,
        url="postgresql://db.example.com/calls",
        since_format="epoch_ms",
        page=100,
        overlap=timedelta(hours=1),
    )
    assert definition.read(draft(tmp_path)).sql is None


@pytest.mark.parametrize("form", ["epoch", "%Y-%m-%d %H:%M:%S", "%Y%m%d"])
def test_how_since_is_written(tmp_path: Path, form: str) -> None:
    table = f'[calls.sql]\nquery = "{QUERY}"\nsince_format = "{form}"\n'
    found = definition.read(draft(tmp_path, with_calls(table)))
    assert found.sql is not None
    assert found.sql.since_format == form


def test_a_project_s_rules_stand_in_the_place_of_all_the_others(tmp_path: Path) -> None:
    rules = (
        '[matching]\nskew = "5s"\n[[matching.rules]]\nkey = "reference"\n'
        '[projects.162.matching]\nhorizon = "2h"\n'
        '[[projects.162.matching.rules]]\nkey = "visitor_id"\nwindow = "1d"\n'
    )
    found = definition.read(draft(tmp_path, TOML + rules))
    assert found.projects == {
        162: Matching(
            rules=(Rule(kind="visitor_id", window=timedelta(days=1)),), horizon=timedelta(hours=2)
        )
    }
    assert found.matching_of(162).skew == Matching().skew
    assert found.matching_of(163) is found.matching
    assert found.matching.skew == timedelta(seconds=5)


def test_what_the_example_shows_of_calls_in_its_comments_reads(tmp_path: Path) -> None:
    example = resources.path("examples") / "phone-calls"
    text = (example / "integration.toml").read_text(encoding="utf-8").partition("# [matching]")[0]
    shutil.copy(example / "schema.v1.json", tmp_path)
    path = tmp_path / "integration.toml"
    path.write_text(re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text), encoding="utf-8")
    found = definition.read(path).mapping
    assert found.zone_column
    assert found.time_formats
    assert found.decimal == ","
    assert found.caller
    assert found.value
    assert found.answered == (Condition(columns=("status",), values=frozenset({"completed"})),)
    assert found.only == (Condition(columns=("direction",), excluded=frozenset({"outbound"})),)


def test_a_time_zone_may_be_an_offset(tmp_path: Path) -> None:
    found = definition.read(draft(tmp_path, TOML.replace(CALLS, CALLS + 'timezone = "+01:00"\n')))
    assert found.mapping.zone == timezone(timedelta(hours=1))
