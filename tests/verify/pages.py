"""Observations for the tests: a page on which all is well, and how one thing of it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collector.verify.observation import (
    Beacon,
    Download,
    Observation,
    Opening,
    Script,
    Session,
    Violation,
)

#: As it was asked for; it leads on to the page that sends.
PAGE = "https://shop.example/"
ORIGIN = "https://www.shop.example"
HOST = "https://collector.example.com"
SNIPPET = f"{HOST}/v1/snippet.js"
SESSIONS = f"{HOST}/v1/sessions"

SCRIPT = Script(address=SNIPPET)
DOWNLOAD = Download(address=SNIPPET, status=200)
SESSION = Session(project_id=162, user_id="ae267-6g87D-88Nn6od", session_number=4)
KEYS = {"visitor_id": "v-123456789", "tracking_number": "+33199001234"}
BEACON = Beacon(address=SESSIONS, origin=ORIGIN, session=SESSION, keys=KEYS, status=204)

WELL = Observation(
    opening=Opening(address=PAGE, status=200),
    scripts=(SCRIPT,),
    downloads=(DOWNLOAD,),
    live=True,
    tag=True,
    called=1,
    debugged=True,
    session=SESSION,
    keys=KEYS,
    beacons=(BEACON,),
)

#: The same page before the snippet has sent anything.
UNSENT = replace(WELL, beacons=())


def opening(**changes: Any) -> Observation:
    """A page that was not opened."""
    return Observation(opening=Opening(address=PAGE, **changes))


def not_running(*, script: Script = SCRIPT, **changes: Any) -> Observation:
    """A page whose snippet is there, but does not run."""
    bare = Observation(opening=WELL.opening, scripts=(script,), downloads=(DOWNLOAD,), tag=True)
    return replace(bare, **changes)


def answered(**changes: Any) -> Observation:
    """A page whose beacon had another outcome."""
    return replace(WELL, beacons=(replace(BEACON, **{"status": None, **changes}),))


def blocked(directive: str, address: str, policy: str, source: str = "") -> Violation:
    return Violation(directive=directive, address=address, policy=policy, source=source)
