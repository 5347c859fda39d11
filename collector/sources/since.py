"""From when on the provider's database is asked, and how that moment is written for its query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

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
    return (since - _resolution(form)).astimezone(zone).strftime(form)


def _resolution(form: str) -> timedelta:
    for signs, step in _RESOLUTIONS:
        if any(sign in form for sign in signs):
            return step
    return timedelta(days=1)
