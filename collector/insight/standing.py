"""Where one installation stands: its state, what is nearly too late, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain.installation import Installation
from collector.domain.ledger import MARGIN
from collector.storage import funnel, outbox, pulls, refused, runs
from collector.storage.database import Connection
from collector.storage.funnel import Expiring
from collector.storage.pulls import PullState

#: What expires within this time is warned of before it does.
SOON = timedelta(hours=24)

#: The job is meant to run every few minutes; after so long somebody has to see to it.
LONG = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One installation, at one moment.

    ``refused`` is how many call records could not be read within a day. ``worked_at`` is when the
    job was last at work for it; before ``send_after`` the API has asked to be left alone.
    """

    installation: Installation
    expiring: Expiring
    refused: int
    pull: PullState | None
    worked_at: datetime | None
    send_after: datetime | None
    now: datetime

    @property
    def state(self) -> str:
        """``active``, ``paused`` or ``problem``."""
        if self.installation.paused:
            return "paused"
        return "problem" if self.installation.problem else "active"

    @property
    def warnings(self) -> list[str]:
        """What is nearly too late or too late already, and what was refused, with the next step."""
        told = []
        if self.expiring.first_deadline is not None:
            told.append(
                f"{self.expiring.soon} pending enrichment(s) expire within 24 hours, the first at "
                f"{_moment(self.expiring.first_deadline)}. {self.next_step}"
            )
        if self.expiring.too_late:
            told.append(
                f"{self.expiring.too_late} pending enrichment(s) are too late to be sent; when "
                "their seven days are over, the next run marks them expired"
            )
        if self.pull and self.pull.problem:
            told.append(
                f"Calls could not be pulled at {_moment(self.pull.pulled_at)}: {self.pull.problem}"
            )
        if self.refused:
            told.append(
                f"{self.refused} call record(s) were refused within 24 hours. To see why: "
                f"collector calls refused --project-id {self.installation.project_id} --since 1d"
            )
        return told

    @property
    def next_step(self) -> str:
        """What keeps its pending enrichments from being sent, and what to do about it."""
        project_id, problem = self.installation.project_id, self.installation.problem
        if self.installation.paused:
            return f"It is paused{how_to_resume(self.installation)}"
        if problem:
            return f"Its problem is: {problem}. Once it is mended: collector reconcile"
        if self.worked_at is None:
            return "The job was never at work for it; run: collector reconcile"
        if self.worked_at <= self.now - LONG:
            return (
                f"The job was last at work for it at {_moment(self.worked_at)}; run: "
                "collector reconcile"
            )
        if self.send_after is not None and self.now < self.send_after:
            return (
                f"The API has asked to be left alone until {_moment(self.send_after)}, and the "
                "first run after that sends them; to ask it now: "
                f"collector installation resume {project_id}"
            )
        return "The next run sends them: collector reconcile"


def read(connection: Connection, installation: Installation, now: datetime) -> Standing:
    """Where it stands now."""
    project_id = installation.project_id
    return Standing(
        installation=installation,
        expiring=funnel.count_expiring(connection, project_id, now + MARGIN, now + SOON),
        refused=refused.count(connection, refused.Chosen(project_id=project_id, since=now - SOON)),
        pull=pulls.find(connection, project_id),
        worked_at=runs.searched_until(connection, project_id),
        send_after=outbox.send_after(connection, project_id),
        now=now,
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def how_to_resume(installation: Installation) -> str:
    """Goes on from "it is paused": why, if that is known, and the command that ends it."""
    command = f"collector installation resume {installation.project_id}"
    if installation.problem is None:
        return f"; go on with: {command}"
    if command in installation.problem:
        return f": {installation.problem}"
    return f" ({installation.problem}); go on with: {command}"
