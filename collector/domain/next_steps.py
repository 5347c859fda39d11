"""What keeps an installation's pending enrichments from being sent, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: The job is meant to run every few minutes; after so long somebody has to see to it.
LONG = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How an installation stands with the job.

    ``worked_at`` is when the job was last at work for it; before ``send_after`` the API has asked
    to be left alone.
    """

    project_id: int
    paused: bool
    problem: str | None
    worked_at: datetime | None
    send_after: datetime | None


def next_step(standing: Standing, now: datetime) -> str:
    """One sentence or two, without a full stop at the end."""
    project_id, problem = standing.project_id, standing.problem
    if standing.paused:
        return f"It is paused{how_to_resume(project_id, problem)}"
    if problem:
        return f"Its problem is: {problem}. Once it is mended: collector reconcile"
    if standing.worked_at is None:
        return "The job was never at work for it; run: collector reconcile"
    if standing.worked_at <= now - LONG:
        return (
            f"The job was last at work for it at {_moment(standing.worked_at)}; run: "
            "collector reconcile"
        )
    if standing.send_after is not None and now < standing.send_after:
        return (
            f"The API has asked to be left alone until {_moment(standing.send_after)}, and the "
            "first run after that sends them; to ask it now: "
            f"collector installation resume {project_id}"
        )
    return "The next run sends them: collector reconcile"


def how_to_resume(project_id: int, problem: str | None) -> str:
    """Goes on from "it is paused": why, if that is known, and the command that ends it."""
    command = f"collector installation resume {project_id}"
    if problem is None:
        return f"; go on with: {command}"
    if command in problem:
        return f": {problem}"
    return f" ({problem}); go on with: {command}"


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
