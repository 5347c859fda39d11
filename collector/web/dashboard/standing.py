"""Where installations and runs stand, and what to do about those that do not stand well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain.next_steps import LONG, Standing, next_step
from collector.storage.reports.overview import Read
from collector.storage.reports.standing import Expiring, Installed, Run
from collector.web.dashboard import steps
from collector.web.dashboard.steps import Step

#: A site that was heard and then is not for so long has lost its snippet.
SILENCE = timedelta(hours=48)

#: A run that holds no lease so long after its start has ended without a word.
SILENT_AFTER = timedelta(minutes=5)

#: How a run ended, in a few words, and whether somebody has to look.
OUTCOMES = {
    "running": ("still running", False),
    "done": ("done", False),
    "attention": ("needs a person", True),
    "interrupted": ("interrupted: the next run goes on where it stopped", False),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallationNow:
    """An installation, with what to do; nothing if it is well."""

    installed: Installed
    held_by: str | None
    steps: Sequence[Step]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiringNow:
    """What expires soon of an installation, and what keeps it from being sent."""

    expiring: Expiring
    name: str
    step: Step


@dataclass(frozen=True, kw_only=True, slots=True)
class RunNow:
    """One run: what it did for the installations that were asked for."""

    run: Run
    outcome: str
    needs_person: bool
    decided: int
    accepted: int
    rejected: int
    expired: int
    batches: int
    messages: Sequence[tuple[int, Step]]


def installations(read: Read) -> list[InstallationNow]:
    """Those that were asked for, first those that are not well."""
    found = [
        InstallationNow(
            installed=one,
            held_by=_holder(one, read.at),
            steps=_steps(one, read.at),
        )
        for one in read.chosen
    ]
    return sorted(found, key=lambda one: (not one.steps, one.installed.project_id))


def _steps(one: Installed, now: datetime) -> list[Step]:
    told = []
    worked_long_ago = one.worked_at is None or one.worked_at <= now - LONG
    waits = one.send_after is not None and one.send_after > now
    if one.state != "active" or worked_long_ago or waits:
        told.append(steps.read(next_step(_standing(one), now), needs_person=not waits))
    if one.last_beacon_at is None:
        told.append(Step(text="No beacon has come yet. Its page has the snippet to copy."))
    elif now - one.last_beacon_at > SILENCE:
        page = next(iter(one.origins), "https://...")
        told.append(
            Step(
                text=f"No beacon has come for {(now - one.last_beacon_at).days} days. See what a "
                "page does:",
                command=f"collector verify {page}/",
            )
        )
    if one.pull_problem:
        told.append(steps.read(f"Calls could not be pulled: {one.pull_problem}"))
    return told


def _standing(one: Installed) -> Standing:
    return Standing(
        project_id=one.project_id,
        paused=one.state == "paused",
        problem=one.problem,
        worked_at=one.worked_at,
        send_after=one.send_after,
    )


def _holder(one: Installed, now: datetime) -> str | None:
    """The worker that is at it now: its host and process, without the run."""
    if one.lease_owner is None or one.lease_until is None or one.lease_until <= now:
        return None
    host, process, *_ = [*one.lease_owner.split(":"), ""]
    return f"{host}, process {process}"


def expiring(read: Read) -> list[ExpiringNow]:
    """What expires soon, or is too late already, by installation, the first deadline first."""
    installed = {one.project_id: one for one in read.chosen}
    found = [
        ExpiringNow(
            expiring=one,
            name=installed[one.project_id].name,
            step=_to_send(one, installed[one.project_id], read.at),
        )
        for one in read.expiring
    ]
    return sorted(found, key=lambda one: one.expiring.first_deadline or read.at + SILENCE)


def _to_send(one: Expiring, installed: Installed, now: datetime) -> Step:
    if one.soon:
        return steps.read(next_step(_standing(installed), now))
    return Step(text="They are too late to be sent; the next run after it marks them expired.")


def runs(read: Read) -> list[RunNow]:
    """The last runs, the newest first."""
    projects = set(read.period.projects)
    return [_run(run, projects, read) for run in read.runs]


def _run(run: Run, projects: set[int], read: Read) -> RunNow:
    done = [one for one in run.counts.get("projects", ()) if one["project_id"] in projects]
    outcome, needs_person = OUTCOMES[_outcome(run, read.installed, read.at)]
    sums: Counter[str] = Counter()
    for one in done:
        sums.update({name: one[name] for name in ("accepted", "rejected", "expired", "batches")})
        sums["decided"] += sum(one["decided"].values())
    return RunNow(
        run=run,
        outcome=outcome,
        needs_person=needs_person,
        messages=[
            (one["project_id"], steps.read(one["message"], needs_person=False))
            for one in done
            if one["message"]
        ],
        **{name: sums[name] for name in ("decided", "accepted", "rejected", "expired", "batches")},
    )


def _outcome(run: Run, installed: Iterable[Installed], now: datetime) -> str:
    """As it is known by now: the next run only would mark one that was killed."""
    holds_a_lease = any(
        one.lease_owner is not None
        and one.lease_owner.endswith(f":{run.run_id}")
        and one.lease_until is not None
        and one.lease_until > now
        for one in installed
    )
    is_silent = run.started_at <= now - SILENT_AFTER and not holds_a_lease
    return "interrupted" if run.outcome == "running" and is_silent else run.outcome
