"""An export tells a view as it stood at one moment: the same text, whatever the database."""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from collector.errors import UsageError
from collector.jobs import export_parquet
from collector.jobs.export import Format, export, wanted
from collector.jobs.progress import Unwatched
from collector.jobs.whole_file import whole_file
from collector.storage import comments, exporting
from collector.storage.database import Database
from collector.storage.exporting import Wanted
from collector.storage.tables import RunRow
from tests.exported import DAY, NOON, fill
from tests.postgres import PostgresServer

VIEWS = comments.read().views

MICROSECOND = timedelta(microseconds=1)

#: Of every type one.
COLUMNS = ["call_id", "started_at", "answered", "value", "day", "session_number"]


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


def of(database: Database, view: str = "report_calls", *columns: str, **asked: Any) -> Wanted:
    everything: dict[str, Any] = {"project_id": None, "since": None, "until": None}
    return wanted(database, view, columns=columns, **{**everything, **asked})


def written(
    database: Database, asked: Wanted, form: Format, *, raw: bool = False, held: int = 5000
) -> bytes:
    stream = io.BytesIO()
    export(
        database, asked, stream, form=form, packed=False, raw=raw, progress=Unwatched(), held=held
    )
    return stream.getvalue()


def lines(database: Database, asked: Wanted, form: Format, *, raw: bool = False) -> list[str]:
    """The rows in a certain order, as no export promises one; a header stays first."""
    text = written(database, asked, form, raw=raw).decode()
    head = 1 if form is Format.CSV else 0
    found = text.split("\r\n" if form is Format.CSV else "\n")
    assert found.pop() == ""
    return found[:head] + sorted(found[head:])


def test_each_view_is_the_same_text_from_both_databases(
    postgres: PostgresServer, sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "collector.db")
    name = postgres.lend()
    with (
        Database(f"sqlite:///{tmp_path / 'collector.db'}") as sqlite,
        Database(postgres.url(name)) as postgresql,
    ):
        fill(sqlite)
        fill(postgresql)
        for view in VIEWS:
            for form in (Format.CSV, Format.JSONL):
                told = lines(sqlite, of(sqlite, view), form)
                assert told == lines(postgresql, of(postgresql, view), form), view
                assert len(told) > 1 - (form is Format.JSONL), view
    postgres.take_back(name)


def test_csv_has_a_header_utc_times_and_no_formula(filled: Database) -> None:
    asked = of(filled, "report_calls", *COLUMNS, project_id=162)
    assert lines(filled, asked, Format.CSV) == [
        "call_id,started_at,answered,value,day,session_number",
        '"\'\r+3",2026-03-06T12:00:00.000000Z,false,12.5,2026-03-06,',
        '"\'-2, or so",2026-03-03T12:00:00.000000Z,false,,2026-03-03,',
        '"\'@""x""",2026-03-04T12:00:00.000000Z,,12.5,2026-03-04,',
        "'\tté,2026-03-05T12:00:00.000000Z,true,,2026-03-05,",
        "'=1+1,2026-03-02T12:00:00.000000Z,true,12.5,2026-03-02,",
        "plain,2026-03-07T12:00:00.000000Z,,,2026-03-07,",
    ]
    told = lines(
        filled, of(filled, "report_calls", "call_id", project_id=162), Format.CSV, raw=True
    )
    assert set(told) == {"call_id", '"\r+3"', '"-2, or so"', '"@""x"""', "\tté", "=1+1", "plain"}
    (_, origins) = lines(
        filled, of(filled, "report_installations", "origins", project_id=162), Format.CSV
    )
    assert origins == '"[""https://a.example"",""https://b.example""]"'


def test_json_lines_are_one_object_each_with_json_nested(filled: Database) -> None:
    (first, *_) = lines(filled, of(filled, "report_calls", *COLUMNS, project_id=163), Format.JSONL)
    assert first == (
        '{"call_id":"plain","started_at":"2026-03-07T12:00:00.000000Z","answered":null,'
        '"value":null,"day":"2026-03-07","session_number":null}'
    )
    (one, _) = lines(filled, of(filled, "report_enrichments", "payload"), Format.JSONL)
    assert one == '{"payload":{"a":["é",null,true],"z":1}}'


def test_parquet_has_types_and_row_groups(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_parquet, "GROUP", 4)
    asked = of(filled, "report_calls", *COLUMNS, project_id=162)
    file = pq.ParquetFile(io.BytesIO(written(filled, asked, Format.PARQUET, held=2)))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 2]
    table = file.read()
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == {
        "call_id": pa.string(),
        "started_at": pa.timestamp("us", tz="UTC"),
        "answered": pa.bool_(),
        "value": pa.float64(),
        "day": pa.date32(),
        "session_number": pa.int64(),
    }
    (plain,) = [row for row in table.to_pylist() if row["call_id"] == "plain"]
    assert plain == {
        "call_id": "plain", "started_at": NOON + 5 * DAY, "answered": None, "value": None,
        "day": date(2026, 3, 7), "session_number": None,
    }  # fmt: skip
    payload = written(filled, of(filled, "report_enrichments", "payload"), Format.PARQUET)
    (told, _) = pq.read_table(io.BytesIO(payload)).column("payload").to_pylist()
    assert json.loads(told) == {"z": 1, "a": ["é", None, True]}


@pytest.mark.parametrize("form", Format)
def test_an_export_of_nothing_has_its_columns_all_the_same(
    database: Database, form: Format
) -> None:
    told = written(database, of(database, "report_runs", "run_id", "seconds"), form)
    if form is Format.PARQUET:
        assert pq.read_table(io.BytesIO(told)).schema.names == ["run_id", "seconds"]
    else:
        assert told == (b"run_id,seconds\r\n" if form is Format.CSV else b"")


def test_a_span_is_asked_of_the_views_own_column(filled: Database) -> None:
    for view, since, until, number in (
        ("report_calls", NOON, NOON + DAY, 1),
        ("report_calls", NOON + MICROSECOND, None, 6),
        ("report_calls", None, NOON + 2 * DAY, 2),
        ("report_sessions", NOON, NOON + 5 * MICROSECOND, 0),
        ("report_sessions", NOON, NOON + 6 * MICROSECOND, 1),
        ("report_verdicts_daily", NOON, NOON + DAY / 2, 1),
        ("report_verdicts_daily", NOON, NOON + DAY / 2 + MICROSECOND, 2),
        ("report_runs", NOON + DAY, None, 0),
    ):
        asked = of(filled, view, since=since, until=until)
        assert len(lines(filled, asked, Format.JSONL)) == number, (view, since, until)


def test_what_is_written_meanwhile_is_no_part_of_it(filled: Database) -> None:
    seen = 0
    for rows in exporting.rows(filled, of(filled), held=2):
        if not seen:
            with filled.write() as connection:
                connection.execute(sa.text("DELETE FROM call WHERE call_id <> 'plain'"))
        seen += len(rows)
    assert seen == 7
    assert len(lines(filled, of(filled), Format.JSONL)) == 2


class Watching(io.BytesIO):
    """Counts the rows that are in memory whenever some are written."""

    def __init__(self) -> None:
        super().__init__()
        gc.collect()
        self._before = _rows_in_memory()
        self.most = 0

    def write(self, data: Any) -> int:
        self.most = max(self.most, _rows_in_memory() - self._before)
        return super().write(data)


def _rows_in_memory() -> int:
    return sum(isinstance(one, sa.Row) for one in gc.get_objects())


def test_however_long_it_is_few_rows_are_in_memory(database: Database) -> None:
    with database.write() as connection:
        connection.execute(
            sa.insert(RunRow),
            [{"run_id": f"r{n}", "job": "", "started_at": NOON, "outcome": "done", "counts": {}}
             for n in range(200)],
        )  # fmt: skip
    stream = Watching()
    form: dict[str, Any] = {"form": Format.CSV, "packed": False, "raw": False}
    asked = of(database, "report_runs")
    assert export(database, asked, stream, progress=Unwatched(), held=50, **form) == 200
    assert 50 <= stream.most <= 100
    if not database.is_sqlite:  # whose driver holds none: the server's cursor is asked for more
        asking = sa.text("SELECT query FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'")
        with closing(exporting.rows(database, asked, held=50)) as rows:
            assert len(next(rows)) == 50
            with database.read() as connection:
                assert len(connection.scalars(asking).all()) == 1


def test_without_pyarrow_parquet_says_what_to_install(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "collector.jobs.export_parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'session-collector\[parquet\]'"):
        written(filled, of(filled), Format.PARQUET)


def test_a_stream_that_knows_no_place_takes_parquet_too(filled: Database) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        export(filled, of(filled), stream, form=Format.PARQUET, packed=False, raw=False,
               progress=Unwatched())  # fmt: skip
    with os.fdopen(reading, "rb") as told:
        assert pq.read_table(io.BytesIO(told.read())).num_rows == 7


def interrupted(path: Path) -> None:
    with whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as file:
        file.write(b"whole")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert path.read_bytes() == b"whole"
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with whole_file(link) as file:
        file.write(b"anew")
    assert path.read_bytes() == b"anew"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["calls.csv", "link.csv"]


@pytest.mark.parametrize(
    ("path", "why"),
    [("/dev/null/calls.csv", "Not a directory"), ("/dev/full", "No space left on device")],
)
def test_a_file_that_cannot_be_written_is_named(path: str, why: str) -> None:
    with (
        pytest.raises(UsageError, match=f"{path} cannot be written: {why}"),
        whole_file(Path(path)) as file,
    ):
        file.write(b"x")
