"""A finding as steps for people and as JSON for machines; values of visitors are cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collector.verify.diagnosis import NOT_ANSWERED, Diagnosis
from collector.verify.observation import Beacon, Download, Observation

#: What a page that cannot be asked does not tell.
UNTOLD = "the page does not tell"


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
    session, keys = seen.judged
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
            "project_id": (session.project_id or None) if session else None,
            "keys": sorted(keys),
            "missing": seen.unfound,
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


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
    if (opening.status or 200) >= 400:
        return Step(name="page", holds=False, told=f"answered with status {opening.status}")
    status = f"status {opening.status}" if opening.status else None
    told = opening.failure or (
        "does not respond" if not seen.responds else "opened" if seen.stays else "does not stay"
    )
    return Step(name="page", holds=seen.is_open, told=", ".join(filter(None, (told, status))))


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
    known = [script] if script else seen.downloads
    address = known[-1].address if known else "an address of its own"
    if seen.live:
        return Step(name="snippet", holds=True, told=address)
    if script is None:
        return Step(name="snippet", holds=False, told="not on the page")
    return Step(name="snippet", holds=False, told=f"{address}: does not run")


def _tag(seen: Observation) -> Step:
    if seen.tag:
        return Step(
            name="tag", holds=True, told="Contentsquare's tag runs (it has taken over _uxa)"
        )
    if not seen.is_read:
        return Step(name="tag", holds=None, told=UNTOLD)
    return Step(name="tag", holds=False, told="Contentsquare's tag is absent")


def _callback(seen: Observation) -> Step:
    if seen.called:
        return Step(name="callback", holds=True, told=_counted(seen.called, "page view"))
    if not seen.is_read:
        return Step(name="callback", holds=None, told=UNTOLD)
    return Step(name="callback", holds=False, told="afterPageView was not called")


def _session(seen: Observation) -> Step:
    session, _ = seen.judged
    if session is None:
        return Step(name="session", holds=False if seen.debugged else None, told="none told")
    if session.flaw:
        return Step(name="session", holds=False, told=f"cannot be read: {session.flaw}")
    told = (
        f"project {session.project_id}, user {shortened(session.user_id)}, "
        f"session {session.session_number}"
    )
    return Step(name="session", holds=True, told=told)


def _keys(seen: Observation) -> Step:
    session, keys = seen.judged
    told = ", ".join(f"{kind} {shortened(value)}" for kind, value in sorted(keys.items()))
    unfound = [f"no {kind}: {rule} finds nothing" for kind, rule in seen.unfound.items()]
    words = [told] if told else [] if unfound else ["none"]
    return Step(
        name="keys",
        holds=bool(keys) if session else None,
        told="; ".join([*words, *unfound, *seen.problems]),
    )


def _sent(seen: Observation) -> Step:
    if not seen.beacons:
        why = {"consent": "no consent", "opt_out": "opted out", "gpc": "privacy control"}
        told = why.get(seen.withheld or "", "nothing")
        return Step(name="sent", holds=False if seen.called else None, told=told)
    address = seen.beacons[-1].address or "the collector"
    return Step(
        name="sent", holds=True, told=f"{_counted(len(seen.beacons), 'request')} to {address}"
    )


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
