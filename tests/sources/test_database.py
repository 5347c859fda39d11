"""Asking a real database for calls: what is bound, what is read, and what is said of mistakes."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from collector.domain.definition import CallMapping, SqlSource
from collector.errors import SourceError, SourceUnavailableError
from collector.sources import database, since
from collector.sources.database import CallDatabase
from collector.sources.driver_values import plain
from tests.calls_database import OF_PROJECT, PARIS, QUERY, CallsDatabase

SECRET = "s3cret"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")
MAPPING = CallMapping(id=("call_id",), started=("started",), updated=("updated",), zone=PARIS)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

on_postgresql = pytest.mark.parametrize("calls_kind", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("calls_kind", ["sqlite"], indirect=True)


@pytest.fixture
def calls(calls_url: str) -> CallsDatabase:
    return CallsDatabase(calls_url)


def ask(source: SqlSource, moment: datetime = NOON, limit: int = 100) -> list[dict[str, Any]]:
    with CallDatabase(source, MAPPING) as opened:
        return [row for page in opened.ask(moment, limit, 162) for row in page]


def ids(source: SqlSource, moment: datetime = NOON) -> list[str]:
    return [row["call_id"] for row in ask(source, moment)]


def around_noon(calls: CallsDatabase) -> None:
    for name, seconds in (("before", -120), ("at", 0), ("after", 120)):
        calls.put({"call_id": name, "updated": NOON + timedelta(seconds=seconds)})


def test_rows_are_records_from_a_moment_on(calls: CallsDatabase) -> None:
    around_noon(calls)
    rows = ask(calls.source())
    assert [row["call_id"] for row in rows] == ["at", "after"]
    assert rows[0]["duration_s"] == "75"
    assert rows[0]["project"] == 162
    assert rows[0]["visitor_id"] is None
    written = datetime.fromisoformat(rows[0]["updated"])
    assert written.replace(tzinfo=written.tzinfo or PARIS) == NOON


def test_the_calls_of_one_project_are_asked_for(calls: CallsDatabase) -> None:
    calls.put({"call_id": "a", "updated": NOON}, {"call_id": "b", "updated": NOON, "project": 163})
    assert ids(calls.source(OF_PROJECT)) == ["a"]
    assert CallDatabase(calls.source(OF_PROJECT), MAPPING).tells_projects_apart
    assert not CallDatabase(calls.source(), MAPPING).tells_projects_apart


@pytest.mark.parametrize(
    ("since_format", "column"),
    [
        ("epoch", "extract(epoch FROM updated)"),
        ("epoch_ms", "1000 * extract(epoch FROM updated)"),
        ("%Y-%m-%d %H:%M:%S", "to_char(updated, 'YYYY-MM-DD HH24:MI:SS')"),
    ],
)
@on_postgresql
def test_since_is_written_as_the_query_wants_it(
    calls: CallsDatabase, since_format: str, column: str
) -> None:
    around_noon(calls)
    query = QUERY.replace("WHERE updated", f"WHERE {column}")
    assert ids(calls.source(query, since_format=since_format)) == ["at", "after"]


@pytest.mark.parametrize("column", ["timestamp", "timestamptz"])
@on_postgresql
def test_postgresql_compares_in_the_zone_of_the_mapping(calls_url: str, column: str) -> None:
    calls = CallsDatabase(calls_url, time=column)
    around_noon(calls)
    assert ids(calls.source()) == ["at", "after"]


@pytest.mark.parametrize(
    ("since_format", "written"),
    [
        (None, NOON - timedelta(microseconds=1)),
        ("epoch", 1772452799),
        ("epoch_ms", 1772452799999),
        ("%d.%m.%Y %H:%M:%S.%f", "02.03.2026 12:59:59.999999"),
        ("%Y-%m-%dT%H:%M:%S", "2026-03-02T12:59:59"),
        ("%Y%m%d%H%M", "202603021259"),
        ("%Y-%m-%d %H", "2026-03-02 12"),
        ("%Y-%m-%d", "2026-03-01"),
    ],
)
def test_since_is_one_step_earlier_in_its_own_form(since_format: str | None, written: Any) -> None:
    source = SqlSource(query="", since_format=since_format)
    assert since.written(NOON, source, PARIS) == written


def test_a_run_begins_the_overlap_earlier_and_by_the_hour_that_comes_twice() -> None:
    overlap = timedelta(minutes=5)
    assert since.begin(NOON, NOON, overlap, PARIS) == NOON - overlap
    summer = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)
    winter = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)
    assert since.begin(summer, winter, overlap, PARIS) == summer - overlap - timedelta(hours=1)
    assert since.begin(summer, winter, overlap, UTC) == summer - overlap
    spring = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert since.begin(spring, spring + timedelta(hours=1), overlap, PARIS) == spring - overlap


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        ("x", "x"),
        (NOON, "2026-03-02T12:00:00+00:00"),
        (NOON.astimezone(timezone(timedelta(hours=1))), "2026-03-02T13:00:00+01:00"),
        (datetime(2026, 3, 2, 12, 0, 0, 5), "2026-03-02T12:00:00.000005"),  # noqa: DTZ001
        (date(2026, 3, 2), "2026-03-02"),
        (time(12, 30), "12:30:00"),
        (timedelta(minutes=2), 120),
        (timedelta(milliseconds=2500), 2.5),
        (Decimal("75.000"), 75),
        (Decimal("12.50"), 12.5),
        (Decimal("1E+3"), 1000),
        (Decimal(123456789012345678901), 123456789012345678901),
        (b"c-1", "c-1"),
        (bytearray("é".encode()), "é"),
        (memoryview(b"c-1"), "c-1"),
        (b"\x00\xff", "00ff"),
        (b"a\x00b", "610062"),
        (b"\x01", True),
        (b"\x00", False),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [Decimal(1), {"b": NOON}]}, {"a": [1, {"b": "2026-03-02T12:00:00+00:00"}]}),
        ((1, "x"), [1, "x"]),
        (ipaddress.ip_address("192.0.2.1"), "192.0.2.1"),
    ],
)
def test_what_drivers_give_becomes_what_records_hold(value: object, told: object) -> None:
    found = plain(value)
    assert found == told
    assert type(found) is type(told)


@on_postgresql
def test_columns_of_postgresql_become_records(calls: CallsDatabase) -> None:
    (row,) = ask(
        calls.source(
            "SELECT gen_random_uuid() AS call_id, timestamp '2026-03-02 13:00' AS updated, "
            """'{"agent": {"name": "A"}}'::jsonb AS custom, 12.50::numeric AS amount, """
            "'\\x632d31'::bytea AS raw, interval '90 s' AS length, ARRAY[1, 2] AS several, "
            "date '2026-03-02' AS day WHERE :since < now() LIMIT :limit"
        )
    )
    assert UUID(row.pop("call_id"))
    assert row == {
        "updated": "2026-03-02T13:00:00",
        "custom": {"agent": {"name": "A"}},
        "amount": 12.5,
        "raw": "c-1",
        "length": 90,
        "several": [1, 2],
        "day": "2026-03-02",
    }


def test_rows_come_page_by_page_however_many_there_are(calls: CallsDatabase) -> None:
    """The last ones cannot be computed: whoever fetches all of them first gets none."""
    fails = "json(substr('{}', 1, 15000 - n))" if calls.is_sqlite else "1 / (15000 - n)"
    query = (
        "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < "
        f"20000) SELECT n AS call_id, {fails} AS status, '2026-03-02' AS updated "
        "FROM counted WHERE :since < '2999' LIMIT :limit"
    )
    pages: list[int] = []
    with CallDatabase(calls.source(query, page=500, since_format="%Y"), MAPPING) as opened:
        rows = opened.ask(NOON, 20_000, 162)
        with pytest.raises(SourceError):
            pages.extend(len(page) for page in rows)
    assert len(pages) > 20
    assert set(pages) == {500}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1", "lacks :since and :limit"),
        ("SELECT * FROM calls WHERE updated >= :since", "lacks :limit"),
        (QUERY + " OFFSET :page", "has :page"),
    ],
)
@on_sqlite
def test_a_query_with_other_parameters_is_told(calls_url: str, query: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        CallDatabase(SqlSource(query=query, url=calls_url), MAPPING)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("updated,", "updated AS changed,", "gives no column 'updated'.*times.*call_id, started"),
        ("SELECT call_id,", "SELECT", "gives no column 'call_id'"),
        ("SELECT call_id,", "SELECT call_id, call_id,", "two columns 'call_id'"),
        ("FROM calls", "FROM no_calls", "no_calls"),
        ("SELECT", "SELEC", "syntax error"),
        ("duration_s,", "nope,", "nope"),
    ],
)
def test_a_query_that_does_not_fit_is_told_with_what_is_wrong(
    calls: CallsDatabase, before: str, after: str, said: str
) -> None:
    source = calls.source(QUERY.replace(before, after))
    with pytest.raises(SourceError, match=said) as error:
        ask(source)
    assert not isinstance(error.value, SourceUnavailableError)
    assert "\n" not in str(error.value)


@on_postgresql
def test_what_a_database_says_of_a_row_hides_the_callers_number(calls: CallsDatabase) -> None:
    calls.put({"call_id": "a", "updated": NOON, "visitor_id": "+33 1 99 00 12 34"})
    with pytest.raises(SourceError, match=r"invalid input syntax.*\[number hidden\]") as error:
        ask(calls.source(QUERY.replace("status,", "CAST(visitor_id AS bigint) AS status,")))
    assert "99 00" not in str(error.value)


@on_postgresql
def test_a_server_that_is_gone_without_a_word_is_given_up_soon(calls: CallsDatabase) -> None:
    with CallDatabase(calls.source(), MAPPING) as opened, opened._asking() as connection:
        told = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    assert (told["keepalives_idle"], told["keepalives_count"]) == ("30", "3")


def test_a_statement_that_writes_changes_nothing(calls: CallsDatabase) -> None:
    calls.put({"call_id": "a", "updated": NOON})
    if not calls.is_sqlite:
        calls.execute("CREATE SEQUENCE numbers")
        with pytest.raises(SourceError, match="read-only transaction"):
            ask(calls.source(QUERY.replace("SELECT", "SELECT nextval('numbers'),")))
    writing = "UPDATE calls SET status = 'x' WHERE updated >= :since AND duration_s <> :limit"
    with pytest.raises(SourceError):
        ask(calls.source(writing))
    assert calls.rows("SELECT status FROM calls") == [("completed",)]


@on_postgresql
def test_a_query_that_takes_too_long_is_ended(
    calls: CallsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.05)
    calls.put({"call_id": "a", "updated": NOON})
    with pytest.raises(SourceError, match=r"takes longer than .*an index") as error:
        ask(calls.source(QUERY.replace("SELECT", "SELECT pg_sleep(5) AS slept,")))
    assert not isinstance(error.value, SourceUnavailableError)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.01)


@on_sqlite
@pytest.mark.usefixtures("quick")
def test_a_file_that_is_locked_may_be_free_for_the_next_run(calls: CallsDatabase) -> None:
    with calls.locked(), pytest.raises(SourceUnavailableError, match=r"locked.*next run"):
        ask(calls.source())


@on_sqlite
def test_the_file_is_free_for_its_writers_once_a_page_is_read(calls: CallsDatabase) -> None:
    around_noon(calls)
    with CallDatabase(calls.source(page=1), MAPPING) as opened:
        for _ in opened.ask(NOON, 1, 162):
            calls.put({"call_id": "meanwhile", "updated": NOON})


@on_postgresql
def test_a_server_that_goes_away_meanwhile_may_be_back_for_the_next_run(
    calls: CallsDatabase,
) -> None:
    around_noon(calls)
    calls.put({"call_id": "last", "updated": NOON})
    with CallDatabase(calls.source(page=1), MAPPING) as opened:
        pages = opened.ask(NOON, 3, 162)
        next(pages)
        calls.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(SourceUnavailableError, match="does not answer"):
            next(pages)
        assert sum(1 for _ in opened.ask(NOON, 1, 162)) == 1


def test_a_server_that_does_not_answer_is_told_without_its_password() -> None:
    url = f"postgresql://reader:{SECRET}@127.0.0.1:1/calls"
    with pytest.raises(SourceUnavailableError, match="does not answer") as error:
        ask(SqlSource(query=QUERY, url=url))
    assert "postgresql://reader:***@127.0.0.1:1/calls" in str(error.value)
    assert SECRET not in str(error.value)


@on_postgresql
def test_a_database_that_is_not_there_needs_a_person(calls_url: str) -> None:
    with pytest.raises(SourceError, match="does not exist") as error:
        ask(SqlSource(query=QUERY, url=calls_url.replace("/collector_", "/no_")))
    assert not isinstance(error.value, SourceUnavailableError)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "COLLECTOR_CALLS_URL"),
        (f"calls:{SECRET}", "cannot be read"),
        (f"paradox://reader:{SECRET}@h/calls", "no kind of database"),
        (f"mssql+pymssql://reader:{SECRET}@h/calls", "pip install pymssql"),
        ("sqlite://", "sqlite:///FILE"),
        ("sqlite:////no/such/folder/calls.db", "unable to open"),
    ],
)
def test_a_url_that_is_no_use_is_told_with_what_to_do(url: str | None, said: str) -> None:
    with pytest.raises(SourceError, match=said) as error:
        ask(SqlSource(query=QUERY, url=url))
    assert SECRET not in str(error.value)
    assert not isinstance(error.value, SourceUnavailableError)


@on_sqlite
def test_a_colon_that_is_meant_as_one_is_written_with_a_backslash(calls: CallsDatabase) -> None:
    calls.put({"call_id": "a", "updated": NOON})
    (row,) = ask(calls.source(QUERY.replace("SELECT", "SELECT 'at \\:noon' AS noted,")))
    assert row["noted"] == "at :noon"


def test_the_queries_of_the_documentation_work(calls_url: str, calls_kind: str) -> None:
    section = DOCUMENT.split({"sqlite": "## SQLite", "postgresql": "## PostgreSQL"}[calls_kind])[1]
    (query, *_) = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    calls = CallsDatabase(calls_url)
    calls.execute("DROP TABLE calls")
    calls.execute(
        "CREATE TABLE calls (call_id text, started_at text, duration_s text, visitor_id text, "
        "status text, customer_project bigint, updated_at "
        + ("text)" if calls.is_sqlite else "timestamptz)")
    )
    values = {"name": "a", "project": 162, "at": calls.moment(NOON)}
    insert = (
        "INSERT INTO calls (call_id, customer_project, updated_at) VALUES (:name, :project, :at)"
    )
    calls.execute(insert, [values, {**values, "project": 163}])
    source = calls.source(query)
    assert ids(source) == ["a"]
    assert ids(source, NOON + timedelta(seconds=1)) == []


def test_nothing_is_open_after_a_run(calls: CallsDatabase) -> None:
    calls.put({"call_id": "a", "updated": NOON})
    ask(calls.source())
    if calls.is_sqlite:
        with calls.locked():  # nobody else has it
            return
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert calls.rows(others) == [(1,)]
