"""What was read is taken in whole: calls stored, refusals kept, mended ones forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.installation import Installation
from collector.domain.reading import Readings, Refusal
from collector.errors import NotFoundError
from collector.storage import installations, intake
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.storage.secrets import SecretBox

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROJECT = 162


@pytest.fixture
def installed(database: Database) -> Database:
    installation = Installation(
        project_id=PROJECT,
        integration_id=42,
        name="Shop",
        client_id="client",
        integration_version=1,
        origins=("https://shop.example",),
        region="FR",
    )
    with database.write() as connection:
        installations.add(connection, installation, "sealed", NOW)
    return database


def good(call_id: str, **changes: Any) -> Call:
    standard: dict[str, Any] = {
        "call_id": call_id, "started_at": NOW, "ended_at": None, "updated_at": None, "keys": {},
        "attributes": {},
    }  # fmt: skip
    return Call(**{**standard, **changes})


def bad(call_id: str, number: int = 1) -> Refusal:
    return Refusal(
        number=number, call_id=call_id, code="no_start", message="no start", record=f'"{call_id}"'
    )


def take_in(
    database: Database, box: SecretBox | None, readings: Readings, **changes: Any
) -> list[Stored]:
    with database.write() as connection:
        return intake.take_in(
            connection,
            PROJECT,
            readings,
            **{"source": "own", "origin": "a.csv", "now": NOW, "secrets": box, **changes},
        )


def found(database: Database, query: str) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(sa.text(query)).scalars())


REFUSED = "SELECT call_id FROM report_refused ORDER BY call_id"
CALLS = "SELECT call_id FROM report_calls ORDER BY call_id"


def test_good_ones_are_stored_and_bad_ones_kept(installed: Database, secret_key: str) -> None:
    box = SecretBox([secret_key])
    readings = Readings(calls=[good("a"), good("b"), good("a")], refusals=[bad("c")])
    assert take_in(installed, box, readings) == [Stored.NEW, Stored.NEW, Stored.UNCHANGED]
    assert found(installed, CALLS) == ["a", "b"]
    assert found(installed, REFUSED) == ["c"]


def test_a_call_that_can_be_read_at_last_is_no_longer_among_the_refused(
    installed: Database, secret_key: str
) -> None:
    box = SecretBox([secret_key])
    take_in(installed, box, Readings(refusals=[bad("a"), bad("b", 2)]))
    take_in(installed, box, Readings(calls=[good("a")]))
    assert found(installed, REFUSED) == ["b"]


def test_a_bad_record_beside_a_good_one_of_its_call_is_kept(
    installed: Database, secret_key: str
) -> None:
    """Nobody knows which of the two is the newer one, and the bad one may be it."""
    readings = Readings(calls=[good("a")], refusals=[bad("a")])
    take_in(installed, SecretBox([secret_key]), readings)
    assert (found(installed, CALLS), found(installed, REFUSED)) == (["a"], ["a"])


def test_the_same_content_again_mends_nothing_that_was_refused_since(
    installed: Database, secret_key: str
) -> None:
    """A correction could not be read, and the record of before is delivered once more."""
    box = SecretBox([secret_key])
    take_in(installed, box, Readings(calls=[good("a")]))
    take_in(installed, box, Readings(refusals=[bad("a")]))
    assert take_in(installed, box, Readings(calls=[good("a")])) == [Stored.UNCHANGED]
    assert found(installed, REFUSED) == ["a"]
    take_in(installed, box, Readings(calls=[good("a", value=1.0)]))
    assert found(installed, REFUSED) == []


@pytest.mark.parametrize("readings", [Readings(calls=[good("a")]), Readings(refusals=[bad("a")])])
def test_what_comes_after_the_installation_was_removed_is_not_stored(
    installed: Database, readings: Readings
) -> None:
    with installed.write() as connection:
        installations.remove(connection, PROJECT, with_data=True)
    with pytest.raises(NotFoundError, match="Project 162 has no installation any more"):
        take_in(installed, None, readings)
    assert found(installed, CALLS) == found(installed, REFUSED) == []


def test_what_is_too_old_goes_when_the_time_is_given(installed: Database, secret_key: str) -> None:
    box = SecretBox([secret_key])
    take_in(installed, box, Readings(refusals=[bad("a")]))
    later = NOW + timedelta(days=8)
    take_in(installed, box, Readings(refusals=[bad("b")]), now=later, kept_for=timedelta(days=7))
    assert found(installed, REFUSED) == ["b"]


def test_nothing_read_is_nothing_done(installed: Database) -> None:
    assert take_in(installed, None, Readings(passed_over=3)) == []
    assert found(installed, CALLS) == found(installed, REFUSED) == []


def test_the_analyst_sees_what_a_call_tells_besides(installed: Database) -> None:
    told = good("a", answered=True, value=12.5, caller="ab" * 32, caller_key="0a1b2c3d",
                source="twilio")  # fmt: skip
    take_in(
        installed, None, Readings(calls=[told, good("b", answered=False, value=0.0), good("c")])
    )
    with installed.read() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT call_id, source, answered, value, caller, caller_key FROM report_calls "
                "ORDER BY call_id"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("a", "twilio", True, 12.5, "ab" * 32, "0a1b2c3d"),
        ("b", "own", False, 0.0, None, None),
        ("c", "own", None, None, None, None),
    ]


def test_the_analyst_sees_what_was_refused_but_not_the_record(
    installed: Database, secret_key: str
) -> None:
    take_in(installed, SecretBox([secret_key]), Readings(refusals=[bad("c", 7)]), source="invoca")
    with installed.read() as connection:
        result = connection.execute(sa.text("SELECT * FROM report_refused"))
        (row,) = result.mappings()
    assert "record" not in row
    assert {name: row[name] for name in row if not name.endswith("_at")} == {
        "project_id": PROJECT, "source": "invoca", "origin": "a.csv", "number": 7, "call_id": "c",
        "code": "no_start", "message": "no start", "times": 1,
    }  # fmt: skip
