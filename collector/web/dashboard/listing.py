"""What a request for a list of calls asks for: a name, or conditions, days, and where to go on.

Whoever writes nonsense into an address gets a sentence and the default, not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from collector.domain.identifiers import is_kind
from collector.domain.verdicts import Reason, Verdict
from collector.storage.reports.asking import Period
from collector.storage.reports.calls import Choice, Listed, Place

#: What is listed if nobody says, in UTC days, today among them.
DEFAULT_DAYS = 30

#: A list is read from the calls of its days, one by one.
MOST_DAYS = 366

#: No call is older, or newer.
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)

#: The longest text that is looked for: as long as a session key can be.
MOST_TEXT = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """``text`` is a call id or a session key; ``project`` is None for all ``projects``.

    ``after`` is where the page before has ended. ``notes`` say what could not be heeded, and why.
    """

    text: str
    project: int | None
    projects: tuple[int, ...]
    first: date
    last: date
    choice: Choice
    after: Place | None
    notes: tuple[str, ...]

    def query(self, *, after: Listed | None = None) -> dict[str, str]:
        """The parameters of the address that asks for this, on the page after this call."""
        told = {
            "project": self.project,
            "verdict": self.choice.verdict,
            "reason": self.choice.reason,
            "rule": self.choice.rule,
            "from": self.first,
            "to": self.last,
            "after": after and f"{after.started_at.isoformat()},{after.project_id},{after.call_id}",
        }
        return {name: str(value) for name, value in told.items() if value is not None}


def read(values: Mapping[str, str], known: Collection[int], now: datetime) -> Asked:
    """What ``values``, the query of the address, ask for; ``known`` are the projects there are."""
    notes: list[str] = []
    project = _project(values.get("project", ""), known, notes)
    first, last = _days(values, now.date(), notes)
    period = Period(projects=(), first=first, last=last)
    rule = values.get("rule", "").strip() or None
    if rule is not None and not is_kind(rule):
        notes.append(f"“{rule[:40]}” is no kind of match key, so the calls of all rules are shown.")
        rule = None
    return Asked(
        text=values.get("q", "").strip().replace("\0", "")[:MOST_TEXT],
        project=project,
        projects=tuple(known) if project is None else (project,),
        first=first,
        last=last,
        choice=Choice(
            since=period.since,
            until=period.until,
            verdict=_one_of(Verdict, "verdict", values, notes),
            reason=_one_of(Reason, "reason", values, notes),
            rule=rule,
        ),
        after=_place(values.get("after", ""), notes),
        notes=tuple(notes),
    )


def _project(text: str, known: Collection[int], notes: list[str]) -> int | None:
    text = text.strip()
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
    if number in known:
        return number
    notes.append(f"There is no installation of project {text[:40]}, so all are shown.")
    return None


def _days(values: Mapping[str, str], today: date, notes: list[str]) -> tuple[date, date]:
    default = today - timedelta(days=DEFAULT_DAYS - 1), today
    told = {name: values.get(name, "").strip() for name in ("from", "to")}
    if not any(told.values()):
        return default
    try:
        last = _day(told["to"], today)
        first = _day(told["from"], last)
    except ValueError:
        problem = f"A day is one such as {today}"
    else:
        if first <= last and last - first < timedelta(days=MOST_DAYS):
            return first, last
        problem = (
            f"{first} comes after {last}"
            if first > last
            else f"A list has at most {MOST_DAYS} days"
        )
    notes.append(f"{problem}, so the last {DEFAULT_DAYS} days are shown.")
    return default


def _day(text: str, default: date) -> date:
    day = date.fromisoformat(text) if text else default
    if not EARLIEST <= day <= LATEST:
        raise ValueError(text)
    return day


def _one_of(words: Any, name: str, values: Mapping[str, str], notes: list[str]) -> str | None:
    text = values.get(name, "").strip()
    if not text:
        return None
    if text in {word.value for word in words}:
        return text
    notes.append(f"“{text[:40]}” is no {name}, so the calls of all are shown.")
    return None


def _place(text: str, notes: list[str]) -> Place | None:
    if not text:
        return None
    time, _, rest = text.partition(",")
    project, _, call_id = rest.partition(",")
    try:
        return Place(
            started_at=datetime.fromisoformat(time).astimezone(UTC),
            project_id=int(project),
            call_id=call_id.replace("\0", ""),
        )
    except (ValueError, OverflowError):
        notes.append("Where this page begins cannot be read, so it is the first one.")
        return None
