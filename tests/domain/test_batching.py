"""A refused batch is searched until each culprit has been refused all by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.batching import MAX_CULPRITS, Isolation
from tests.bounds import most_requests


class Api:
    """Refuses a group if one of its members is a culprit, and counts."""

    def __init__(self, culprits: Collection[int]) -> None:
        self.culprits = set(culprits)
        self.requests = 0
        self.accepted: Counter[int] = Counter()

    def run(self, isolation: Isolation[int]) -> None:
        while group := isolation.next_group():
            self.requests += 1
            assert self.requests <= 10_000, "it never ends"
            if self.culprits.isdisjoint(group):
                self.accepted.update(group)
                isolation.accepted(group)
            else:
                isolation.refused(group)


def isolated(size: int, culprits: Collection[int]) -> tuple[Isolation[int], Api]:
    isolation, api = Isolation(range(size)), Api(culprits)
    api.run(isolation)
    return isolation, api


@st.composite
def batches(draw: st.DrawFn, least: int, most: int) -> tuple[int, set[int]]:
    """The size of a batch and its culprits, between ``least`` and ``most`` of them."""
    size = draw(st.integers(max(1, least), 200))
    culprits = draw(st.sets(st.integers(0, size - 1), min_size=least, max_size=min(size, most)))
    return size, culprits


@given(batch=batches(0, MAX_CULPRITS))
@settings(deadline=None, max_examples=300)
def test_exactly_the_culprits_are_found_and_every_neighbour_is_accepted_once(
    batch: tuple[int, set[int]],
) -> None:
    size, culprits = batch
    isolation, api = isolated(size, culprits)
    assert sorted(isolation.culprits) == sorted(culprits)
    assert api.accepted == Counter(set(range(size)) - culprits)
    assert api.requests <= most_requests(size, len(culprits))
    assert not isolation.is_over_budget
    assert not isolation.next_group()


@given(batch=batches(MAX_CULPRITS + 1, 200))
@settings(deadline=None, max_examples=100)
def test_with_nine_culprits_or_more_the_batch_is_over_budget(batch: tuple[int, set[int]]) -> None:
    size, culprits = batch
    isolation, api = isolated(size, culprits)
    assert isolation.is_over_budget
    assert len(isolation.culprits) == MAX_CULPRITS + 1
    assert set(isolation.culprits) <= culprits
    assert all(times == 1 for times in api.accepted.values())
    assert set(api.accepted).isdisjoint(culprits)
    assert api.requests <= most_requests(size, MAX_CULPRITS + 1)


@pytest.mark.parametrize("size", [1, 2, 3, 199, 200])
def test_a_batch_without_a_culprit_takes_one_request(size: int) -> None:
    isolation, api = isolated(size, ())
    assert (api.requests, isolation.culprits) == (1, [])
    assert sum(api.accepted.values()) == size


def test_one_culprit_in_200_takes_at_most_eleven_requests_wherever_it_stands() -> None:
    taken = {culprit: isolated(200, [culprit])[1].requests for culprit in range(200)}
    assert most_requests(200, 1) == 11
    assert max(taken.values()) <= 11


def test_a_batch_of_one_is_its_own_culprit_after_one_request() -> None:
    isolation, api = isolated(1, [0])
    assert (api.requests, isolation.culprits) == (1, [0])


def test_no_one_is_blamed_for_the_company_they_keep() -> None:
    isolation = Isolation(["good", "bad"])
    isolation.refused(isolation.next_group())
    assert isolation.culprits == []
    assert list(isolation.next_group()) == ["good"]
    isolation.accepted(["good"])
    assert isolation.culprits == []
    assert list(isolation.next_group()) == ["bad"]
    isolation.refused(["bad"])
    assert isolation.culprits == ["bad"]


def test_an_empty_batch_needs_no_request() -> None:
    assert isolated(0, ())[1].requests == 0


def test_what_is_left_of_a_batch_stays_in_its_order() -> None:
    # Earliest deadline first holds for what is sent after a culprit too.
    isolation: Isolation[int] = Isolation(range(8))
    isolation.refused(isolation.next_group())
    isolation.accepted(isolation.next_group())
    isolation.refused([4, 5])
    isolation.refused([4])
    assert list(isolation.next_group()) == [5, 6, 7]
