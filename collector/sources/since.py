"""From when on the provider's database is asked, and how that moment is written for its query.

Here stands besides what its own times mean where they have no offset.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

from collector.domain.definition import SqlSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)

#: What a format of strftime can tell apart, finest first.
_RESOLUTIONS = (
    (("%f",), _MICROSECOND),
    (("%S", "%T", "%X", "%c"), _SECOND),
    (("%M", "%R"), timedelta(minutes=1)),
    (("%H", "%I"), timedelta(hours=1)),
)


def begin(until: datetime, now: datetime, overlap: timedelta, zone: tzinfo) -> datetime:
    """Where a run begins to read that has read up to ``until`` before.

    A column without offsets has an hour twice when clocks go back: what is written in the second
    one stands before the end of the first, so that a run in between begins earlier by that hour.
    """
    since = until - overlap
    before, after = (moment.astimezone(zone).utcoffset() for moment in (since, now))
    back = (before or timedelta(0)) - (after or timedelta(0))
    return since - max(back, timedelta(0))


def written(since: datetime, source: SqlSource, zone: tzinfo) -> datetime | int | str:
    """``:since`` in the form that the query wants, one step of that form earlier.

    So nothing is lost where the form is coarser than the column, or where the query says ``>``.
    """
    form = source.since_format
    if form is None:
        return since - _MICROSECOND
    if form == "epoch":
        return (since - _EPOCH) // _SECOND - 1
    if form == "epoch_ms":
        return (since - _EPOCH) // _MILLISECOND - 1
    since -= _resolution(form)
    return (since.astimezone(zone) if "%z" in form else naive(since, zone)).strftime(form)


def naive(moment: datetime, zone: tzinfo) -> datetime:
    """A moment in the zone's time, without an offset.

    In an hour that comes twice it is one hour earlier: nobody knows which of the two a database
    takes it for, and rows of the second one may stand before it.
    """
    local = moment.astimezone(zone)
    first, second = (local.replace(fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    return local.replace(tzinfo=None, fold=0) - max(first - second, timedelta(0))


class SecondTime(tzinfo):
    """A zone in which a time that occurs twice, as clocks go back, is the second of the two."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else self._zone.utcoffset(dt.replace(fold=1))

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else self._zone.dst(dt.replace(fold=1))

    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else self._zone.tzname(dt.replace(fold=1))


def postgresql_zone(zone: tzinfo) -> str:
    """A zone as a session of PostgreSQL is set to it; its offsets count to the west."""
    offset = zone.utcoffset(None)
    if not isinstance(zone, timezone) or not offset:
        return str(zone)
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    east, west = "-+" if offset < timedelta(0) else "+-"
    return f"<{east}{hours:02}{minutes:02}>{west}{hours:02}:{minutes:02}"


def _resolution(form: str) -> timedelta:
    for signs, step in _RESOLUTIONS:
        if any(sign in form for sign in signs):
            return step
    return timedelta(days=1)
