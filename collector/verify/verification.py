"""Looks at a page until the outcome is certain, or the time for what may come late is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from collector.verify import observing, starting
from collector.verify.diagnosis import Diagnosis, diagnose
from collector.verify.observation import Observation

#: Between two looks.
PAUSE_SECONDS = 0.1

#: A page that has not answered a question by then is hanging; the second where the time is up.
LOOK_SECONDS = 5
LAST_LOOK_SECONDS = 1

#: A fault that lasts so long is believed: before, a redirect or a second tag may still mend it.
SETTLE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What to verify, and how."""

    address: str
    wait_seconds: float = 20
    clicks: tuple[str, ...] = ()
    keys_expected: bool = True
    chromium: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The last thing that was seen, and what it means."""

    observation: Observation
    diagnosis: Diagnosis


def verify(
    wish: Wish,
    *,
    warn: Callable[[str], None],
    tell: Callable[[str], None] = lambda _: None,
) -> Finding:
    """Open the page and say what holds.

    Args:
        warn: hears of what makes it less safe to look.
        tell: hears what is being done.

    Raises:
        SettingError: no browser starts, or it opens no page.
        UsageError: a click's selector cannot be read.
    """
    return asyncio.run(_start_and_verify(wish, warn, tell))


async def _start_and_verify(
    wish: Wish, warn: Callable[[str], None], tell: Callable[[str], None]
) -> Finding:
    tell("Starting a browser")
    async with starting.browser(wish.chromium, warn) as running:
        return await verify_in(running, wish, tell)


async def verify_in(
    running: starting.Running, wish: Wish, tell: Callable[[str], None] = lambda _: None
) -> Finding:
    """As ``verify``, in a browser that runs already, with a profile of its own."""
    async with observing.watching(
        running, wish.address, clicks=wish.clicks, user_agent=wish.user_agent
    ) as watch:
        tell("Opening the page")
        await watch.open()
        return await _look_until_certain(watch, wish, tell)


async def _look_until_certain(
    watch: observing.Watch, wish: Wish, tell: Callable[[str], None]
) -> Finding:
    clock = asyncio.get_running_loop().time
    end = clock() + wish.wait_seconds
    believed: Diagnosis | None = None
    since = 0.0
    while True:
        seen = await watch.look(max(LAST_LOOK_SECONDS, min(LOOK_SECONDS, end - clock())))
        found = diagnose(seen, keys_expected=wish.keys_expected)
        now = clock()
        if found != believed:
            believed, since = found, now
            tell(f"So far: {found.code.replace('_', ' ')}")
        certain = found.is_well or (found.lasting and now - since >= SETTLE_SECONDS)
        if certain or now >= end or seen.opening.failure:
            return Finding(observation=seen, diagnosis=found)
        await asyncio.sleep(PAUSE_SECONDS)
