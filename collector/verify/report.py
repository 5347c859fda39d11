"""A finding as steps for people and as JSON for machines; values of visitors are cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collector.verify.diagnosis import NOT_ANSWERED, Diagnosis
from collector.verify.observation import Beacon, Download, Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that has to hold; ``holds`` is None where it could not be told."""

    name: str
    holds: bool | None
    told: str


def steps(seen: Observation) -> list[Step]:
    """From the page to the answer, in the order in which they happen."""
    if not _page(seen).holds:
        return [_page(seen)]
    return [_page(seen), *_clicks(seen), _snippet(seen), _tag(seen), _callback(seen),
            _session(seen), _keys(seen), _sent(seen), _answer(seen)]  # fmt: skip


def as_json(seen: Observation, found: Diagnosis) -> dict[str, Any]:
    """Code, explanation, remedy, and what they rest on."""
    return {
        "code": found.code.value,
        "explanation": found.explanation,
        "remedy": found.remedy,
        "observation": {
            "page": seen.opening.address,
            "status": seen.opening.status,
            "snippet": seen.script.address if seen.script else None,
            "snippet_runs": seen.live,
            "collector": seen.collector,
            "tag": seen.tag,
            "page_views": seen.called,
            "project_id": seen.session.project_id if seen.session else None,
            "keys": sorted(seen.keys),
            "withheld": seen.withheld,
            "problems": list(seen.problems),
            "clicks": [{"selector": click.selector, "done": click.done} for click in seen.clicks],
            "requests": [
                *(_request("GET", item) for item in seen.downloads),
                *(_request("POST", item) for item in seen.beacons),
            ],
        },
    }


def shortened(value: str) -> str:
    """Enough of a visitor's value to recognise it, and no more."""
    return f"{value[: 3 if len(value) > 8 else 1]}…"


def _request(method: str, item: Download | Beacon) -> dict[str, Any]:
    told = {
        "method": method,
        "address": item.address or None,
        "status": item.status,
        "failure": item.failure,
    }
    if isinstance(item, Beacon):
        told |= {"code": item.code, "ignored": item.ignored}
    return told


def _page(seen: Observation) -> Step:
    opening = seen.opening
    well = not opening.failure and (opening.status or 200) < 400 and seen.responds
    status = f"status {opening.status}" if opening.status else None
    told = opening.failure or ("opened" if seen.responds else "does not respond")
    return Step(name="page", holds=well, told=", ".join(filter(None, (told, status))))


def _clicks(seen: Observation) -> list[Step]:
    return [
        Step(
            name="click",
            holds=click.done,
            told=click.selector if click.done else f"{click.selector}: nothing to click on",
        )
        for click in seen.clicks
    ]


def _snippet(seen: Observation) -> Step:
    script = seen.script
    address = script.address if script else "an address of its own"
    if seen.live:
        return Step(name="snippet", holds=True, told=address)
    if script is None:
        return Step(name="snippet", holds=False, told="not on the page")
    return Step(name="snippet", holds=False, told=f"{address}: does not run")


def _tag(seen: Observation) -> Step:
    told = "Contentsquare's has taken over _uxa" if seen.tag else "Contentsquare's is absent"
    return Step(name="tag", holds=seen.tag, told=told)


def _callback(seen: Observation) -> Step:
    told = f"{seen.called} page view(s)" if seen.called else "afterPageView was not called"
    return Step(name="callback", holds=bool(seen.called), told=told)


def _session(seen: Observation) -> Step:
    session = seen.session
    if session is None:
        return Step(name="session", holds=False if seen.debugged else None, told="none told")
    told = (
        f"project {session.project_id}, user {shortened(session.user_id)}, "
        f"session {session.session_number}"
    )
    return Step(name="session", holds=True, told=told)


def _keys(seen: Observation) -> Step:
    told = ", ".join(f"{kind} {shortened(value)}" for kind, value in sorted(seen.keys.items()))
    words = "; ".join(filter(None, (told or "none", *seen.problems)))
    return Step(name="keys", holds=bool(seen.keys) if seen.session else None, told=words)


def _sent(seen: Observation) -> Step:
    if not seen.beacons:
        why = {"consent": "no consent", "opt_out": "opted out", "gpc": "privacy control"}
        told = why.get(seen.withheld or "", "nothing")
        return Step(name="sent", holds=False if seen.called else None, told=told)
    address = seen.beacons[-1].address or "the collector"
    return Step(name="sent", holds=True, told=f"{len(seen.beacons)} request(s) to {address}")


def _answer(seen: Observation) -> Step:
    if not seen.beacons:
        return Step(name="answer", holds=None, told="-")
    newest = seen.answered
    if newest is None:
        return Step(name="answer", holds=False, told=NOT_ANSWERED)
    told = str(newest.status) if newest.status is not None else newest.failure or ""
    extra = newest.code or (f"left out: {newest.ignored}" if newest.ignored else None)
    return Step(
        name="answer",
        holds=newest.status == 204 and not newest.ignored,
        told=", ".join(filter(None, (told, extra))),
    )
