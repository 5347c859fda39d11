"""The fixtures of this folder's tests: a scripted server, and a client that waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from collector.contentsquare import Credentials, EnrichmentApi
from tests.contentsquare.scripted import Script, scripted
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


@dataclass(kw_only=True)
class Time:
    """A clock that moves only when it is slept on, or told to."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


ApiFactory = Callable[..., EnrichmentApi]


@pytest.fixture
def api_for(time: Time) -> Iterator[ApiFactory]:
    """Clients of a base URL, closed in the end; full jitter is a half unless told otherwise."""
    made: list[EnrichmentApi] = []

    def make(url: str, **changes: object) -> EnrichmentApi:
        settings = {"sleep": time.sleep, "monotonic": time.monotonic, "random": lambda: 0.5}
        api = EnrichmentApi(f"{url}/v1/oauth/token", **{**settings, **changes})  # type: ignore[arg-type]
        made.append(api)
        return api

    yield make
    for api in made:
        api.close()


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(
        project_id=PHONE_CALL_INSTALLATION.project_id,
        integration_id=PHONE_CALL_INSTALLATION.integration_id,
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
    )
