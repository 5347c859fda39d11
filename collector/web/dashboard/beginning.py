"""How an installation begins: whether it was heard, with which keys, and what was refused.

Small enough to be asked every few seconds by everybody who waits for the first beacon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.domain.identifiers import parse_session_key
from collector.storage import sessions as seen
from collector.storage.database import Connection
from collector.storage.reports import installations, sessions
from collector.storage.reports.installations import Installed
from collector.storage.reports.sessions import Seen
from collector.web.dashboard import presenting


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """``first`` is the session that was seen first, and ``kinds`` are those of its keys.

    ``refused`` counts the beacons of the last days that were refused, or lost a key.
    """

    first: Seen | None
    kinds: Sequence[str]
    refused: int
    has_calls: bool
    has_run: bool

    @property
    def is_over(self) -> bool:
        """Whether everything has come at least once."""
        return self.first is not None and self.has_calls and self.has_run

    @property
    def sentence(self) -> str:
        """What has come, for who listens."""
        if self.first is None:
            refused = f" {self.refused} were refused." if self.refused else ""
            return f"No beacon has come yet.{refused}"
        with_keys = f"with {', '.join(self.kinds)}" if self.kinds else "without any key"
        return f"The first beacon has come, of session {self.first.session_key}, {with_keys}."

    def as_json(self) -> dict[str, Any]:
        return {
            "heard": self.first is not None,
            "refused": self.refused,
            "sentence": self.sentence,
        }


def read(connection: Connection, installed: Installed, now: datetime) -> Beginning:
    """What has come of an installation so far."""
    project_id = installed.project_id
    first = sessions.first(connection, project_id)
    kinds: list[str] = []
    if first is not None:
        keys = seen.keys_of(connection, project_id, parse_session_key(first.session_key))
        kinds = sorted({key.kind for key in keys})
    period = presenting.last_days(project_id, now)
    return Beginning(
        first=first,
        kinds=kinds,
        refused=installations.refused_beacons(connection, period, installed.origins),
        has_calls=installations.has_calls(connection, project_id),
        has_run=installed.worked_at is not None,
    )
