"""The express lane of beacons: acknowledges what is plainly right, and leaves the rest to the view.

Nearly all beacons are well-formed, come from an allowed page, and carry keys of which each is
right. To find that out costs less than the framework's way to the view, so it is found out before.
Whatever else comes takes that way, and `collector.web.beacons` alone says why it is refused. A
test holds that nobody can tell from an answer which way it went.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug.http import parse_options_header

from collector.domain.beacon import Beacon, read_keys
from collector.domain.outcomes import ACCEPTED
from collector.errors import OutdatedError, RequestRefusedError
from collector.storage.beacon_counts import UNNAMED
from collector.storage.sightings import Seen
from collector.web import answers, beacons, bodies, schemas
from collector.web.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Vary", "Origin"),
]
_OF_ALL = list(answers.HEADERS.items())


class Express:
    """A WSGI application in front of another, which has the beacons' view."""

    def __init__(self, application: WSGIApplication, shared: State) -> None:
        self._application = application
        self._shared = shared

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == beacons.PATH and environ["REQUEST_METHOD"] == "POST":
            origin = environ.get("HTTP_ORIGIN")
            seen = self._plainly_right(environ, origin)
            if seen is not None and self._is_stored(seen, environ):
                self._shared.counts.note(
                    seen.beacon.project_id,
                    ACCEPTED,
                    origin=origin or UNNAMED,
                    detail="",
                    now=datetime.now(UTC),
                )
                start("204 NO CONTENT", _headers(origin))
                return [b""]
        return self._application(environ, start)

    def _plainly_right(self, environ: WSGIEnvironment, origin: str | None) -> Seen | None:
        """The beacon, if there is nothing about it that has to be told."""
        body = _body(environ)
        if body is None:
            return None
        try:
            told = schemas.plain_beacon(bodies.parse(body))
        except RequestRefusedError:
            return None
        if told is None:
            return None
        project_id, session, keys = told
        installation = self._shared.known_installations.get(project_id)
        if (
            installation is None
            or (origin is not None and origin not in installation.origins)
            or (installation.honour_gpc and environ.get("HTTP_SEC_GPC") == "1")
        ):
            return None
        usable, left_out = read_keys(keys, installation.region)
        if left_out:
            return None
        beacon = Beacon(project_id=project_id, session=session, keys=usable)
        return Seen(beacon=beacon, now=datetime.now(UTC), judged_by=installation)

    def _is_stored(self, seen: Seen, environ: WSGIEnvironment) -> bool:
        try:
            self._shared.store(seen)
        except OutdatedError:
            return False  # the view reads the installation afresh, and judges by that
        except Exception as error:  # noqa: BLE001 - the view raises it
            environ[beacons.FAILED] = (seen.beacon.project_id, error)
            return False
        return True


def _body(environ: WSGIEnvironment) -> bytes | None:
    """The body, if it is as long as it says and that is not too long; it can be read again."""
    length = environ.get("CONTENT_LENGTH", "")
    if (
        not (length.isascii() and length.isdigit() and len(length) < 6)
        or int(length) > beacons.MAX_BODY_BYTES
        or "HTTP_TRANSFER_ENCODING" in environ
        or _media_type(environ.get("CONTENT_TYPE", "")) not in beacons.MEDIA_TYPES
    ):
        return None
    stream, size = environ["wsgi.input"], int(length)
    body: bytes = stream.read(size)
    environ["wsgi.input"] = io.BytesIO(body)
    return body if len(body) == size else None


@lru_cache(maxsize=100)
def _media_type(content_type: str) -> str:
    return parse_options_header(content_type)[0].lower()


@lru_cache(maxsize=1000)
def _headers(origin: str | None) -> list[tuple[str, Any]]:
    """What the view's acknowledgement of a beacon from this allowed origin would carry."""
    readable = [] if origin is None else list(beacons.readable_by(origin).items())
    return [*_HEADERS, *readable, *_OF_ALL]
