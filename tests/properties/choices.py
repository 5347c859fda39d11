"""What can be chosen at each step: small pools, so that choices meet again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from collector.cli.installation import RESUMED
from collector.sandbox import Fault
from tests.properties.scene import CALL_IDS, SESSION_KEYS, TOLD, Record
from tests.properties.sending import Fate, Mishap

#: Match keys by their kind; what a record tells besides.
Keys = Mapping[str, str]
Told = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a record of one call says; None is what it says as before."""

    which: int
    call_id: str
    told: Told | None = None
    keys: Keys | None = None
    later: timedelta | None = None

    def changed(self, record: Record) -> Record:
        """The record that this makes of the one before."""
        return Record(
            started_at=record.started_at + (self.later or timedelta(0)),
            keys=record.keys if self.keys is None else self.keys,
            told=record.told if self.told is None else self.told,
        )


MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

#: What people change of an installation; nothing stands for trying again what was refused.
EDITS: tuple[Mapping[str, Any], ...] = (
    {"integration_version": 2},
    {"integration_version": 1},
    {"paused": True},
    RESUMED,
    {},
)

T = TypeVar("T")


def mostly_not(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """One time in four."""
    return st.sampled_from((False, False, False, True)).flatmap(
        lambda is_so: strategy if is_so else st.none()
    )


which = st.sampled_from((0, 0, 1))  # of the two customers; mostly one, so that more meets there
customers = st.sampled_from(((162, 163), (163, 165), (164, 162), (165, 162)))
session_keys = st.sampled_from(SESSION_KEYS)
call_ids = st.sampled_from((*CALL_IDS, "a", "a"))
told = st.integers(0, 20).map(lambda rating: {"rating": str(rating)}) | st.sampled_from(TOLD)
corrections = st.sampled_from((2 * MINUTE, -2 * MINUTE, HOUR, -HOUR))
durations = st.sampled_from(
    (MINUTE, 4 * MINUTE, 6 * MINUTE, 7 * MINUTE, 8 * MINUTE, 30 * MINUTE, 61 * MINUTE, 24 * HOUR)
)
near_deadlines = st.sampled_from((-400, -301, -300, -299, -1, 0, 1)).map(
    lambda seconds: timedelta(seconds=seconds)
)
found_after = st.sampled_from((6 * MINUTE, timedelta(0), 4 * MINUTE))
wrong_by = st.sampled_from((0, -30, -5, 30))
edits = st.sampled_from(EDITS)

visitors = st.sampled_from(("v1", "v2"))
references = st.sampled_from(("r1", "r2"))
numbers = st.sampled_from(("+33199000001", "+33199000002"))
keys_on_pages = st.fixed_dictionaries(
    {"visitor_id": visitors}, optional={"reference": references, "tracking_number": numbers}
)
keys_of_calls = st.one_of(
    st.fixed_dictionaries({"visitor_id": visitors}),
    st.fixed_dictionaries({"reference": references}),
    st.fixed_dictionaries({"tracking_number": numbers}),
    st.fixed_dictionaries({"session_key": session_keys}),
    st.fixed_dictionaries({"visitor_id": visitors, "reference": references}),
)
news = st.builds(
    News,
    which=which,
    call_id=call_ids,
    told=told | st.none(),
    keys=mostly_not(keys_of_calls),
    later=mostly_not(corrections),
)
some_news = st.lists(news, max_size=2)
first_calls = st.lists(st.tuples(keys_of_calls, told), min_size=3, max_size=len(CALL_IDS))

fates = st.builds(
    Fate,
    mishap=st.sampled_from(Mishap),
    request=st.sampled_from((1, 1, 2)),
    lag=st.sampled_from((200, 60, 31)),
)
faults = st.builds(
    Fault,
    kind=st.sampled_from(("drop_after", "drop_before", "server_error", "too_many_requests")),
    count=st.integers(1, 4),
    retry_after=st.sampled_from((None, 1, 20, 400)),
) | st.one_of(
    st.builds(Fault, kind=st.just("expired"), count=st.integers(1, 3)),
    st.builds(
        Fault,
        kind=st.just("revoked"),
        count=st.integers(1, 2),
        on=st.sampled_from(("token", "enrichments")),
    ),
    st.builds(
        Fault,
        kind=st.sampled_from(("server_error", "drop_before")),
        on=st.just("token"),
        count=st.integers(1, 4),
    ),
)
some_faults = st.lists(faults, min_size=1, max_size=2)
