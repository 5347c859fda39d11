"""Several processes hold one limit by way of a real Redis, and go on without it."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import pytest
import redis as client_of_redis
import structlog

from collector.config import Settings
from collector.domain.rates import Rate
from collector.storage.secrets import generate_key
from collector.storage.shared_counts import SharedCounts
from collector.web.limiting import Limits
from collector.web.limits_together import Together
from collector.web.windows import Windows
from tests.web import redis
from tests.web.beaconing import post
from tests.web.conftest import Open, before_sql

pytestmark = pytest.mark.skipif(redis.SERVER is None, reason=redis.NO_REDIS)

ADDRESS = "198.51.100.7"
KEY = generate_key()


def limits(port: int, told: list[int]) -> Limits:
    return Limits(
        Settings(
            secret_key=(KEY,),
            processes=2,
            limit_client="20/hour",
            limits_url=f"redis://127.0.0.1:{port}",
        ),
        tell=told.append,
    )


def let_through(one: Limits, number: int) -> int:
    return sum(one.of_client(ADDRESS, None) == 0 for _ in range(number))


def test_machines_hold_one_limit_and_each_its_share_while_no_redis_answers(tmp_path: Path) -> None:
    port = redis.free_port()
    told: list[int] = []
    now = time.time()
    windows = [Windows(Rate(20, 3600), processes=2, together=True) for _ in range(2)]
    url = f"redis://127.0.0.1:{port}"
    one, other = (
        Together(SharedCounts(url), {"client": each}, tell=told.append) for each in windows
    )

    def let_through(index: int, number: int, key: int) -> int:
        return sum(windows[index].hit(key, now) == 0 for _ in range(number))

    with redis.running(port, tmp_path):
        assert let_through(0, 12, key=1) == 12
        assert let_through(1, 6, key=1) == 6
        assert all(each.exchange() for each in (one, other, one))
        assert let_through(1, 12, key=1) == 2
        assert other.exchange()
        # What stands there is numbers, which go with their window.
        with client_of_redis.Redis(port=port, decode_responses=True) as seen:
            (name,) = seen.keys()
            assert name == f"collector:client/{int(now // 3600)}/1"
            assert seen.get(name) == "20"
            assert 3600 < int(str(seen.ttl(name))) <= 7200
    with structlog.testing.capture_logs() as lines:
        assert [other.exchange() for _ in range(3)] == [False] * 3
    assert [line["event"] for line in lines] == ["limits_alone"]
    assert told == [1]
    assert let_through(1, 20, key=2) == 10
    with redis.running(port, tmp_path):
        assert other.exchange()
    assert told == [1, 0]
    assert let_through(1, 20, key=2) == 10


def test_the_thread_tells_and_learns_by_itself_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = Event()
    learn = Windows.learn

    def learning(self: Windows, untold: object, total: int) -> None:
        learn(self, untold, total)  # type: ignore[arg-type]
        learnt.set()

    monkeypatch.setattr("collector.web.limits_together.EVERY_SECONDS", 0.01)
    monkeypatch.setattr(Windows, "learn", learning)
    port = redis.free_port()
    with redis.running(port, tmp_path):
        one = limits(port, [])
        assert let_through(one, 30) == 20
        assert learnt.wait(60)
        one.close()
        with client_of_redis.Redis(port=port, decode_responses=True) as seen:
            (name,) = seen.keys()
            assert ADDRESS not in name


@before_sql
def test_a_beacon_waits_for_no_redis(
    open_app: Open, database_url: str, installation: object
) -> None:
    app = open_app(
        database_url, secret_key=(KEY,), limits_url=f"redis://127.0.0.1:{redis.free_port()}"
    )
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = ADDRESS
    assert post(client).status_code == 204
