"""``POST /v1/sessions``: the path that every page view of every customer takes.

It reads from top to bottom, and each guard tells the page's developer why it said no. Nothing
but the beacon's own fields is kept: no IP address, no user agent, no address of the page. What
became of it is counted, with a few of the origins, so that an installation can explain itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, Response, g, request
from marshmallow import ValidationError

from collector.domain.beacon import Beacon, LeftOut, read_keys
from collector.domain.caps import MAX_KEYS_OF_SESSION, MAX_SESSIONS_OF_USER
from collector.domain.identifiers import SessionId, is_kind
from collector.domain.installation import Installation, origin_name
from collector.domain.outcomes import ACCEPTED, FORGOTTEN, KEY_IGNORED
from collector.errors import (
    KeysNotStoredError,
    OutdatedError,
    RequestRefusedError,
    TooManySessionsError,
)
from collector.storage import installations
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.sightings import Seen
from collector.web import answers, bodies, limiting, state
from collector.web.answers import CODE_HEADER, IGNORED_HEADER
from collector.web.committing import TooManyWaitingError
from collector.web.schemas import BeaconSchema, first_problem
from collector.web.state import State

blueprint = Blueprint("beacons", __name__)

PATH = "/v1/sessions"

MAX_BODY_BYTES = 8 * 1024

#: A page may send text/plain without a CORS preflight, which is why the snippet does.
MEDIA_TYPES = ("text/plain", "application/json")

PREFLIGHT_SECONDS = 86400

#: What an answer with content says that a page of another origin is to be able to read.
LOADED_BY_PAGES = {"Cross-Origin-Resource-Policy": "cross-origin"}

#: Where the express lane leaves a beacon's project, and why it could not be stored.
FAILED = "collector.failed"

#: Seconds after which a beacon may be sent again when too many wait.
RETRY_AFTER_SECONDS = 5

#: Why a new key of a session is left out that has as many as it may.
_FULL = f"is one too many: at most {MAX_KEYS_OF_SESSION} keys of one session are stored"

#: As much of a key's name as a header repeats.
MAX_ECHO = 30

_schema = BeaconSchema()


@blueprint.post(PATH, provide_automatic_options=False)
def record() -> Response:
    """Store a beacon, or say why not. 204 says that it is on disk.

    What is plainly right `collector serve` has stored before it comes here
    (`collector.web.express`).
    """
    if (failed := request.environ.get(FAILED)) is not None:
        g.project_id, error = failed
        return _answer_without(error, ())
    limits = state.current().limits
    if limiting.COUNTED not in request.environ:
        limiting.require_room(limits.of_client(*limiting.asking()), limiting.BY_CLIENT)
    bodies.require_media_type(MEDIA_TYPES)
    told, problem = _read(bodies.parse(bodies.read(MAX_BODY_BYTES)))
    while True:
        try:
            return _judge(told, problem)
        except OutdatedError:
            continue  # the installation was edited meanwhile: judge by what it is now


def _judge(told: dict[str, Any], problem: RequestRefusedError | None) -> Response:
    shared = state.current()
    installation = _installation(shared, told.get("project_id"))
    if installation is None:
        raise problem or RequestRefusedError(
            404, "unknown_project", f"Project {told['project_id']} has no installation here."
        )
    g.project_id = installation.project_id  # from here on it is counted under its project
    # What is wrong with a beacon comes second: only its own pages' mistakes are the customer's.
    _require_allowed_origin(request.headers.get("Origin"), installation)
    if problem is not None:
        raise problem
    _require_no_opt_out(installation)
    signed = shared.signed_keys(installation)
    keys, left_out = read_keys(told["keys"], installation.region, signed)
    beacon = Beacon(
        project_id=installation.project_id,
        session=SessionId(user_id=told["user_id"], session_number=told["session_number"]),
        keys=keys,
    )
    limiting.require_room(shared.limits.of_project(beacon.project_id), limiting.BY_PROJECT)
    forgotten = shared.forgotten(installation)
    if forgotten and forgotten.knows_visit(beacon.session.user_id, keys):
        # Answered like any other: nobody is to learn from a page who has asked to be forgotten.
        g.outcome = FORGOTTEN
        return _answer(left_out)
    # A paused installation is stored like any other: pausing is about sending.
    try:
        shared.store(Seen(beacon=beacon, now=datetime.now(UTC), judged_by=installation))
    except (TooManyWaitingError, TooManySessionsError, KeysNotStoredError) as error:
        return _answer_without(error, left_out)
    return _answer(left_out)


def _answer(left_out: Sequence[LeftOut]) -> Response:
    """It is on disk, but for the keys that were left out."""
    g.left_out = left_out
    return Response(status=204, headers=_ignored(left_out))


def _answer_without(error: Exception, left_out: Sequence[LeftOut]) -> Response:
    """The answer to a beacon of which something was not stored."""
    if not isinstance(error, KeysNotStoredError):
        raise _told(error) from None
    return _answer([*left_out, *(LeftOut(kind=kind, why=_FULL) for kind in error.kinds)])


@blueprint.after_request
def count(response: Response) -> Response:
    """Count every beacon by its outcome, and beside it one of which a key was left out."""
    if request.method != "POST":
        return response
    outcomes = [answers.failed() or (g.get("outcome", ACCEPTED), "")]
    if outcomes[0][0] == ACCEPTED and g.left_out:
        outcomes.append((KEY_IGNORED, _without_wild_names(g.left_out[0])))
    shared = state.current()
    for outcome, detail in outcomes:
        shared.meter.beacon(outcome).inc()
        shared.counts.note(
            g.get("project_id", NO_PROJECT),
            outcome,
            origin=origin_name(request.headers.get("Origin")),
            detail=detail,
            now=datetime.now(UTC),
        )
    return response


@blueprint.route(PATH, methods=["OPTIONS"], provide_automatic_options=False)
def preflight() -> Response:
    """What a browser asks before it sends JSON; the origin itself is judged with the beacon."""
    return Response(
        status=204,
        headers={
            "Allow": "GET, HEAD, POST, OPTIONS",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )


@blueprint.after_app_request
def let_the_page_read(response: Response) -> Response:
    """Without CORS headers on errors too, a page's developer would see a failure and no reason.

    The answers hold nothing that another origin must not know, and no cookie is ever used.
    """
    of_beacons = request.path == PATH or request.path.startswith(f"{PATH}/")
    if of_beacons and "Access-Control-Allow-Origin" not in response.headers:
        response.vary.add("Origin")
        if response.status_code != 204:
            response.headers.update(LOADED_BY_PAGES)
        origin = request.headers.get("Origin", "")
        if can_be_told(origin):
            response.headers.update(readable_by(origin))
    return response


def can_be_told(origin: str) -> bool:
    """Whether an origin may stand in a header."""
    return bool(origin) and origin.isascii() and origin.isprintable()


def readable_by(origin: str) -> dict[str, str]:
    """The headers by which pages of this origin may read an answer and its reasons."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join((CODE_HEADER, IGNORED_HEADER, "Retry-After")),
    }


def _read(body: object) -> tuple[dict[str, Any], RequestRefusedError | None]:
    """The fields that are right, and what is wrong with the first of the others."""
    if not isinstance(body, dict):
        raise RequestRefusedError(400, "malformed_body", "The body is not a JSON object.")
    try:
        return _schema.load(body), None
    except ValidationError as error:
        right = cast("dict[str, Any]", error.valid_data)
        return right, RequestRefusedError(400, "invalid_beacon", f"{first_problem(error)}.")


def _installation(shared: State, project_id: int | None) -> Installation | None:
    if project_id is None:
        return None
    with shared.database.read() as connection:
        found = installations.find(connection, project_id)
        if found is None:
            shared.unlearn(project_id)
        else:
            shared.learn(connection, found)
    return found


def _told(error: Exception) -> Exception:
    """An error of storing, as it is told to whoever sent the beacon."""
    if isinstance(error, TooManySessionsError):
        return RequestRefusedError(
            403,
            "too_many_sessions",
            f"This user has {MAX_SESSIONS_OF_USER} sessions above that number, as many as are "
            "stored of one.",
        )
    if not isinstance(error, TooManyWaitingError):
        return error
    return RequestRefusedError(
        503,
        "too_busy",
        "Too many beacons wait to be stored. Send it again later.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _require_allowed_origin(origin: str | None, installation: Installation) -> None:
    # Browsers always name the origin of such a request: without one it comes from a server.
    if origin is not None and origin_name(origin) not in installation.origins:
        raise RequestRefusedError(
            403,
            "origin_not_allowed",
            f"This page's origin is not among those of project {installation.project_id}. "
            "Whoever runs the collector can add it to the installation.",
        )


def _require_no_opt_out(installation: Installation) -> None:
    # The snippet asks the browser itself; the header also speaks for pages with an older one.
    if installation.honour_gpc and request.headers.get("Sec-GPC") == "1":
        raise RequestRefusedError(
            403,
            "opted_out",
            "The visitor's browser sends Global Privacy Control, which is honoured here.",
        )


def _ignored(left_out: Sequence[LeftOut]) -> dict[str, str]:
    """The header that tells the page's developer of the first key that was left out."""
    if not left_out:
        return {}
    kind, why = left_out[0].kind, left_out[0].why
    if kind is None:
        return {IGNORED_HEADER: f"keys {why}"}
    shown = "".join(letter if "!" <= letter <= "~" else "?" for letter in kind[:MAX_ECHO])
    return {IGNORED_HEADER: f"keys.{shown} {why}"}


def _without_wild_names(left_out: LeftOut) -> str:
    # A page that mixes up names and values must not get a value into the statistics.
    if left_out.kind is None:
        return f"keys {left_out.why}"
    named = f"keys.{left_out.kind}" if is_kind(left_out.kind) else "a key (its name is not shown)"
    return f"{named} {left_out.why}"
