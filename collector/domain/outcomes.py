"""What can become of a beacon, in the words under which it is counted, and what to do about it.

A refusal is counted under the code that its answer carries. There is one remedy for each, said
to whoever looks after an installation; a test holds the table against the endpoint's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: It is on disk.
ACCEPTED = "accepted"

#: It is on disk, but a key of it is not; counted besides `ACCEPTED`.
KEY_IGNORED = "key_ignored"

#: It was answered like one that is accepted, and is not stored: its visitor was forgotten.
FORGOTTEN = "forgotten"

UNKNOWN_PROJECT = "unknown_project"
ORIGIN_NOT_ALLOWED = "origin_not_allowed"
OPTED_OUT = "opted_out"
TOO_MANY_SESSIONS = "too_many_sessions"

#: So many came of one client, or for one project, that this one was not even looked at.
RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, kw_only=True, slots=True)
class Remedy:
    """What to do about beacons with one outcome.

    ``text`` may name ``{project_id}`` and ``{origin}``, an origin whose pages can be opened. If
    there is a command to run, the text ends with it, after a colon and a blank. ``needs_person``
    says that it stays as it is until somebody does something.
    """

    text: str
    needs_person: bool = True


REMEDIES: Mapping[str, Remedy] = {
    UNKNOWN_PROJECT: Remedy(
        text="The snippet takes the project id from Contentsquare's tag, and on these pages that "
        "is another project's than {project_id}. Compare the tag with what the customer told. If "
        "both projects are right, the other one needs an installation of its own: collector "
        "installation add"
    ),
    ORIGIN_NOT_ALLOWED: Remedy(
        text="{origin} is not among the origins. If it is the customer's: collector installation "
        "edit {project_id} --add-origin {origin}"
    ),
    OPTED_OUT: Remedy(
        text="Nothing to do: these visitors' browsers send Global Privacy Control, and it is "
        'honoured. Where it need not be, put data-gpc="ignore" on the script tag, and: '
        "collector installation edit {project_id} --ignore-gpc",
        needs_person=False,
    ),
    FORGOTTEN: Remedy(
        text="Nothing to do: these visitors were forgotten, as they had asked, and stay out.",
        needs_person=False,
    ),
    TOO_MANY_SESSIONS: Remedy(
        text="Nothing to do: nobody visits a site so often. Somebody invents sessions of one user "
        "id, or a robot keeps its cookie; the proxy's log has the addresses.",
        needs_person=False,
    ),
    "invalid_beacon": Remedy(
        text="Contentsquare's tag told a session that is none (the detail says what is wrong), or "
        "something else than the snippet sends beacons, against docs/http.md. See what a page "
        "tells: collector verify {origin}/"
    ),
    "malformed_body": Remedy(
        text="A few are connections that broke off. Many come from something other than the "
        "snippet, or from a proxy that changes bodies: hold what is sent against docs/http.md.",
        needs_person=False,
    ),
    "too_large": Remedy(
        text="A beacon has at most 8 KiB. Let the page set fewer and shorter keys: a key names a "
        "visitor or a call, and has at most 200 characters."
    ),
    "too_slow": Remedy(
        text="A few come from slow lines. Many come from clients that send slowly on purpose: let "
        "the proxy read requests whole before it passes them on, as nginx does.",
        needs_person=False,
    ),
    "unsupported_media_type": Remedy(
        text="The snippet sends text/plain: find out what else sends beacons, and let it say "
        "text/plain or application/json."
    ),
    "database_unavailable": Remedy(
        text="The database did not answer, and the snippet sends again at the next page view. If "
        "it goes on: see the server's log, and COLLECTOR_DATABASE_URL.",
        needs_person=False,
    ),
    "too_busy": Remedy(
        text="More beacons came than were stored, and the snippet sends again at the next page "
        "view. If it goes on: see the server's log for a database that hangs, or give the server "
        "more cores, or a faster disk.",
        needs_person=False,
    ),
    RATE_LIMITED: Remedy(
        text="More came than a limit lets through (the detail says which), and the snippet sends "
        "again at the next page view. Where it is no flood: raise COLLECTOR_LIMIT_CLIENT or "
        "COLLECTOR_LIMIT_PROJECT, or name a server that posts for many in COLLECTOR_LIMIT_EXEMPT. "
        "If all clients seem to be one, COLLECTOR_PROXY_HOPS is not the number of proxies in "
        "front.",
        needs_person=False,
    ),
    "internal_error": Remedy(
        text="A mistake of the collector itself, which the server's log tells in full: report it "
        "to whoever maintains the collector."
    ),
    KEY_IGNORED: Remedy(
        text="The sessions are stored without that key, so calls cannot be found by it. Let the "
        "page set it as the reason says; docs/http.md has the rules."
    ),
}

#: Origins beyond those that are named for a day. Whoever invents some can hide another one here.
UNNAMED_ORIGINS = Remedy(
    text="These came from pages of other origins than those that are named, of which there are "
    "five a day, or of none that can be named. If strangers have used up the five, a page of the "
    "customer's may be among these, as `collector verify` tells. If so: collector installation "
    "edit {project_id} --add-origin https://..."
)

#: Origins that have nothing to do with the customer's, as long as the customer's are heard.
STRANGE_ORIGINS = Remedy(
    text="Nothing to do, unless one of these is the customer's: strangers copy, translate and "
    "archive pages. If one is: collector installation edit {project_id} --add-origin https://...",
    needs_person=False,
)

#: "null" and other origins that are not of the web.
NO_WEB_ORIGIN = Remedy(
    text="These stand for files, extensions or sandboxed frames, which no list can allow. If one "
    "is a frame of the customer's, its sandbox attribute needs allow-same-origin.",
    needs_person=False,
)

#: An origin that was refused before it was added.
ADDED_SINCE = Remedy(
    text="Nothing to do: this is among the origins by now.",
    needs_person=False,
)

#: Global Privacy Control that was honoured before the installation said otherwise.
IGNORED_SINCE = Remedy(
    text="Nothing to do: Global Privacy Control is ignored by now, if the script tag says so as "
    'well, by data-gpc="ignore".',
    needs_person=False,
)

#: No known project, from a page that is no installation's.
OF_NOBODY = Remedy(
    text="Nothing to do, unless one of these pages is a customer's: they told no project that has "
    "an installation. If one is: collector installation add",
    needs_person=False,
)

#: A refusal that only another version of the software makes.
UNKNOWN = Remedy(text="This version does not know the reason: see docs/http.md of the newest.")
