"""The client used by several threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from collector.contentsquare import Answer, Credentials, EnrichmentApi, Outcome
from collector.errors import CredentialsRefusedError
from collector.sandbox import Fault, Sandbox
from tests.contentsquare.batches import enrichment
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock

THREADS = 4
PATIENCE = 20


@pytest.fixture
def theirs() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(theirs: Clock) -> Iterator[Sandbox]:
    with Sandbox([PHONE_CALL_INSTALLATION], now=theirs) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[EnrichmentApi]:
    with EnrichmentApi(sandbox.auth_url, connections=THREADS) as made:
        yield made


def send_at_once(api: EnrichmentApi, credentials: Credentials) -> list[Answer | BaseException]:
    barrier = Barrier(THREADS)

    def send(number: int) -> Answer:
        barrier.wait(PATIENCE)
        return api.send(credentials, 1, [enrichment(number)])

    with ThreadPoolExecutor(THREADS) as threads:
        sent = [threads.submit(send, number) for number in range(1, THREADS + 1)]
        return [one.exception() or one.result() for one in sent]


def tokens(sandbox: Sandbox) -> int:
    return sum(seen.path == "/v1/oauth/token" for seen in sandbox.requests)


def test_threads_that_need_a_token_at_once_ask_for_it_once(
    sandbox: Sandbox, api: EnrichmentApi, credentials: Credentials
) -> None:
    sandbox.add(Fault(kind="latency", on="token", milliseconds=50))
    answers = send_at_once(api, credentials)
    assert [answer.outcome for answer in answers if isinstance(answer, Answer)] == (
        [Outcome.ACCEPTED] * THREADS
    )
    assert tokens(sandbox) == 1


def test_a_token_that_dies_is_renewed_once_for_all(
    sandbox: Sandbox, api: EnrichmentApi, credentials: Credentials, theirs: Clock
) -> None:
    api.authenticate(credentials)
    theirs.forward(hours=2)
    answers = send_at_once(api, credentials)
    assert all(isinstance(answer, Answer) for answer in answers)
    assert tokens(sandbox) == 2


def test_refused_credentials_are_told_to_every_thread(
    sandbox: Sandbox, api: EnrichmentApi, credentials: Credentials
) -> None:
    sandbox.add(Fault(kind="latency", on="token", milliseconds=50))
    sandbox.add(Fault(kind="revoked", on="token"))
    errors = send_at_once(api, credentials)
    assert all(isinstance(error, CredentialsRefusedError) for error in errors)
    assert len({id(error) for error in errors}) == THREADS


def test_an_answer_tells_of_a_429_that_was_waited_out(
    sandbox: Sandbox, credentials: Credentials
) -> None:
    sandbox.add(Fault(kind="too_many_requests", count=1))
    with EnrichmentApi(sandbox.auth_url, sleep=lambda _seconds: None) as api:
        first, second = (api.send(credentials, 1, [enrichment()]) for _ in range(2))
    assert (first.outcome, first.throttled, second.throttled) == (Outcome.ACCEPTED, True, False)
