"""What was seen of a page, as plain values: the ground of every diagnosis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

#: Where a collector serves its snippet, and where it takes beacons, whatever stands before.
SNIPPET_PATH = re.compile(r"/v1/snippet(\.[\w-]+)?\.js\Z", re.ASCII)
BEACON_PATH = "/v1/sessions"


def parts_of(address: str) -> SplitResult:
    """The parts of an address; all empty where it is none, since a page may name anything."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def is_snippet(address: str) -> bool:
    """Whether a collector's snippet is served at this address."""
    return SNIPPET_PATH.search(parts_of(address).path) is not None


def beacons_of(snippet: str) -> str:
    """Where the snippet of this address sends its beacons, unless the page names an endpoint."""
    return urljoin(snippet, "sessions") if is_snippet(snippet) else ""


def origin_of(address: str) -> str:
    """``scheme://host[:port]`` of an address."""
    parts = parts_of(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def without_password(address: str) -> str:
    """The address as it may be shown: a page under test is often behind a password."""
    parts = parts_of(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """How the page itself was opened; ``failure`` is in the browser's words."""

    address: str
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A script element for the snippet; ``held_back`` says that it is not meant to load yet."""

    address: str
    held_back: bool = False
    failed: bool = False
    has_integrity: bool = False
    has_crossorigin: bool = False
    requires_consent: bool = False
    ignores_gpc: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """One request for a script. Neither status nor failure: not answered yet."""

    address: str
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Which session the snippet tells.

    ``flaw`` says what makes it none; a number that cannot be read is 0.
    """

    project_id: int
    user_id: str
    session_number: int
    flaw: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beacon:
    """One beacon and its answer. Neither status nor failure: not answered yet.

    ``origin`` is that of the page that sent it, where that could be told: a redirect may have led
    away from the address that was asked for. ``code`` and ``ignored`` are the collector's headers
    X-Collector-Error and X-Collector-Ignored.
    """

    address: str
    origin: str = ""
    session: Session | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    failure: str | None = None
    code: str | None = None
    ignored: str | None = None

    @property
    def is_done(self) -> bool:
        return self.status is not None or self.failure is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """Something that the page's Content Security Policy has blocked.

    ``source`` is the script that asked for it, ``policy`` the whole policy.
    """

    directive: str
    address: str
    source: str = ""
    policy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """A click that was asked for, and whether there was something to click on."""

    selector: str
    done: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """The page at one moment.

    Attributes:
        responds: False when the page's own scripts keep it from answering.
        stays: False when it was gone before it could be asked; then, and where it does not
            respond, only the network has told anything.
        live: the snippet runs.
        tag: Contentsquare's tag has taken over ``_uxa``.
        called: how often ``afterPageView`` was called back.
        debugged: the snippet's second file tells what it saw; without it ``withheld`` is None
            and ``missing`` and ``problems`` are empty whatever happened.
        missing: the data-key attributes that find nothing, by kind: {"visitor_id": "cookie:name"}.
        withheld: why the snippet sends nothing: "consent", "opt_out" or "gpc".
        gpc: the browser asks for privacy by Global Privacy Control.
        complaints: errors on the console about the snippet's address.
        tag_downloads: requests for Contentsquare's tag.
    """

    opening: Opening
    responds: bool = True
    stays: bool = True
    scripts: tuple[Script, ...] = ()
    downloads: tuple[Download, ...] = ()
    tag_downloads: tuple[Download, ...] = ()
    violations: tuple[Violation, ...] = ()
    complaints: tuple[str, ...] = ()
    live: bool = False
    tag: bool = False
    called: int = 0
    debugged: bool = False
    session: Session | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    withheld: str | None = None
    gpc: bool = False
    problems: tuple[str, ...] = ()
    beacons: tuple[Beacon, ...] = ()
    clicks: tuple[Click, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether the page itself has told something."""
        return self.responds and self.stays

    @property
    def is_open(self) -> bool:
        """Whether there is anything to judge: a page to look at, or a beacon that was answered."""
        if self.opening.failure or (self.opening.status or 200) >= 400:
            return False
        newest = self.answered
        return self.is_read or (newest is not None and newest.status is not None)

    @property
    def script(self) -> Script | None:
        """The script element that counts: the first that is meant to load, else the first."""
        meant = [script for script in self.scripts if not script.held_back]
        return next(iter(meant or self.scripts), None)

    @property
    def download(self) -> Download | None:
        """The newest request for the script that counts."""
        address = self.script.address if self.script else None
        found = [download for download in self.downloads if download.address == address]
        return found[-1] if found else None

    @property
    def answered(self) -> Beacon | None:
        """The newest beacon of which the outcome is known."""
        return next((beacon for beacon in reversed(self.beacons) if beacon.is_done), None)

    @property
    def judged(self) -> tuple[Session | None, Mapping[str, str]]:
        """The session and keys of the newest outcome; before there is one, those of the page.

        The page may be ahead of what was sent, or tell later than the network: what is shown and
        what is concluded must rest on the same.
        """
        newest = self.answered
        if newest and newest.session:
            return newest.session, newest.keys
        return self.session, self.keys

    @property
    def unfound(self) -> dict[str, str]:
        """The attributes that find nothing, without those whose key was told nevertheless."""
        _, keys = self.judged
        return {kind: rule for kind, rule in self.missing.items() if kind not in keys}

    @property
    def collector(self) -> str | None:
        """The collector's origin, as far as the page names it."""
        address = (self.beacons[-1].address if self.beacons else "") or (
            self.script.address if self.script else ""
        )
        return origin_of(address) if address else None
