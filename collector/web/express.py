"""The express lane of beacons: acknowledges what is plainly right, and leaves the rest to Flask.

Nearly all beacons are well-formed, come from an allowed page, and carry keys of which each is
right. To find that out costs less than the framework's way to the view, so it is found out
before, in the event loop of the server, where a beacon that waits for the disk holds no thread.
Whatever else comes goes to the application, and `collector.web.beacons` alone says why a beacon is
refused. A test holds that nobody can tell from an answer which way it went.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask import Flask
from werkzeug.http import parse_options_header

from collector.domain.beacon import Beacon, read_keys
from collector.domain.identifiers import MAX_KEY_LENGTH, MAX_KEYS, TRACKING_NUMBER, SessionId
from collector.domain.installation import Installation, origin_name
from collector.domain.outcomes import ACCEPTED, RATE_LIMITED
from collector.errors import OutdatedError, RequestRefusedError
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED
from collector.storage.sightings import Seen
from collector.web import answers, beacons, bodies, clients, limiting, receiving, schemas, state
from collector.web.meter import BEGUN
from collector.web.rsgi import Closed, Exchange, HeaderList, Headers, Scope
from collector.web.threads import Threads, Unread

#: As many as are remembered as they are spelt (`collector.domain.numbers`).
MAX_NUMBERS = 10_000

_NOTHING: Mapping[str, Any] = {}
_HEADERS = [("content-type", "text/html; charset=utf-8"), ("vary", "Origin")]
_OF_ALL = [(name.lower(), value) for name, value in answers.HEADERS.items()]


class Express:
    """An RSGI application in front of the Flask application."""

    def __init__(self, app: Flask, threads: int) -> None:
        self._shared = state.of(app)
        # Found once, since it is counted with each beacon.
        self._accepted = self._shared.meter.beacon(ACCEPTED)
        self._seconds = self._shared.meter.express
        self._limits = self._shared.limits
        self._threads = Threads(app, threads, client_seconds=self._shared.client_seconds)
        self._of_content = [
            (name.lower(), value)
            for name, value in (self._shared.headers_of_content | beacons.LOADED_BY_PAGES).items()
        ]
        #: The tracking numbers that were met, with their regions: to read one costs much once.
        self._numbers: set[tuple[str, str | None]] = set()

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """All requests were answered. What is left is written, and the process may end."""
        self._shared.parking.close()
        self._threads.close()
        self._shared.close()
        if multiprocessing.parent_process() is not None:
            atexit.register(_leave)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        if scope.path != beacons.PATH:
            limit = receiving.MAX_BODY_BYTES
            await self._threads.answer(scope, exchange, limit=limit, more={BEGUN: begun})
            return
        body: bytes | Unread | None = None
        more: dict[str, Any] = {BEGUN: begun}
        if scope.method == "POST" and _is_short(scope.headers):
            seconds = self._limits.of_client(*self._asking(scope))
            more[limiting.COUNTED] = True
            if seconds or _may_be_plain(scope.headers):
                # Unread, it would take the connection with it, which a proxy keeps for others.
                body = await self._threads.body(exchange)
            if seconds:
                self._turn_away(scope, exchange, seconds, limiting.BY_CLIENT)
                return
            if body is not None:
                told = await self._acknowledge(scope, exchange, body, begun)
                if told is None:
                    return
                more.update(told)
        limit = beacons.MAX_BODY_BYTES
        await self._threads.answer(scope, exchange, body=body, limit=limit, more=more)

    async def _acknowledge(
        self, scope: Scope, exchange: Exchange, body: bytes | Unread, begun: float
    ) -> Mapping[str, Any] | None:
        """None if the beacon was answered, else what the application has to know."""
        if not isinstance(body, bytes):
            return _NOTHING
        origin = scope.headers.get("origin")
        seen = self._plainly_right(body, origin, scope.headers.get("sec-gpc"))
        if seen is None:
            return _NOTHING
        seconds = self._limits.of_project(seen.beacon.project_id)
        if seconds:
            self._turn_away(
                scope, exchange, seconds, limiting.BY_PROJECT, project_id=seen.beacon.project_id
            )
            return None
        failed = await self._store(seen)
        if failed is not None:
            return failed
        self._count(seen, origin)
        with suppress(Closed):  # whoever asked has gone
            exchange.response_empty(204, _headers(origin))
        self._seconds.observe(time.perf_counter() - begun)
        return None

    def _asking(self, scope: Scope) -> tuple[str, str | None]:
        """Whoever has connected, and what proxies say of it if any is believed."""
        told = ",".join(scope.headers.get_all(clients.HEADER)) if self._limits.hops else None
        return scope.client.rpartition(":")[0], told

    def _turn_away(
        self,
        scope: Scope,
        exchange: Exchange,
        seconds: int,
        message: str,
        *,
        project_id: int = NO_PROJECT,
    ) -> None:
        """Answer 429 at once: it must cost less than what it is to stop."""
        origin = ",".join(scope.headers.get_all("origin"))
        readable = beacons.readable_by(origin) if beacons.can_be_told(origin) else {}
        told = [
            *limiting.headers(seconds),
            *self._of_content,
            ("vary", "Origin"),
            *readable.items(),
        ]
        with suppress(Closed):
            exchange.response_bytes(limiting.STATUS, told, limiting.body(message))
        self._shared.meter.beacon(RATE_LIMITED).inc()
        self._shared.counts.note(
            project_id,
            RATE_LIMITED,
            origin=origin_name(origin or None),
            detail=message,
            now=datetime.now(UTC),
        )

    async def _store(self, seen: Seen) -> Mapping[str, Any] | None:
        """None when it is on disk, else what the application has to know."""
        try:
            await self._shared.parking.store(seen)
        except OutdatedError:
            return _NOTHING  # the view reads the installation afresh, and judges by that
        except Exception as error:  # noqa: BLE001 - the view raises it
            return {beacons.FAILED: (seen.beacon.project_id, error)}
        return None

    def _count(self, seen: Seen, origin: str | None) -> None:
        self._accepted.inc()
        self._shared.counts.note(
            seen.beacon.project_id,
            ACCEPTED,
            origin=origin or UNNAMED,
            detail="",
            now=datetime.now(UTC),
        )

    def _plainly_right(self, body: bytes, origin: str | None, gpc: str | None) -> Seen | None:
        """The beacon, if there is nothing about it that has to be told."""
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
            or (installation.honour_gpc and gpc == "1")
            or not self._are_quickly_read(keys, installation.region)
        ):
            return None
        signed = self._shared.signed_keys(installation)
        usable, left_out = read_keys(keys, installation.region, signed)
        if left_out:
            return None
        if installation.forgettings and self._may_be_forgotten(installation, session, usable):
            return None
        beacon = Beacon(project_id=project_id, session=session, keys=usable)
        return Seen(beacon=beacon, now=datetime.now(UTC), judged_by=installation)

    def _may_be_forgotten(
        self, installation: Installation, session: SessionId, keys: Mapping[str, str]
    ) -> bool:
        """Whether the visitor is known to stay out, or that has to be read first."""
        try:
            forgotten = self._shared.forgotten(installation)
        except OutdatedError:
            return True
        return forgotten is not None and forgotten.knows_visit(session.user_id, keys)

    def _are_quickly_read(self, keys: object, region: str | None) -> bool:
        """Whether the loop may read these keys, at which everybody else waits.

        A number that is met for the first time is read in a thread, and known from then on.
        """
        if not isinstance(keys, dict) or len(keys) > MAX_KEYS:
            return keys is None
        number = keys.get(TRACKING_NUMBER)
        if not isinstance(number, str):
            return number is None
        if len(number) > MAX_KEY_LENGTH:
            return False  # it is left out, and takes memory from no other
        if (number, region) in self._numbers:
            return True
        if len(self._numbers) >= MAX_NUMBERS:
            self._numbers.clear()
        self._numbers.add((number, region))
        return False


def _leave() -> None:
    """End this worker without taking the interpreter apart.

    Threads of granian's may still be about to ask for it, and whoever does so by then aborts.
    """
    os._exit(0)


def _is_short(headers: Headers) -> bool:
    """Whether the body is as long as it says, and not too long."""
    length = headers.get("content-length") or ""
    return (
        length.isascii()
        and length.isdigit()
        and len(length) < 6
        and int(length) <= beacons.MAX_BODY_BYTES
        and "transfer-encoding" not in headers
    )


def _may_be_plain(headers: Headers) -> bool:
    """Whether a body is worth judging: it is declared well."""
    return (
        _is_once(headers, "content-type")
        and _media_type(headers.get("content-type") or "") in beacons.MEDIA_TYPES
        and ("origin" not in headers or _is_once(headers, "origin"))
    )


def _is_once(headers: Headers, name: str) -> bool:
    """Whether there is one such header, and it can be read."""
    return len(headers.get_all(name)) == 1


@lru_cache(maxsize=100)
def _media_type(content_type: str) -> str:
    return parse_options_header(content_type)[0].lower()


@lru_cache(maxsize=1000)
def _headers(origin: str | None) -> HeaderList:
    """What the view's acknowledgement of a beacon from this allowed origin would carry."""
    readable = {} if origin is None else beacons.readable_by(origin)
    return [*_HEADERS, *((name.lower(), value) for name, value in readable.items()), *_OF_ALL]
