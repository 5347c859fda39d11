"""The sightings of a key around a call, by walks that stay short however many are stored of it.

Anybody can post sessions, a million of them with one tracking number. So no walk goes through more
than `MOST_WALKED` sightings that do not fit. What was last seen up to the call fits as it stands.
What ended later fits if it had begun before, and is walked to from the side of its end. If too many
stand there, the short sightings of a shared key are walked to from the side of their beginning:
whoever floods a number after a call does not hide its caller, nor does who did it before. Where
that is too much as well, what was walked through is told as it is, and is more than
`MOST_CANDIDATES`: whoever was not come to could have been the caller.
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

#: So many sightings are gone through at a time in search of those that fit.
MOST_WALKED = 1000

#: What is told of each.
TOLD = (
    "kind", "user_id", "session_number", "first_seen", "last_seen", "key_first_seen",
    "key_last_seen",
)  # fmt: skip

_OF_SIGHTING = (
    "project_id", "kind", "user_id", "session_number", "first_seen", "last_seen",
)  # fmt: skip

_MOST = sa.literal_column(str(MOST_CANDIDATES), sa.Integer)
_WALKED = sa.literal_column(str(MOST_WALKED), sa.Integer)


def newest(probe: Given, dialect: str) -> sa.Select[Any]:
    """The newest sightings that fit one probe, for use beside its table.

    Columns: `TOLD`, or for SQLite the row's ``place``, and ``key_last_seen``.
    """
    walks = _Walks(probe, dialect)
    either = sa.union_all(walks.before(), walks.later(), walks.spanning(), walks.long()).subquery()
    return sa.select(either).order_by(either.c.key_last_seen.desc()).limit(_MOST)


class _Walks:
    """One walk for each way in which a sighting can fit; no sighting is found by two of them."""

    def __init__(self, probe: Given, dialect: str) -> None:
        self._probe = probe
        self._is_sqlite = dialect == "sqlite"
        # Somebody else's later on, but for the skew.
        self._is_shared = probe.c["sighted_by"] == probe.c["begun_by"]

    def before(self) -> sa.Select[Any]:
        """What was last seen up to the call: whichever these are, they fit."""
        seen = SightingRow.__table__.alias("before")
        rows = (
            self._of_key(seen)
            .where(
                seen.c.last_seen >= self._probe.c["since"],
                seen.c.last_seen <= self._probe.c["begun_by"],
            )
            .order_by(seen.c.last_seen.desc())
            .limit(_MOST)
        )
        return self._told(rows.subquery())

    def later(self) -> sa.Select[Any]:
        """What ended within the hour after, or of a personal key within its days."""
        walked = self._ended_later("later")
        is_cut_off = walked.c.walked >= _WALKED
        return self._told(
            walked,
            sa.and_(sa.not_(is_cut_off), walked.c.first_seen <= self._probe.c["sighted_by"]),
            anyhow=sa.and_(is_cut_off, sa.not_(self._is_shared)),
        )

    def spanning(self) -> sa.Select[Any]:
        """The same of a shared key, where too many ended later: by when they had begun."""
        seen = SightingRow.__table__.alias("spanning")
        walked = self._counted(
            self._of_key(seen)
            .where(
                seen.c.last_seen > seen.c.first_seen,
                seen.c.first_seen >= self._probe.c["hour_before"],
                seen.c.first_seen <= self._probe.c["sighted_by"],
                self._is_shared,
                self._others() >= _WALKED,
            )
            .order_by(seen.c.first_seen.desc()),
            "begun",
        )
        fits = sa.and_(
            walked.c.last_seen > self._probe.c["begun_by"], sa.not_(self._is_long(walked))
        )
        return self._told(walked, fits, anyhow=walked.c.walked >= _WALKED)

    def long(self) -> sa.Select[Any]:
        """What lasted long and ended later."""
        seen = SightingRow.__table__.alias("long")
        walked = self._counted(
            self._of_key(seen)
            .where(seen.c.last_seen > self._probe.c["begun_by"], self._is_long(seen))
            .order_by(seen.c.last_seen),
            "lasting",
        )
        fits = walked.c.first_seen <= self._probe.c["sighted_by"]
        return self._told(walked, fits, anyhow=walked.c.walked >= _WALKED)

    def _others(self) -> sa.ScalarSelect[int]:
        """How many ended within the hour after, as far as they are walked through."""
        beside = self._ended_later("beside")
        count = sa.select(sa.func.count()).select_from(beside).correlate(self._probe.table)
        return count.scalar_subquery()

    def _is_long(self, seen: Any) -> sa.ColumnElement[bool]:
        """As the index of long ones says it."""
        if self._is_sqlite:
            days = sa.func.julianday(seen.c.last_seen) - sa.func.julianday(seen.c.first_seen)
            return days > sa.literal_column("0.04")
        hour = sa.literal_column("interval '1 hour'", sa.Interval)
        return seen.c.last_seen - seen.c.first_seen > hour

    def _ended_later(self, name: str) -> sa.Subquery:
        seen = SightingRow.__table__.alias(f"{name}_seen")
        return self._counted(
            self._of_key(seen)
            .where(
                seen.c.last_seen > self._probe.c["begun_by"],
                seen.c.last_seen <= self._probe.c["reach"],
                sa.not_(self._is_long(seen)),
            )
            .order_by(seen.c.last_seen),
            name,
        )

    def _of_key(self, seen: Any) -> sa.Select[Any]:
        columns = [seen.c[name] for name in _OF_SIGHTING]
        if self._is_sqlite:
            columns.append(sa.literal_column(f"{seen.name}.rowid", sa.Integer).label("place"))
        return (
            sa.select(*columns)
            .where(
                seen.c.project_id == self._probe.project_id,
                seen.c.kind == self._probe.c["kind"],
                seen.c.value == self._probe.c["value"],
            )
            .correlate(self._probe.table)
        )

    def _counted(self, rows: sa.Select[Any], name: str) -> sa.Subquery:
        """As many of these as are walked through, each with their number."""
        some = rows.limit(_WALKED).subquery(f"{name}_walked")
        return sa.select(some, sa.func.count().over().label("walked")).subquery(name)

    def _told(
        self,
        seen: sa.Subquery,
        fits: sa.ColumnElement[bool] | None = None,
        *,
        anyhow: sa.ColumnElement[bool] | None = None,
    ) -> sa.Select[Any]:
        """The newest that fit, in sessions that had begun by the call; or of all, ``anyhow``."""
        session = SessionRow.__table__
        begun = session.c.first_seen <= self._probe.c["begun_by"]
        which = begun if fits is None else sa.and_(begun, fits)
        if self._is_sqlite:
            told = (seen.c.place, seen.c.last_seen.label("key_last_seen"))
        else:
            told = (
                seen.c.kind,
                seen.c.user_id,
                seen.c.session_number,
                session.c.first_seen,
                session.c.last_seen,
                seen.c.first_seen.label("key_first_seen"),
                seen.c.last_seen.label("key_last_seen"),
            )
        rows = (
            sa.select(*told)
            .join_from(
                seen,
                session,
                sa.and_(
                    session.c.project_id == seen.c.project_id,
                    session.c.user_id == seen.c.user_id,
                    session.c.session_number == seen.c.session_number,
                ),
            )
            .where(which if anyhow is None else sa.or_(which, anyhow))
            .order_by(seen.c.last_seen.desc())
            .limit(_MOST)
            .correlate(self._probe.table)
        )
        return sa.select(rows.subquery())
