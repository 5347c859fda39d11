"""Beacons under full load until the server dies, and what had been acknowledged by then.

One thread and one selector, so that what was acknowledged is known to the last byte: what the
server managed to say before it was killed still lies in the sockets, and counts.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECTIONS = 64

#: Silence for so long means that the server hangs.
PATIENCE_SECONDS = 30

_ACKNOWLEDGED = b"HTTP/1.1 204 "
_END = b"\r\n\r\n"


@dataclass(kw_only=True, slots=True)
class Told:
    """Beacons by session: how many were sent, and how many of them acknowledged."""

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: list[bytes] = field(default_factory=list)


def load_until_gone(
    address: tuple[str, int], project_id: int, told: Told, seconds: float, end: Callable[[], None]
) -> None:
    """Send a beacon on each of many connections whenever the last was answered, until all close.

    Args:
        told: what was sent and acknowledged is added to it.
        seconds: so long after the first answer the server is ended.
        end: ends the server, and does not wait for it.
    """
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(address, timeout=PATIENCE_SECONDS)
            session = _next_session(told)
            connection.sendall(_request(project_id, session))
            selector.register(connection, selectors.EVENT_READ, session)
        end_at = None
        while selector.get_map():
            ready = selector.select(0.01 if end_at else PATIENCE_SECONDS)
            if not ready and end_at is None:
                raise TimeoutError("The server answers nothing.")
            now = time.monotonic()
            end_at = end_at or now + seconds
            if now >= end_at:
                end()
                end, end_at = _nothing, now + PATIENCE_SECONDS
            for key, _ in ready:
                _take_answer(selector, key, project_id, told)


def _nothing() -> None:
    raise TimeoutError("Connections stay open although the server was ended.")


def _take_answer(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, project_id: int, told: Told
) -> None:
    connection, session = key.fileobj, key.data
    assert isinstance(connection, socket.socket)
    try:
        answer = connection.recv(4096)
        if answer.startswith(_ACKNOWLEDGED) and answer.endswith(_END):
            told.acknowledged[session] += 1
        elif answer:
            told.refused.append(answer)
        following = _next_session(told) if answer else None
        if following is not None:
            connection.sendall(_request(project_id, following))
            selector.modify(connection, selectors.EVENT_READ, following)
            return
    except OSError:
        pass  # it was killed before it read this one, which was therefore never acknowledged
    selector.unregister(connection)
    connection.close()


_chance = random.Random(0)  # noqa: S311


def _next_session(told: Told) -> str:
    """A new session, or another page view of one that was seen before."""
    known = len(told.sent)
    number = known if not known or _chance.random() < 0.5 else _chance.randrange(known)
    session = f"user-{number}.1"
    told.sent[session] += 1
    return session


def keys_of(session: str) -> dict[str, str]:
    """The match keys that each beacon of a session tells."""
    number = int(session.partition(".")[0].removeprefix("user-"))
    return {
        "visitor_id": f"v-{number}",
        "tracking_number": f"+3319900{number % 10_000:04d}",
    }


def _request(project_id: int, session: str) -> bytes:
    told = {"projectId": project_id, "sessionKey": session, "keys": keys_of(session)}
    body = json.dumps(told).encode()
    return (
        b"POST /v1/sessions HTTP/1.1\r\nHost: collector.example\r\n"
        b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body
