"""Refused records are kept within bounds, once each, unreadable, until their call can be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.reading import Refusal
from collector.storage import refusals, refused
from collector.storage.database import Database
from collector.storage.refused import Chosen
from collector.storage.secrets import SecretBox, generate_key

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROJECT = 162


@pytest.fixture
def box(secret_key: str) -> SecretBox:
    return SecretBox([secret_key])


def bad(number: int = 5, call_id: str | None = "c-1", **changes: Any) -> Refusal:
    standard = Refusal(
        number=number,
        call_id=call_id,
        code="bad_time",
        message="column 'started': 'yesterday' is not an ISO 8601 time",
        record=f'{{"call_id": "{call_id}", "started": "yesterday"}}',
    )
    return replace(standard, **changes)


def keep(database: Database, *found: Refusal, secrets: SecretBox | None, **changes: Any) -> None:
    with database.write() as connection:
        refusals.keep(
            connection,
            **{
                "project_id": PROJECT,
                "refusals": found,
                "source": "own",
                "origin": "calls.csv",
                "now": NOW,
                "secrets": secrets,
                **changes,
            },
        )


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        query = sa.text("SELECT * FROM report_refused ORDER BY refused_at, number")
        return list(connection.execute(query))


def records(
    database: Database, box: SecretBox, limit: int | None = None, **chosen: Any
) -> list[str | None]:
    found = refused.opened(database, Chosen(**{"project_id": PROJECT, **chosen}), box, limit)
    return [one.text for one in found]


def count(database: Database, **chosen: Any) -> int:
    with database.read() as connection:
        return refused.count(connection, Chosen(**chosen))


def test_a_refusal_says_where_it_stood_and_why(database: Database, box: SecretBox) -> None:
    keep(database, bad(), secrets=box)
    with database.read() as connection:
        (found,) = refused.newest(connection, Chosen(), 10)
    assert found == refused.Refused(
        project_id=PROJECT,
        refused_at=NOW,
        first_at=NOW,
        source="own",
        origin="calls.csv",
        number=5,
        call_id="c-1",
        code="bad_time",
        message="column 'started': 'yesterday' is not an ISO 8601 time",
        times=1,
    )


def test_the_record_is_unreadable_in_the_database_and_opens_as_it_came(
    database: Database, box: SecretBox
) -> None:
    came = '{"agent": "Zoé\\ud83d", "caller": "0199001234"}'
    keep(database, bad(record=came), secrets=box)
    with database.read() as connection:
        (stored,) = connection.execute(sa.text("SELECT record FROM refused_record")).scalars()
    assert "0199001234" not in stored
    assert records(database, box) == [came]


def test_the_same_record_again_is_counted_and_not_doubled(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(5), bad(7), secrets=box)
    later = NOW + timedelta(days=1)
    keep(
        database, bad(6, code="bad_duration", message="another"), secrets=box, now=later,
        origin="tuesday.csv", source="twilio",
    )  # fmt: skip
    with database.read() as connection:
        (found,) = refused.newest(connection, Chosen(), 10)
    assert (found.times, found.first_at, found.refused_at) == (3, NOW, later)
    assert (found.origin, found.number, found.source) == ("tuesday.csv", 6, "twilio")
    assert (found.code, found.message) == ("bad_duration", "another")


def test_two_records_without_an_id_from_the_same_place_are_two(
    database: Database, box: SecretBox
) -> None:
    """Each request of a webhook has one record, whose place is 0."""
    for text in ('{"started": "1"}', '{"started": "2"}'):
        keep(database, bad(0, None, record=text), secrets=box, origin="/v1/calls")
    assert set(records(database, box)) == {'{"started": "1"}', '{"started": "2"}'}


def test_unreadable_lines_of_which_nothing_is_left_are_told_apart_by_their_place(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(1, None, record=""), bad(2, None, record=""), secrets=box)
    assert count(database) == 2


def test_without_a_key_the_reason_is_kept_and_the_record_is_not(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(), secrets=None)
    keep(database, bad(), secrets=None)
    with database.read() as connection:
        (counted,) = refused.counts(connection, Chosen())
    assert (counted.records, counted.times, counted.without_record) == (1, 2, 1)
    assert records(database, box) == [None]


def test_a_record_is_kept_whole_or_not_at_all(database: Database, box: SecretBox) -> None:
    longest = "x" * refusals.MAX_RECORD
    keep(database, bad(1, record=longest), bad(2, record=longest + "x"), secrets=box)
    assert sorted(map(str, records(database, box))) == ["None", longest]
    with database.read() as connection:
        (counted,) = refused.counts(connection, Chosen())
    assert (counted.records, counted.without_record) == (2, 1)


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("a/" * 200 + "calls.csv", ("a/" * 200 + "calls.csv")[-300:]),
        ("calls-\udce9.csv", "calls-\\udce9.csv"),
    ],
)
def test_any_name_of_a_file_is_kept(
    database: Database, box: SecretBox, origin: str, shown: str
) -> None:
    keep(database, bad(), secrets=box, origin=origin)
    (found,) = rows(database)
    assert found.origin == shown


def test_a_reason_that_quotes_a_number_is_kept_without_it(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(message="column 'started': '+33 1 99 00 12 34' is no time"), secrets=box)
    (found,) = rows(database)
    assert found.message == "column 'started': '[number hidden]' is no time"


@pytest.mark.parametrize(
    ("call_id", "kept"),
    [
        ("+33199001234", None),
        ("01 99 00 12 34", None),
        ("(202) 555-0123", None),
        ("0199001234", "0199001234"),  # an id may well be nothing but digits
        ("2026-0301-0001", "2026-0301-0001"),
        ("call 7", "call 7"),
    ],
)
def test_a_number_where_the_id_should_be_is_not_kept(
    database: Database, box: SecretBox, call_id: str, kept: str | None
) -> None:
    keep(database, bad(1, call_id), secrets=box)
    assert [row.call_id for row in rows(database)] == [kept]


def test_beyond_the_most_that_are_kept_the_oldest_go(
    database: Database, box: SecretBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MAX_KEPT", 3)
    for day in range(5):
        found = bad(day, None, record=str(day))
        keep(database, found, secrets=box, now=NOW + timedelta(days=day))
        keep(database, found, secrets=box, now=NOW + timedelta(days=day), project_id=163)
    assert records(database, box) == ["2", "3", "4"]
    assert count(database, project_id=163) == 3
    # What is refused again is not old.
    keep(database, bad(2, None, record="2"), secrets=box, now=NOW + timedelta(days=6))
    keep(database, bad(5, None, record="5"), secrets=box, now=NOW + timedelta(days=7))
    assert records(database, box) == ["4", "2", "5"]


def test_what_was_refused_too_long_ago_goes_when_something_is_kept(
    database: Database, box: SecretBox
) -> None:
    kept_for = timedelta(days=30)
    keep(database, bad(1, None, record="1"), secrets=box)
    keep(database, bad(2, None, record="2"), secrets=box, now=NOW + timedelta(days=1))
    now = NOW + kept_for + timedelta(hours=1)
    keep(database, bad(3, None, record="3"), secrets=box, now=now, kept_for=kept_for)
    assert records(database, box) == ["2", "3"]


def test_calls_that_can_be_read_are_forgotten_and_no_others(
    database: Database, box: SecretBox
) -> None:
    many = [bad(number, f"c-{number}") for number in range(1200)]
    keep(database, *many, bad(1200, None, record="nothing"), secrets=box)
    keep(database, bad(0, "c-0"), secrets=box, project_id=163)
    with database.write() as connection:
        refusals.forget(connection, PROJECT, {f"c-{number}" for number in range(1, 1300)})
    assert [row.call_id for row in rows(database) if row.project_id == PROJECT] == ["c-0", None]
    assert count(database, project_id=163) == 1


def test_they_are_chosen_by_project_code_source_and_time(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(1, "a"), secrets=box)
    keep(database, bad(2, "b", code="no_start"), secrets=box, now=NOW + timedelta(hours=1))
    keep(database, bad(3, "c"), secrets=box, source="twilio", now=NOW + timedelta(hours=2))
    keep(database, bad(4, "d"), secrets=box, project_id=163, now=NOW + timedelta(hours=3))

    def chosen(**filters: Any) -> list[str | None]:
        with database.read() as connection:
            found = refused.newest(connection, Chosen(**filters), 10)
        assert count(database, **filters) == len(found)
        return [one.call_id for one in found]

    assert chosen() == ["d", "c", "b", "a"]
    assert chosen(project_id=PROJECT) == ["c", "b", "a"]
    assert chosen(code="no_start") == ["b"]
    assert chosen(source="twilio") == ["c"]
    assert chosen(since=NOW + timedelta(hours=2)) == ["d", "c"]
    assert chosen(until=NOW + timedelta(hours=1)) == ["b", "a"]
    with database.read() as connection:
        counted = [(one.project_id, one.code, one.records, one.refused_at)
                   for one in refused.counts(connection, Chosen())]  # fmt: skip
        assert len(refused.newest(connection, Chosen(), 2)) == 2
    assert counted == [
        (PROJECT, "bad_time", 2, NOW + timedelta(hours=2)),
        (PROJECT, "no_start", 1, NOW + timedelta(hours=1)),
        (163, "bad_time", 1, NOW + timedelta(hours=3)),
    ]


def test_records_come_in_the_order_of_their_refusal_so_that_the_last_one_wins(
    database: Database, box: SecretBox
) -> None:
    """More than one page of them, of which a limit leaves the newest."""
    keep(
        database, *(bad(number, None, record=f"{number:03}") for number in range(450)), secrets=box
    )
    keep(database, bad(0, None, record="newest"), secrets=box, now=NOW + timedelta(days=1))
    everything = [f"{number:03}" for number in range(450)] + ["newest"]
    assert records(database, box) == everything
    assert records(database, box, limit=3) == everything[-3:]


def test_what_is_cleared_is_what_was_chosen(database: Database, box: SecretBox) -> None:
    keep(database, bad(1, "a"), bad(2, "b", code="no_start"), secrets=box)
    keep(database, bad(1, "a"), secrets=box, project_id=163)
    with database.write() as connection:
        assert refused.clear(connection, Chosen(code="bad_time", until=NOW)) == 2
    assert [row.call_id for row in rows(database)] == ["b"]


def test_records_are_resealed_page_by_page_and_what_no_key_opens_is_left(
    database: Database, box: SecretBox, secret_key: str
) -> None:
    keep(database, *(bad(number, None, record=str(number)) for number in range(450)), secrets=box)
    keep(database, bad(7, "c", record="other project"), secrets=box, project_id=163)
    keep(database, bad(8, "c"), secrets=None)
    lost = SecretBox([generate_key()])
    keep(database, bad(9, "c", record="lost"), secrets=lost)
    new = generate_key()
    assert refused.reseal(database, SecretBox([new, secret_key])) == (451, 1)
    opened = records(database, SecretBox([new]))
    assert {text for text in opened if text is not None} == {str(number) for number in range(450)}
    assert records(database, SecretBox([new]), project_id=163) == ["other project"]
    assert "lost" in records(database, lost)


def test_the_same_record_has_another_mark_in_another_project(
    database: Database, box: SecretBox
) -> None:
    keep(database, bad(), secrets=box)
    keep(database, bad(), secrets=box, project_id=163)
    with database.read() as connection:
        ids = connection.execute(sa.text("SELECT refusal_id FROM refused_record")).scalars().all()
    assert len(set(ids)) == 2
