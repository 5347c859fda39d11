"""What a request for the overview asks for: an installation, and whole days in UTC.

Whoever writes nonsense into an address gets a sentence and the default, not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from collector.web.dashboard.listing import EARLIEST, LATEST

#: Days back from today, today among them, and what the page calls them.
PRESETS = {1: "Today", 7: "7 days", 30: "30 days", 90: "90 days"}

#: What is shown if nobody says: as long as a session can be enriched.
DEFAULT_DAYS = 7

#: Each day is a row and a bar.
MOST_DAYS = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """``preset`` is its number of days if the time is one of `PRESETS`, counted back from today.

    ``project`` is None for all installations. ``notes`` say what could not be heeded, and why.
    """

    project: int | None
    first: date
    last: date
    preset: int | None
    notes: tuple[str, ...] = ()

    def query(self, **changes: int | None) -> dict[str, str]:
        """The parameters of the address that asks for this, but for what is changed."""
        project = changes.get("project", self.project)
        days = changes.get("days", self.preset)
        asked = {} if project is None else {"project": str(project)}
        if days is not None:
            return asked | {"days": str(days)}
        return asked | {"from": self.first.isoformat(), "to": self.last.isoformat()}


def read(values: Mapping[str, str], known: Collection[int], today: date) -> Asked:
    """What ``values``, the query of the address, ask for; ``known`` are the projects there are."""
    notes: list[str] = []
    project = _project(values.get("project", "").strip(), known, notes)
    first, last, preset = _days(values, today, notes)
    return Asked(project=project, first=first, last=last, preset=preset, notes=tuple(notes))


def _project(text: str, known: Collection[int], notes: list[str]) -> int | None:
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
    if number in known:
        return number
    notes.append(
        f"There is no installation of project {text[:40]}, so all are shown. Choose one from the "
        "list."
    )
    return None


def _days(
    values: Mapping[str, str], today: date, notes: list[str]
) -> tuple[date, date, int | None]:
    told = {name: values.get(name, "").strip() for name in ("from", "to")}
    if not any(told.values()):
        return _preset(values.get("days", "").strip(), today, notes)
    problem, first, last = _range(told, today)
    if problem is None:
        return first, last, None
    notes.append(f"{problem}, so the last {DEFAULT_DAYS} days are shown.")
    return _back(DEFAULT_DAYS, today)


def _range(told: Mapping[str, str], today: date) -> tuple[str | None, date, date]:
    days: dict[str, date] = {}
    for name, text in told.items():
        try:
            days[name] = date.fromisoformat(text) if text else today
        except ValueError:
            return f"“{text[:40]}” is no day such as {today.isoformat()}", today, today
        if not EARLIEST <= days[name] <= LATEST:
            return f"{text} is no day that there are calls of", today, today
    first, last = days["from"] if told["from"] else days["to"], days["to"]
    if first > last:
        return f"{first.isoformat()} comes after {last.isoformat()}", today, today
    if last - first >= timedelta(days=MOST_DAYS):
        return f"More than {MOST_DAYS} days are too many for a page", today, today
    return None, first, last


def _preset(text: str, today: date, notes: list[str]) -> tuple[date, date, int | None]:
    known = {str(days): days for days in PRESETS}
    if text and text not in known:
        choices = ", ".join(known)
        notes.append(
            f"“{text[:40]}” is none of the numbers of days ({choices}), so the last "
            f"{DEFAULT_DAYS} days are shown."
        )
    return _back(known.get(text, DEFAULT_DAYS), today)


def _back(days: int, today: date) -> tuple[date, date, int | None]:
    return today - timedelta(days=days - 1), today, days
