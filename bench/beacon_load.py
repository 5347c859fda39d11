"""Posts ready-made beacons as fast as a server answers, or at a fixed rate.

It shares the machine with the server that it loads, so it does as little as can be done: one
thread, one epoll, bytes that were made before, and of an answer only its status is looked at.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

#: An answer that takes longer ends the measurement.
PATIENCE_SECONDS = 20

_ACKNOWLEDGED = b"HTTP/1.1 204 "
_END = b"\r\n\r\n"


class LoadError(Exception):
    """The server hung up, fell silent, or answered something else than 204."""


@dataclass(kw_only=True, slots=True)
class Load:
    """What came of it. Latencies are in seconds, counted from when a request was due."""

    answered: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answered / self.seconds

    def quantile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Connections:
    """So many open connections to one server; closed at the end."""

    def __init__(self, address: tuple[str, int], number: int) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        for _ in range(number):
            one = socket.create_connection(address, timeout=PATIENCE_SECONDS)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[one.fileno()] = one
            self._poll.register(one.fileno(), select.EPOLLIN)

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for one in self._sockets.values():
            one.close()

    def at_full_speed(self, requests: Sequence[bytes], seconds: float) -> Load:
        """A new request on each connection as soon as its last one was answered."""
        load, following = Load(), iter(requests)
        begun = time.perf_counter()
        until, now = begun + seconds, begun
        for one in self._sockets.values():
            one.sendall(next(following))
        waiting = len(self._sockets)
        while waiting:
            for number in self._answered(PATIENCE_SECONDS):
                load.answered += 1
                request = next(following, None) if now < until else None
                if request is None:
                    waiting -= 1
                else:
                    self._sockets[number].send(request)
            now = time.perf_counter()
        load.seconds = now - begun
        return load

    def at_rate(self, requests: Sequence[bytes], rate: float, seconds: float) -> Load:
        """So many requests a second, whatever the server does; late answers delay none of them."""
        load, due = Load(), deque[float]()
        idle, sent = deque(self._sockets), dict[int, float]()
        begun = time.perf_counter()
        made, total = 0, min(len(requests), int(rate * seconds))
        following = iter(requests)
        while load.answered < total:
            now = time.perf_counter()
            while made < total and begun + made / rate <= now:
                due.append(begun + made / rate)
                made += 1
            while due and idle:
                number = idle.popleft()
                sent[number] = due.popleft()
                self._sockets[number].send(next(following))
            until_next = begun + made / rate - time.perf_counter()
            patience = max(until_next, 0) if made < total else PATIENCE_SECONDS
            for number in self._answered(patience, is_late=made == total):
                load.latencies.append(time.perf_counter() - sent[number])
                load.answered += 1
                idle.append(number)
        load.seconds = time.perf_counter() - begun
        return load

    def _answered(self, patience: float, *, is_late: bool = True) -> list[int]:
        """The connections that have had their answer."""
        ready = self._poll.poll(patience)
        if not ready and is_late:
            raise LoadError(f"No answer within {patience:.0f} s.")
        for number, _ in ready:
            # An answer without a body comes in one piece.
            answer = self._sockets[number].recv(4096)
            if not (answer.startswith(_ACKNOWLEDGED) and answer.endswith(_END)):
                raise LoadError(f"Not acknowledged: {answer[:300]!r}")
        return [number for number, _ in ready]
