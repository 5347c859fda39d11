"""Looks up the sessions that could have led to calls, for many calls at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from collector.domain import matching, objections
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SESSION_KEY, SessionId, parse_session_key
from collector.domain.matching import Candidate, Probe
from collector.domain.objections import Objector
from collector.domain.verdicts import Verdict
from collector.storage import around, facts
from collector.storage.given import INTEGER, MOMENT, TEXT, Given
from collector.storage.preparing import as_text
from collector.storage.tables import (
    WITHOUT_SESSION,
    CallKeyRow,
    CallRow,
    SessionRow,
    SightingRow,
    UtcDateTime,
)


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
    objector = Objector(rules, known)
    return {
        call.call_id: [objector.object_to(item, call) for item in found.get(call.call_id, ())]
        for call in calls
    }


def find(
    connection: sa.Connection, project_id: int, probes: Sequence[Probe]
) -> dict[str, list[Candidate]]:
    """The candidates of each call id, for the rules that the probes stand for."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    for row in _rows(connection, project_id, probes):
        call_id, kind, user_id, session_number, begun, ended, key_begun, key_ended = row
        found[call_id].append(
            Candidate(
                call_id=call_id,
                kind=kind,
                session=SessionId(user_id=user_id, session_number=session_number),
                first_seen=begun,
                last_seen=ended,
                key_first_seen=key_begun,
                key_last_seen=key_ended,
            )
        )
    return found


def _rows(
    connection: sa.Connection, project_id: int, probes: Sequence[Probe]
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    named = [_naming(probe) for probe in probes if probe.kind == SESSION_KEY]
    seen = [_seeing(probe) for probe in probes if probe.kind != SESSION_KEY]
    dialect = connection.dialect.name
    for (query, given), rows in ((_named_sessions(dialect), named), (_sighted(dialect), seen)):
        if rows:
            yield from connection.execute(query, given.bind(project_id, rows)).all()


def _naming(probe: Probe) -> tuple[Any, ...]:
    session = parse_session_key(probe.value)
    since, begun_by = as_text(probe.since), as_text(probe.begun_by)
    return probe.call_id, session.user_id, session.session_number, since, begun_by


def _seeing(probe: Probe) -> tuple[Any, ...]:
    reach, hour_before = probe.sighted_by + around.LONG, probe.begun_by - around.LONG
    moments = (probe.since, probe.sighted_by, reach, probe.begun_by, hour_before)
    return (probe.call_id, probe.kind, probe.value, *map(as_text, moments))


@cache
def _sighted(dialect: str) -> tuple[sa.Executable, Given]:
    """For each probe the newest sightings that fit it."""
    texts = dict.fromkeys(("call_id", "kind", "value"), TEXT)
    moments = dict.fromkeys(("since", "sighted_by", "reach", "begun_by", "hour_before"), MOMENT)
    probe = Given(dialect, {**texts, **moments}, name="probe")
    newest = around.newest(probe, dialect)
    if dialect == "postgresql":
        found = newest.lateral("seen")
        session = _session_of(found)
        query = sa.select(probe.c["call_id"], *_told(found.c, session.c))
        query = query.join_from(probe.table, found, sa.true()).join(session, sa.true())
        return query, probe
    # SQLite has no LATERAL, but looks into a list of rows that depends on the probe.
    seen = orm.aliased(SightingRow, name="seen")
    row = sa.literal_column("seen.rowid", sa.Integer)
    query = (
        sa.select(probe.c["call_id"], *_told(seen, SessionRow))
        .select_from(probe.table)
        .join(seen, row.in_(sa.select(newest.subquery().c.place)))
        .join(SessionRow, _both(SessionRow, seen, "project_id", "user_id", "session_number"))
    )
    return query, probe


def _told(seen: Any, session: Any) -> tuple[sa.ColumnElement[Any], ...]:
    return (
        seen.kind,
        seen.user_id,
        seen.session_number,
        session.first_seen,
        session.last_seen,
        seen.first_seen.label("key_first_seen"),
        seen.last_seen.label("key_last_seen"),
    )


def _session_of(seen: Any) -> Any:
    """Looked up for each sighting: PostgreSQL could as well read all sessions for a few of them."""
    return (
        sa.select(SessionRow.first_seen, SessionRow.last_seen)
        .where(_both(SessionRow, seen.c, "project_id", "user_id", "session_number"))
        .limit(sa.literal_column("1", sa.Integer))
        .correlate(seen)
        .lateral("session_of")
    )


@cache
def _named_sessions(dialect: str) -> tuple[sa.Executable, Given]:
    """Sessions that the calls themselves name; the session's times stand for the sighting's."""
    columns = {"call_id": TEXT, "user_id": TEXT, "session_number": INTEGER}
    named = Given(dialect, {**columns, "since": MOMENT, "begun_by": MOMENT}, name="named")
    query = (
        sa.select(
            named.c["call_id"],
            sa.literal_column(f"'{SESSION_KEY}'").label("kind"),
            SessionRow.user_id,
            SessionRow.session_number,
            SessionRow.first_seen,
            SessionRow.last_seen,
            SessionRow.first_seen.label("key_first_seen"),
            SessionRow.last_seen.label("key_last_seen"),
        )
        .select_from(named.table)
        .join(
            SessionRow,
            sa.and_(
                SessionRow.project_id == named.project_id,
                SessionRow.user_id == named.c["user_id"],
                SessionRow.session_number == named.c["session_number"],
                SessionRow.first_seen <= named.c["begun_by"],
                SessionRow.last_seen >= named.c["since"],
            ),
        )
    )
    return query, named


def revivable(
    connection: sa.Connection,
    project_id: int,
    rules: Matching,
    *,
    since: datetime,
    started_after: datetime,
) -> list[str]:
    """The calls without a session for which one may be found, as a key was seen after ``since``."""
    shared = objections.shared_kinds(rules) - {SESSION_KEY}
    told = {"since": since, "started_after": started_after, "shared": sorted(shared)}
    found = {
        row.call_id
        for row in connection.execute(_seen_since(), {"project": project_id, **told})
        # Who is shown a shared key only after a call began cannot have made it.
        if row.kind not in shared or row.first_seen <= row.started_at + rules.skew
    }
    return sorted(found)


def revive(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """Have the job look at these again."""
    if not call_ids:
        return
    given = Given(connection.dialect.name, {"call_id": TEXT})
    connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == given.project_id, CallRow.call_id == given.c["call_id"])
        .values(examine=True),
        given.bind(project_id, [(call_id,) for call_id in call_ids]),
    )


@cache
def _seen_since() -> sa.Select[Any]:
    """Keys of calls without a session that were seen since.

    What was seen is gathered first: else each of many calls would be held against each of the
    many sightings of a popular number. So are the calls: by that number there are thousands.
    """
    project = sa.bindparam("project", type_=sa.BigInteger())
    since = sa.bindparam("since", type_=UtcDateTime())
    sighted = (
        sa.select(
            SightingRow.kind,
            SightingRow.value,
            sa.func.min(SightingRow.first_seen, type_=UtcDateTime()).label("first_seen"),
        )
        .where(SightingRow.project_id == project, SightingRow.last_seen > since)
        .group_by(SightingRow.kind, SightingRow.value)
    )
    session_key = SessionRow.user_id + "." + sa.cast(SessionRow.session_number, sa.String)
    kind = sa.literal_column(f"'{SESSION_KEY}'", sa.String())
    named = sa.select(kind, session_key, SessionRow.first_seen).where(
        SessionRow.project_id == project, SessionRow.first_seen > since
    )
    keys = (
        sa.select(
            CallRow.call_id, CallRow.started_at, CallRow.verdict, CallKeyRow.kind, CallKeyRow.value
        )
        .join(CallKeyRow, _both(CallKeyRow, CallRow, "project_id", "call_id"))
        .where(
            CallRow.project_id == project,
            CallRow.started_at > sa.bindparam("started_after", type_=UtcDateTime()),
            sa.text(WITHOUT_SESSION),
        )
    )
    seen, missing = _gathered(sa.union_all(sighted, named), "seen"), _gathered(keys, "missing")
    shared = sa.bindparam("shared", expanding=True, type_=sa.String())
    return (
        sa.select(missing.c.call_id, missing.c.started_at, seen.c.kind, seen.c.first_seen)
        .join_from(missing, seen, _both(missing.c, seen.c, "kind", "value"))
        # One more visitor of a shared key makes nothing less ambiguous.
        .where(sa.or_(missing.c.verdict == Verdict.UNMATCHED, seen.c.kind.not_in(shared)))
    )


def _gathered(query: sa.SelectBase, name: str) -> sa.CTE:
    return query.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _both(one: Any, other: Any, *columns: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(getattr(one, name) == getattr(other, name) for name in columns))
