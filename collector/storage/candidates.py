"""Looks up the sessions that could have led to calls, for many calls at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from collector.domain import matching, objections
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SESSION_KEY, SessionId, parse_session_key
from collector.domain.matching import MOST_CANDIDATES, Candidate, Probe
from collector.domain.verdicts import Verdict
from collector.storage import facts
from collector.storage.tables import CallKeyRow, CallRow, SessionRow, SightingRow, UtcDateTime

#: Calls named in one statement.
CHUNK = 500


def of_calls(
    connection: sa.Connection, project_id: int, calls: Sequence[Call], rules: Matching
) -> dict[str, list[Candidate]]:
    """The candidates of each call by these rules, with what speaks against them."""
    probes = [probe for call in calls for probe in matching.probes(call, rules)]
    found = find(connection, project_id, probes)
    return weighed(connection, project_id, calls, found, rules)


def weighed(
    connection: sa.Connection,
    project_id: int,
    calls: Sequence[Call],
    found: Mapping[str, Sequence[Candidate]],
    rules: Matching,
) -> dict[str, list[Candidate]]:
    """Candidates that were found by these rules, with what speaks against them."""
    everyone = [item for items in found.values() for item in items]
    known = facts.gather(connection, project_id, calls, everyone, rules)
    return {
        call.call_id: [
            objections.object_to(item, call, rules, known) for item in found.get(call.call_id, ())
        ]
        for call in calls
    }


def find(
    connection: sa.Connection, project_id: int, probes: Sequence[Probe]
) -> dict[str, list[Candidate]]:
    """The candidates of each call id, for the rules that the probes stand for."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    named = [probe for probe in probes if probe.kind == SESSION_KEY]
    seen = [probe for probe in probes if probe.kind != SESSION_KEY]
    for row in _rows(connection, project_id, named, seen):
        found[row.call_id].append(_candidate(row))
    return found


def _rows(
    connection: sa.Connection, project_id: int, named: Sequence[Probe], seen: Sequence[Probe]
) -> Iterator[sa.Row[Any]]:
    if named:
        yield from connection.execute(_named_sessions(project_id, named))
    if seen and connection.dialect.name == "postgresql":
        yield from connection.execute(_sighted_on_postgresql(project_id, seen))
    elif seen:
        # SQLite has no LATERAL; a statement for each probe costs it no journey.
        for probe in seen:
            yield from connection.execute(_SIGHTED, {"project_id": project_id, **asdict(probe)})


def _candidate(row: sa.Row[Any]) -> Candidate:
    return Candidate(
        call_id=row.call_id,
        kind=row.kind,
        session=SessionId(user_id=row.user_id, session_number=row.session_number),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        key_first_seen=row.key_first_seen,
        key_last_seen=row.key_last_seen,
    )


def _sighted(project_id: Any, probe: Any) -> sa.Select[Any]:
    """The newest sightings of one probe; ``probe`` has columns or values under these names."""
    return (
        sa.select(
            probe.call_id.label("call_id"),
            SightingRow.kind,
            SightingRow.user_id,
            SightingRow.session_number,
            SessionRow.first_seen,
            SessionRow.last_seen,
            SightingRow.first_seen.label("key_first_seen"),
            SightingRow.last_seen.label("key_last_seen"),
        )
        .join(
            SessionRow,
            sa.and_(
                SessionRow.project_id == SightingRow.project_id,
                SessionRow.user_id == SightingRow.user_id,
                SessionRow.session_number == SightingRow.session_number,
            ),
        )
        .where(
            SightingRow.project_id == project_id,
            SightingRow.kind == probe.kind,
            SightingRow.value == probe.value,
            SightingRow.first_seen <= probe.sighted_by,
            SightingRow.last_seen >= probe.since,
            SessionRow.first_seen <= probe.begun_by,
        )
        .order_by(SightingRow.last_seen.desc())
        .limit(MOST_CANDIDATES)
    )


_SIGHTED = _sighted(
    sa.bindparam("project_id", type_=sa.BigInteger),
    SimpleNamespace(
        **{name: sa.bindparam(name, type_=sa.String) for name in ("call_id", "kind", "value")},
        **{
            name: sa.bindparam(name, type_=UtcDateTime)
            for name in ("since", "sighted_by", "begun_by")
        },
    ),
)


def _sighted_on_postgresql(project_id: int, probes: Sequence[Probe]) -> sa.Select[Any]:
    rows = sa.values(
        sa.column("call_id", sa.String),
        sa.column("kind", sa.String),
        sa.column("value", sa.String),
        sa.column("since", UtcDateTime),
        sa.column("sighted_by", UtcDateTime),
        sa.column("begun_by", UtcDateTime),
        name="probe",
    ).data([astuple(probe) for probe in probes])
    newest = _sighted(project_id, rows.c).lateral("newest")
    return sa.select(newest).select_from(rows).join(newest, sa.true())


def _named_sessions(project_id: int, probes: Sequence[Probe]) -> sa.Select[Any]:
    """Sessions that the calls themselves name; the session's times stand for the sighting's."""
    rows = []
    for probe in probes:
        session = parse_session_key(probe.value)
        rows.append(
            (probe.call_id, session.user_id, session.session_number, probe.since, probe.begun_by)
        )
    values = sa.values(
        sa.column("call_id", sa.String),
        sa.column("user_id", sa.String),
        sa.column("session_number", sa.Integer),
        sa.column("since", UtcDateTime),
        sa.column("begun_by", UtcDateTime),
    ).data(rows)
    named = values.cte("named")
    return (
        sa.select(
            named.c.call_id,
            sa.literal(SESSION_KEY).label("kind"),
            SessionRow.user_id,
            SessionRow.session_number,
            SessionRow.first_seen,
            SessionRow.last_seen,
            SessionRow.first_seen.label("key_first_seen"),
            SessionRow.last_seen.label("key_last_seen"),
        )
        .select_from(named)
        .join(
            SessionRow,
            sa.and_(
                SessionRow.project_id == project_id,
                SessionRow.user_id == named.c.user_id,
                SessionRow.session_number == named.c.session_number,
                SessionRow.first_seen <= named.c.begun_by,
                SessionRow.last_seen >= named.c.since,
            ),
        )
    )


def revivable(
    connection: sa.Connection,
    project_id: int,
    rules: Matching,
    *,
    since: datetime,
    started_after: datetime,
) -> list[str]:
    """The calls without a session for which one may be found, as a key was seen after ``since``."""
    shared = objections.shared_kinds(rules)
    rows = connection.execute(_seen_since(project_id, shared, since, started_after))
    found = {
        row.call_id
        for row in rows
        # Who is shown a shared key only after a call began cannot have made it.
        if row.kind not in shared or row.first_seen <= row.started_at + rules.skew
    }
    found.update(connection.execute(_named_since(project_id, since, started_after)).scalars())
    return sorted(found)


def revive(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """Have the job look at these again."""
    for start in range(0, len(call_ids), CHUNK):
        connection.execute(
            sa.update(CallRow)
            .where(
                CallRow.project_id == project_id,
                CallRow.call_id.in_(call_ids[start : start + CHUNK]),
            )
            .values(examine=True)
        )


def _without_session(project_id: int, started_after: datetime) -> tuple[Any, ...]:
    return (
        CallRow.project_id == project_id,
        CallRow.started_at > started_after,
        CallRow.verdict.in_((Verdict.UNMATCHED, Verdict.AMBIGUOUS)),
    )


def _seen_since(
    project_id: int, shared: Collection[str], since: datetime, started_after: datetime
) -> sa.Select[str, datetime, str, datetime]:
    first_seen = sa.func.min(SightingRow.first_seen, type_=SightingRow.first_seen.type)
    return (
        sa.select(
            CallRow.call_id, CallRow.started_at, SightingRow.kind, first_seen.label("first_seen")
        )
        .join(CallKeyRow, _both(CallKeyRow, CallRow, "project_id", "call_id"))
        .join(SightingRow, _both(SightingRow, CallKeyRow, "project_id", "kind", "value"))
        .where(
            *_without_session(project_id, started_after),
            SightingRow.last_seen > since,
            # One more visitor of a shared key makes nothing less ambiguous.
            sa.or_(CallRow.verdict == Verdict.UNMATCHED, SightingRow.kind.not_in(shared)),
        )
        .group_by(CallRow.call_id, CallRow.started_at, SightingRow.kind)
    )


def _named_since(project_id: int, since: datetime, started_after: datetime) -> sa.Select[Any]:
    session_key = SessionRow.user_id + "." + sa.cast(SessionRow.session_number, sa.String)
    return (
        sa.select(CallRow.call_id)
        .join(CallKeyRow, _both(CallKeyRow, CallRow, "project_id", "call_id"))
        .join(
            SessionRow,
            sa.and_(
                SessionRow.project_id == CallKeyRow.project_id, CallKeyRow.value == session_key
            ),
        )
        .where(
            *_without_session(project_id, started_after),
            CallKeyRow.kind == SESSION_KEY,
            SessionRow.first_seen > since,
        )
    )


def _both(one: Any, other: Any, *columns: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(getattr(one, name) == getattr(other, name) for name in columns))
