"""What the page's snippet tells: a session was seen, with these match keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.domain.identifiers import SessionId


@dataclass(frozen=True, kw_only=True, slots=True)
class Beacon:
    """One beacon, checked, its keys normalised."""

    project_id: int
    session: SessionId
    keys: Mapping[str, str]
