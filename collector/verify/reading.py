"""Turns what the page told into an ``Observation``. Nothing a page tells is trusted to be well."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from collector.domain.identifiers import MAX_PROJECT_ID, MAX_SESSION_NUMBER, is_user_id
from collector.verify.observation import (
    Beacon,
    Click,
    Download,
    Observation,
    Opening,
    Script,
    Session,
    Violation,
    without_password,
)
from collector.verify.texts import NO_ANSWER_IN_TIME

#: As much of a page's own words as is repeated, in characters and in number.
MAX_WORDS = 300
MOST = 10

#: What must be read whole to be of use, but has an end too.
MAX_ADDRESS = 2_000
MAX_POLICY = 20_000
MOST_REQUESTS = 100

#: The longest number that the collector takes as text has one digit less.
_TOO_MANY_DIGITS = 20

#: What Playwright says of its own patience, in milliseconds.
_IMPATIENT = re.compile(r"Timeout \d+ms exceeded")

#: What Playwright puts around the browser's words: its own function, and the address.
_ASKED = re.compile(r"^\w+\.\w+: | at https?://\S*")

#: User name and password in an address that stands among other words.
_USER = re.compile(r"(?<=://)[^\s/?#\"']*@")


def read(
    told: Mapping[str, Any] | None,
    *,
    responds: bool = True,
    opening: Opening,
    downloads: Sequence[Download],
    tag_downloads: Sequence[Download],
    beacons: Sequence[Beacon],
    complaints: Sequence[str],
    clicks: Sequence[Click],
) -> Observation:
    """What was seen, from what page.js told (None: it did not) and from the network.

    Args:
        responds: False if the page did not answer in time.
    """
    stays = told is not None or not responds
    told = told or {}
    debug = _mapping(told.get("seen"))
    sent = [_cleaned(beacon) for beacon in beacons[-MOST_REQUESTS:]] or _told_failure(debug)
    newest = sent[-1] if sent else None
    session = _session(debug.get("session"))
    return Observation(
        opening=opening,
        responds=responds,
        stays=stays,
        scripts=tuple(_script(item) for item in _mappings(told.get("scripts"))),
        downloads=tuple(downloads[-MOST_REQUESTS:]),
        tag_downloads=tuple(tag_downloads[-MOST_REQUESTS:]),
        violations=tuple(_violation(item) for item in _mappings(told.get("violations"))),
        complaints=tuple(dict.fromkeys(words(text) for text in complaints))[:MOST],
        live=bool(told.get("live")) or bool(sent),
        # A beacon is proof of what comes before it, though the page was asked too early to know.
        tag=bool(told.get("tag")) or bool(sent),
        called=max(_number(debug.get("called") if debug else told.get("called")), len(sent[:1])),
        debugged=bool(debug),
        session=session or (newest.session if newest else None),
        keys=_keys(debug.get("keys")) if debug else newest.keys if newest else {},
        missing=_keys(debug.get("missing")),
        withheld=_optional(debug.get("withheld")),
        gpc=bool(told.get("gpc")),
        problems=tuple(words(text) for text in _list(debug.get("problems")))[:MOST],
        beacons=tuple(sent),
        clicks=tuple(clicks),
    )


def body_of(text: str | None) -> tuple[Session, Mapping[str, str]] | None:
    """Session and keys of a beacon's body; None if it is no beacon."""
    try:
        body = _mapping(json.loads(text or ""))
    except (ValueError, RecursionError):
        return None
    names = body.keys()
    if not (
        {"sessionKey", "keys"} <= names
        or {"sessionKey", "projectId"} <= names
        or {"projectId", "userId", "sessionNumber"} <= names
    ):
        return None
    session = _session(body)
    return (session, _keys(body.get("keys"))) if session else None


def _cleaned(beacon: Beacon) -> Beacon:
    """With the words of whatever has answered as they may be shown."""
    code, ignored = _optional(beacon.code), _optional(beacon.ignored)
    return replace(beacon, code=code, ignored=ignored)


def _told_failure(debug: Mapping[str, Any]) -> list[Beacon]:
    """A request that the snippet could not make, as where the page has replaced fetch.

    This much is believed without having been seen on the network. That a request was answered,
    and how, is not: any script of the page may write it there.
    """
    failure = _optional(_mapping(debug.get("answer")).get("error"))
    if failure is None:
        return []
    session, keys = _session(debug.get("session")), _keys(debug.get("keys"))
    return [Beacon(address="", session=session, keys=keys, failure=failure)]


def _script(item: Mapping[str, Any]) -> Script:
    return Script(
        address=_address(item.get("address")),
        held_back=bool(item.get("held")),
        failed=bool(item.get("failed")),
        has_integrity=bool(item.get("integrity")),
        has_crossorigin=bool(item.get("crossorigin")),
        requires_consent=bool(item.get("requiresConsent")),
        ignores_gpc=bool(item.get("ignoresGpc")),
    )


def _violation(item: Mapping[str, Any]) -> Violation:
    return Violation(
        directive=words(item.get("directive")),
        address=_address(item.get("address")),
        source=_address(item.get("source")),
        policy=words(item.get("policy"), MAX_POLICY),
    )


def _session(value: object) -> Session | None:
    told = _mapping(value)
    if "sessionKey" in told and "userId" not in told:
        # The snippet passes on the tag's session key, which the collector splits at its last dot.
        user_id, _, number = _text(told["sessionKey"]).rpartition(".")
        told = {**told, "userId": user_id, "sessionNumber": number}
    if not told.keys() & {"projectId", "userId", "sessionNumber"}:
        return None
    return Session(
        project_id=_number(told.get("projectId")),
        user_id=words(told.get("userId")),
        session_number=_number(told.get("sessionNumber")),
        flaw=_flaw(told),
    )


def _flaw(told: Mapping[str, Any]) -> str:
    """What the collector will find wrong with the session; "" if nothing."""
    project, number = told.get("projectId"), told.get("sessionNumber")
    if project is None:
        return "it has no projectId"
    if not 1 <= _number(project) <= MAX_PROJECT_ID:
        return f"its projectId is {words(project) or 'blank'}, not a number from 1 on"
    if not isinstance(told.get("sessionKey", ""), str):
        return "its sessionKey is not text"
    if not _text(number).isdigit() and not _number(number):
        return "its sessionKey ends in no number"
    if not 1 <= _number(number) <= MAX_SESSION_NUMBER:
        return f"its session number is {words(number)}, not one from 1 to {MAX_SESSION_NUMBER}"
    return "" if is_user_id(_text(told.get("userId"))) else "its sessionKey begins with no user id"


def _keys(value: object) -> dict[str, str]:
    read_keys = ((words(kind), words(key)) for kind, key in _mapping(value).items())
    return dict(islice(((kind, key) for kind, key in read_keys if kind and key), MOST))


def first_line(message: str) -> str:
    """What the browser says, without what was asked of it."""
    return words(_ASKED.sub("", message.strip().partition("\n")[0]))


def open_failure(message: str) -> str:
    """Why a page could not be opened, in the browser's words, except that time is in seconds."""
    return NO_ANSWER_IN_TIME if _IMPATIENT.search(message) else first_line(message)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> int:
    """As the collector reads it: a whole number, or its digits as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 10**_TOO_MANY_DIGITS else 0
    if isinstance(value, str) and len(value) < _TOO_MANY_DIGITS:
        return int(value) if value.isascii() and value.isdigit() else 0
    return 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _address(value: object) -> str:
    return without_password(words(value, MAX_ADDRESS))


def _optional(value: object) -> str | None:
    return words(value) or None


def words(value: object, most: int = MAX_WORDS) -> str:
    """One line of printable text, not too long: it is shown on a terminal."""
    line = " ".join(_text(value).split())
    printable = "".join(character for character in line if character.isprintable())
    return _USER.sub("", printable)[:most]
