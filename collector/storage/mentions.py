"""Takes a forgotten person's identifiers out of what was written down about others.

An answer of the API may quote what it was about, and stands beside a batch, a call, a run; and the
evidence of a match names whoever came second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from collector.domain.person import Person
from collector.domain.tombstones import HIDDEN
from collector.domain.verdicts import Reason, State
from collector.storage import bulk
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallRow,
    EnrichmentRow,
    InstallationRow,
    PullRow,
    RefusedRecordRow,
    RunRow,
)

_RUNNER_UP = "runner_up"

#: What is gone through can be long.
_BY_AND_BY = {"yield_per": 1000}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """One value that is to be written anew: the row's key, and what then stands there."""

    row: Any
    key: tuple[Any, ...]
    column: str
    value: Any


def find(
    connection: sa.Connection, project_id: int, person: Person, clean: Callable[[str], str]
) -> list[Mention]:
    """What names a person, in rows that stay.

    Args:
        clean: takes the person's identifiers out of a text.
    """
    return [
        *_runners_up(connection, project_id, person),
        *_of_batches(connection, project_id, person),
        *_in_texts(connection, project_id, clean),
        *_in_runs(connection, clean),
    ]


def write(connection: sa.Connection, mentions: list[Mention]) -> int:
    """Write these anew; how many there were in rows that still stand."""
    written = 0
    for one in mentions:
        keys = one.row.__table__.primary_key.columns
        written += connection.execute(
            sa.update(one.row)
            .where(*(column == value for column, value in zip(keys, one.key, strict=True)))
            .values({one.column: one.value})
        ).rowcount
    return written


def _runners_up(connection: sa.Connection, project_id: int, person: Person) -> Iterator[Mention]:
    second = CallRow.evidence[_RUNNER_UP].as_string()
    for some in bulk.in_parts(sorted(person.user_ids)):
        is_theirs = sa.or_(*(second.startswith(f"{one}.", autoescape=True) for one in some))
        found = connection.execute(
            sa.select(CallRow.call_id, second, CallRow.evidence).where(
                CallRow.project_id == project_id, second.is_not(None), is_theirs
            ),
            execution_options=_BY_AND_BY,
        )
        for call_id, session_key, evidence in found:
            # User ids may contain dots, and SQLite knows no difference between a and A.
            if session_key.rpartition(".")[0] in some and call_id not in person.call_ids:
                anew = {**evidence, _RUNNER_UP: HIDDEN}
                yield Mention(row=CallRow, key=(project_id, call_id), column="evidence", value=anew)


def _of_batches(connection: sa.Connection, project_id: int, person: Person) -> Iterator[Mention]:
    """What the API said of an enrichment alone can quote any of its fields."""
    if not person.call_ids:
        return
    calls = bulk.one_of(EnrichmentRow.call_id, sorted(person.call_ids), connection.dialect.name)
    for (batch_id,) in connection.execute(
        sa.select(EnrichmentRow.batch_id).where(
            EnrichmentRow.project_id == project_id,
            calls,
            EnrichmentRow.state == State.REJECTED,
            EnrichmentRow.batch_id.is_not(None),
        )
    ):
        yield Mention(row=BatchRow, key=(project_id, batch_id), column="message", value=HIDDEN)


def _in_texts(
    connection: sa.Connection, project_id: int, clean: Callable[[str], str]
) -> Iterator[Mention]:
    about_answers = CallRow.reason.in_((Reason.REFUSED_BY_API, Reason.POSTPONED))
    texts: tuple[tuple[Any, Any, sa.ColumnElement[bool]], ...] = (
        (BatchRow, BatchRow.message, BatchRow.message != ""),
        (CallRow, CallRow.detail, about_answers),
        (InstallationRow, InstallationRow.problem, InstallationRow.problem.is_not(None)),
        (PullRow, PullRow.problem, PullRow.problem.is_not(None)),
        (BeaconCountRow, BeaconCountRow.detail, BeaconCountRow.detail != ""),
        (RefusedRecordRow, RefusedRecordRow.message, sa.true()),
    )
    for row, column, condition in texts:
        keys = list(row.__table__.primary_key.columns)
        of_project = keys[0].in_((project_id, NO_PROJECT))
        query = sa.select(*keys, column).where(of_project, condition)
        for *key, text in connection.execute(query, execution_options=_BY_AND_BY):
            if (changed := clean(text)) != text:
                yield Mention(row=row, key=tuple(key), column=column.key, value=changed)


def _in_runs(connection: sa.Connection, clean: Callable[[str], str]) -> Iterator[Mention]:
    """A run is of no project, and what went wrong for one stands among its counts."""
    rows = connection.execute(
        sa.select(RunRow.run_id, sa.cast(RunRow.counts, sa.Text)), execution_options=_BY_AND_BY
    )
    for run_id, text in rows:
        if (changed := clean(text)) != text:
            yield Mention(row=RunRow, key=(run_id,), column="counts", value=json.loads(changed))
