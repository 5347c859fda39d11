"""The sightings of a key around a call, by walks that stay short however many are stored of it.

Anybody can post sessions, a million of them with one tracking number. So no walk goes through more
than `MOST_WALKED` sightings that do not fit. What was last seen up to the call fits as it stands.
What was seen later fits if it had begun before, and is walked to from the side of its end. If too
many stand there, the sightings of a shared key are walked to from the side of their beginning: who
floods a number after a call does not hide its caller, nor does who floods it before. Where that is
too much as well, what was walked through is told as it is, and that is more than `MOST_CANDIDATES`:
whoever was not come to could have been the caller.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.matching import MOST_CANDIDATES
from collector.storage.given import Given
from collector.storage.tables import SessionRow, SightingRow

#: A sighting that lasted longer stands in the index of long ones.
LONG = timedelta(hours=1)

#: So many sightings are gone through at a time in search of those that fit. Whoever has as many
#: within an hour before a call and within an hour after has several within minutes of it.
MOST_WALKED = 200

#: The same of long ones, which are gone through up to today.
MOST_LONG = 1000

_TOLD = ("project_id", "kind", "user_id", "session_number", "first_seen", "last_seen")

_NO = sa.literal_column("0", sa.Integer)

_SIGHTING = SightingRow.__table__
_SESSION = SessionRow.__table__


def newest(probe: Given, dialect: str) -> sa.Select[Any]:
    """The newest sightings that fit one probe, for use beside its table.

    SQLite also tells the ``place`` of each, which is its row's.
    """
    walks = _Walks(probe, dialect)
    found = sa.union(walks.before(), walks.later(), walks.spanning(), walks.long()).subquery()
    neither = sa.func.max(found.c.is_from_end).over() + sa.func.max(found.c.is_from_start).over()
    both = sa.select(found, neither.label("cut_off")).subquery()
    is_kept = sa.or_(both.c.is_from_end + both.c.is_from_start == _NO, both.c.cut_off == _number(2))
    kept = sa.select(*(both.c[column.name] for column in walks.columns(both)))
    return kept.where(is_kept).order_by(both.c.last_seen.desc()).limit(_number(MOST_CANDIDATES))


class _Walks:
    """One walk for each way in which a sighting can fit.

    Of a shared key two of them lead to the same, from the side of its end and of its beginning. One
    of these that was cut off marks what it tells by that side; it counts only if both were.
    """

    def __init__(self, probe: Given, dialect: str) -> None:
        self._probe = probe
        self._is_sqlite = dialect == "sqlite"
        #: Whoever is told a shared key after the call, but for the skew, is somebody else.
        self._is_shared = probe.c["sighted_by"] == probe.c["begun_by"]

    def columns(self, seen: Any) -> list[sa.ColumnElement[Any]]:
        """What is told of a sighting."""
        return [seen.c[name] for name in (*_TOLD, *(["place"] if self._is_sqlite else []))]

    def before(self) -> sa.Select[Any]:
        """What was last seen up to the call: whichever these are, they fit."""
        seen = _SIGHTING.alias("before")
        since, until = self._probe.c["since"], self._probe.c["begun_by"]
        rows = self._walk(seen, "last_seen", since=since, until=until, newest_first=True)
        return self._those(self._counted(rows, MOST_CANDIDATES, "before_walked"))

    def later(self) -> sa.Select[Any]:
        """What was last seen within the hour after, or of a personal key within its days."""
        seen = _SIGHTING.alias("later")
        since, until = self._probe.c["begun_by"], self._probe.c["reach"]
        rows = self._walk(seen, "last_seen", since=since, until=until).where(
            seen.c.last_seen > since, sa.not_(self._is_long(seen))
        )
        walked = self._counted(rows, MOST_WALKED, "ended")
        is_cut_off = walked.c.walked >= _number(MOST_WALKED)
        is_unsure = sa.and_(is_cut_off, self._is_shared)
        return self._those(walked, is_cut_off, self._had_begun(walked), is_from_end=is_unsure)

    def spanning(self) -> sa.Select[Any]:
        """The same of a shared key, by when it had begun."""
        seen = _SIGHTING.alias("spanning")
        since, until = self._probe.c["hour_before"], self._probe.c["begun_by"]
        rows = self._walk(seen, "first_seen", since=since, until=until, newest_first=True).where(
            seen.c.last_seen > seen.c.first_seen, self._is_shared
        )
        walked = self._counted(rows, MOST_WALKED, "begun")
        is_cut_off = walked.c.walked >= _number(MOST_WALKED)
        ended_later = sa.and_(
            walked.c.last_seen > until,
            walked.c.last_seen <= self._probe.c["reach"],
            sa.not_(self._is_long(walked)),
        )
        return self._those(walked, is_cut_off, ended_later, is_from_start=is_cut_off)

    def long(self) -> sa.Select[Any]:
        """What lasted long and ended later."""
        seen = _SIGHTING.alias("long")
        rows = self._walk(seen, "last_seen", since=self._probe.c["begun_by"])
        rows = rows.where(seen.c.last_seen > self._probe.c["begun_by"], self._is_long(seen))
        walked = self._counted(rows, MOST_LONG, "lasting")
        is_cut_off = walked.c.walked >= _number(MOST_LONG)
        return self._those(walked, is_cut_off, self._had_begun(walked))

    def _those(
        self,
        walked: sa.Subquery,
        *either: sa.ColumnElement[bool],
        is_from_end: sa.ColumnElement[bool] | None = None,
        is_from_start: sa.ColumnElement[bool] | None = None,
    ) -> sa.Select[Any]:
        rows = sa.select(
            *self.columns(walked),
            _mark(is_from_end).label("is_from_end"),
            _mark(is_from_start).label("is_from_start"),
        ).correlate(self._probe.table)
        return rows.where(sa.or_(*either)) if either else rows

    def _walk(
        self,
        seen: Any,
        by: str,
        *,
        since: sa.ColumnElement[Any],
        until: sa.ColumnElement[Any] | None = None,
        newest_first: bool = False,
    ) -> sa.Select[Any]:
        """Sightings of the probe's key, in the order of an index that leads with it."""
        columns = [seen.c[name] for name in _TOLD]
        if self._is_sqlite:
            columns.append(sa.literal_column(f"{seen.name}.rowid", sa.Integer).label("place"))
        rows = sa.select(*columns).where(seen.c.project_id == self._probe.project_id)
        kind, value, moment = seen.c.kind, seen.c.value, seen.c[by]
        probe_key = (self._probe.c["kind"], self._probe.c["value"])
        order: tuple[sa.ColumnElement[Any], ...]
        if self._is_sqlite:
            order = (moment,)
            rows = rows.where(kind == probe_key[0], value == probe_key[1], moment >= since)
            rows = rows if until is None else rows.where(moment <= until)
        else:
            # Compared and ordered as one: else PostgreSQL, where a flood has made one key the
            # most frequent by far, goes through all keys of the time in search of another.
            order = (kind, value, moment)
            last = self._infinity() if until is None else until
            rows = rows.where(
                sa.tuple_(*order) >= sa.tuple_(*probe_key, since),
                sa.tuple_(*order) <= sa.tuple_(*probe_key, last),
            )
        directed = [column.desc() for column in order] if newest_first else order
        return rows.order_by(*directed).correlate(self._probe.table)

    def _infinity(self) -> sa.ColumnElement[Any]:
        return sa.literal_column("timestamptz 'infinity'", self._probe.c["since"].type)

    def _counted(self, rows: sa.Select[Any], most: int, name: str) -> sa.Subquery:
        """As many of these as are walked through, each with their number."""
        some = rows.limit(_number(most)).subquery(f"{name}_some")
        return sa.select(some, sa.func.count().over().label("walked")).subquery(name)

    def _had_begun(self, seen: sa.Subquery) -> sa.ColumnElement[bool]:
        """Whether sighting and session had begun as early as the probe asks."""
        session = _SESSION.alias(f"{seen.name}_session")
        # A scalar, so that it is looked up for each: else PostgreSQL may read all sessions.
        begun = (
            sa.select(session.c.first_seen)
            .where(
                session.c.project_id == seen.c.project_id,
                session.c.user_id == seen.c.user_id,
                session.c.session_number == seen.c.session_number,
            )
            .correlate(seen)
            .scalar_subquery()
        )
        return sa.and_(
            seen.c.first_seen <= self._probe.c["sighted_by"], begun <= self._probe.c["begun_by"]
        )

    def _is_long(self, seen: Any) -> sa.ColumnElement[bool]:
        """As the index of long ones says it."""
        if self._is_sqlite:
            days = sa.func.julianday(seen.c.last_seen) - sa.func.julianday(seen.c.first_seen)
            return days > sa.literal_column("0.04")
        hour = sa.literal_column("interval '1 hour'", sa.Interval)
        lasted: sa.ColumnElement[Any] = seen.c.last_seen - seen.c.first_seen
        return lasted > hour


def _mark(which: sa.ColumnElement[bool] | None) -> sa.ColumnElement[int]:
    return _NO if which is None else sa.case((which, _number(1)), else_=_NO)


def _number(number: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(number), sa.Integer)
