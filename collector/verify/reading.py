"""Turns what the page told into an ``Observation``. Nothing a page tells is trusted to be well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from collector.verify.observation import (
    Beacon,
    Click,
    Download,
    Observation,
    Opening,
    Script,
    Session,
    Violation,
)

#: As much of a page's own words as is repeated, in characters and in number.
MAX_WORDS = 300
MOST = 10


def read(
    told: Mapping[str, Any] | None,
    *,
    opening: Opening,
    downloads: Sequence[Download],
    tag_downloads: Sequence[Download],
    beacons: Sequence[Beacon],
    complaints: Sequence[str],
    clicks: Sequence[Click],
) -> Observation:
    """What was seen, from what page.js told (None: it did not answer) and from the network."""
    told = told or {}
    debug = _mapping(told.get("seen"))
    sent = [*beacons, *([] if beacons else _told_beacons(debug))]
    newest = sent[-1] if sent else None
    session = _session(debug.get("session"))
    return Observation(
        opening=opening,
        responds=bool(told) or bool(opening.failure),
        scripts=tuple(_script(item) for item in _mappings(told.get("scripts"))),
        downloads=tuple(downloads),
        tag_downloads=tuple(tag_downloads),
        violations=tuple(_violation(item) for item in _mappings(told.get("violations"))),
        complaints=tuple(dict.fromkeys(_words(text) for text in complaints))[:MOST],
        live=bool(told.get("live")) or bool(sent),
        tag=bool(told.get("tag")),
        called=_number(debug.get("called") if debug else told.get("called")),
        debugged=bool(debug),
        session=session or (newest.session if newest else None),
        keys=_keys(debug.get("keys")) if debug else newest.keys if newest else {},
        withheld=_optional(debug.get("withheld")),
        gpc=bool(told.get("gpc")),
        problems=tuple(_words(text) for text in _list(debug.get("problems")))[:MOST],
        beacons=tuple(sent),
        clicks=tuple(clicks),
    )


def body_of(text: str | None) -> tuple[Session, Mapping[str, str]] | None:
    """Session and keys of a beacon's body; None if it is no beacon."""
    try:
        body = _mapping(json.loads(text or ""))
    except (ValueError, RecursionError):
        return None
    session = _session(body)
    return (session, _keys(body.get("keys"))) if session else None


def _told_beacons(debug: Mapping[str, Any]) -> list[Beacon]:
    """What the snippet tells of its request, where the network did not show any."""
    answer = _mapping(debug.get("answer"))
    if not answer:
        return []
    error = _optional(answer.get("error"))
    beacon = Beacon(
        address="",
        session=_session(debug.get("session")),
        keys=_keys(debug.get("keys")),
        status=None if error else _number(answer.get("status")) or None,
        failure=error,
        code=_optional(answer.get("code")),
        ignored=_optional(answer.get("ignored")),
    )
    return [beacon]


def _script(item: Mapping[str, Any]) -> Script:
    return Script(
        address=_text(item.get("address")),
        held_back=bool(item.get("held")),
        failed=bool(item.get("failed")),
        has_integrity=bool(item.get("integrity")),
        has_crossorigin=bool(item.get("crossorigin")),
        requires_consent=bool(item.get("requiresConsent")),
        ignores_gpc=bool(item.get("ignoresGpc")),
    )


def _violation(item: Mapping[str, Any]) -> Violation:
    return Violation(
        directive=_text(item.get("directive")),
        address=_text(item.get("address")),
        source=_text(item.get("source")),
        policy=_text(item.get("policy")),
    )


def _session(value: object) -> Session | None:
    told = _mapping(value)
    if not {"projectId", "userId", "sessionNumber"} <= told.keys():
        return None
    return Session(
        project_id=_number(told["projectId"]),
        user_id=_text(told["userId"]),
        session_number=_number(told["sessionNumber"]),
    )


def _keys(value: object) -> dict[str, str]:
    return {kind: _text(key) for kind, key in _mapping(value).items() if key not in (None, "")}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole else 0  # type: ignore[call-overload]


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _optional(value: object) -> str | None:
    return _words(value) or None


def _words(value: object) -> str:
    """One line of printable text, not too long."""
    line = " ".join(_text(value).split())
    return "".join(character for character in line if character.isprintable())[:MAX_WORDS]
