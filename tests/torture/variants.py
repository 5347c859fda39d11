"""The ways to disturb the job. Each takes the point at which it strikes, and a seeded chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from collector.sandbox import Fault
from tests.torture import compare
from tests.torture.compare import DifferenceError
from tests.torture.processes import Ended
from tests.torture.stage import Stage
from tests.torture.trial import Trial, Tried

Play = Callable[[Stage, int, random.Random, Tried], None]

#: The client gives up so soon, in real seconds, and the request is dealt with after the next run.
SHORT_TIMEOUT = 0.08
LATE_MILLISECONDS = 2500


def killed(stage: Stage, point: int, _chance: random.Random, tried: Tried) -> None:
    """Killed at a point, and started again."""
    with stage.trial(tried=tried) as trial:
        trial.run(at=point)
        trial.finish()
        _require_as_expected(stage, trial, "plain")


def changed_meanwhile(stage: Stage, point: int, _chance: random.Random, tried: Tried) -> None:
    """Killed at a point; before the restart records change and beacons come."""
    with stage.trial(tried=tried) as trial:
        trial.run(at=point)
        trial.be_quiet()
        trial.change()
        trial.finish()
        _require_as_expected(stage, trial, "changed")


def changed_live(stage: Stage, point: int, _chance: random.Random, tried: Tried) -> None:
    """Halted at a point while records change and beacons come; it goes on within its lease."""
    with stage.trial(tried=tried) as trial:
        halted = trial.run(at=point, stall=True)
        trial.change()
        if halted.is_stopped:
            trial.go_on(halted)
        trial.finish()
        _require_as_expected(stage, trial, "changed")


def killed_twice(stage: Stage, point: int, chance: random.Random, tried: Tried) -> None:
    """Killed at a point, and when it is started again killed at another one."""
    with stage.trial(tried=tried) as trial:
        first = trial.run(at=point)
        trial.lapse()
        trial.run(at=chance.randrange(1, first.points + 1))
        trial.finish()
        _require_as_expected(stage, trial, "plain")


def answers_lost(stage: Stage, point: int, chance: random.Random, tried: Tried) -> None:
    """The sandbox stores and hangs up before it answers; and the job is killed at a point."""
    fault = Fault(kind="drop_after", share=chance.uniform(0.3, 0.6))
    with stage.trial(fault, seed=chance.randrange(2**32), tried=tried) as trial:
        trial.run(at=point)
        trial.finish()
        _require_as_expected(stage, trial, "plain")


def answers_late(stage: Stage, point: int, chance: random.Random, tried: Tried) -> None:
    """Requests are dealt with only after the client has given up, and records change meanwhile."""
    fault = Fault(kind="latency", milliseconds=LATE_MILLISECONDS, share=chance.uniform(0.2, 0.5))
    with stage.trial(fault, seed=chance.randrange(2**32), tried=tried) as trial:
        killed_too = chance.random() < 0.5  # the killed one's lease lasts, so that less happens
        trial.run(at=point if killed_too else 0, read_timeout=SHORT_TIMEOUT)
        trial.change()
        trial.run(read_timeout=SHORT_TIMEOUT)  # older requests are still on their way
        trial.world.sandbox.clear()  # those that were struck still are
        trial.finish()
        _require_as_expected(stage, trial, "changed")


def stalled(stage: Stage, point: int, chance: random.Random, tried: Tried) -> None:
    """Stops at a point until its lease has lapsed and a successor is done, and then goes on."""
    faults = [Fault(kind="drop_after", share=0.3)] if chance.random() < 0.5 else []
    changes = chance.random() < 0.5
    with stage.trial(*faults, seed=chance.randrange(2**32), tried=tried) as trial:
        stopped = trial.run(at=point, stall=True)
        trial.be_quiet()
        if changes:
            trial.change()
        trial.finish()
        if stopped.is_stopped:
            _require_harmless(trial, stopped)
        _require_as_expected(stage, trial, "changed" if changes else "plain")


def _require_harmless(trial: Trial, stopped: Ended) -> None:
    """Woken up long after its lease has lapsed, it sends nothing and writes nothing."""
    before, posts = compare.untouched(trial.world), trial.world.posts
    trial.go_on(stopped)
    trial.be_quiet()
    if trial.world.posts != posts:
        raise DifferenceError(f"woken up, it still sent {trial.world.posts - posts} batches")
    compare.require_same(before, compare.untouched(trial.world))


def two_workers(stage: Stage, point: int, chance: random.Random, tried: Tried) -> None:
    """Two workers at once, answers lost, one or both killed; then both again."""
    fault = Fault(kind="drop_after", share=chance.uniform(0.1, 0.4))
    with stage.trial(fault, seed=chance.randrange(2**32), tried=tried) as trial:
        one = trial.begin(at=point)
        other = trial.begin(at=chance.choice((0, chance.randrange(1, 2 * point + 1))))
        trial.wait(one)
        trial.wait(other)
        trial.finish(workers=2)
        _require_as_expected(stage, trial, "plain")


def import_killed(stage: Stage, point: int, _chance: random.Random, tried: Tried) -> None:
    """Killed during an import, which is then done again."""
    with stage.trial(tried=tried) as trial:
        trial.run("import", at=point)
        trial.run("import")
        trial.finish()
        _require_as_expected(stage, trial, "imported")


def _require_as_expected(stage: Stage, trial: Trial, name: str) -> None:
    expected, found = stage.expected(name), compare.outcome(trial.world)
    if name == "changed":
        expected, found = compare.of_any_order(expected), compare.of_any_order(found)
    compare.require_same(expected, found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A way to disturb the job, and the order whose points it strikes at."""

    name: str
    play: Play
    do: str = "reconcile"
    stall: bool = False

    @property
    def sentence(self) -> str:
        """What it does, in one line."""
        return str(self.play.__doc__).strip()

    def try_at(self, stage: Stage, point: int, seed: int, tried: Tried) -> None:
        """One trial, counted in ``tried``; the same point and seed repeat it.

        Raises:
            DifferenceError: what came of it is not what ought to.
        """
        # For repeatable accidents, not for secrets.
        self.play(stage, point, random.Random(f"{seed} {self.name} {point}"), tried)  # noqa: S311

    def count_points(self, stage: Stage) -> int:
        """How many points it can strike at."""
        return stage.count_points(self.do, stall=self.stall)


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(name="kill", play=killed),
        Variant(name="twice", play=killed_twice),
        Variant(name="change", play=changed_meanwhile),
        Variant(name="live", play=changed_live, stall=True),
        Variant(name="lost", play=answers_lost),
        Variant(name="late", play=answers_late),
        Variant(name="stall", play=stalled, stall=True),
        Variant(name="two", play=two_workers),
        Variant(name="import", play=import_killed, do="import"),
    )
}
