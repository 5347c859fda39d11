"""The points at which a worker can die: counted, and one of them is where it does."""

from __future__ import annotations

import mmap
import os
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, get_ident
from typing import Any

import sqlalchemy as sa
import urllib3.connection

from collector.storage.database import Database

#: Points at which a worker can stall and hold nobody up: no transaction of its own is open, and
#: what it has decided can still be undone. Right before the bytes of a request leave, nothing
#: could stop them any more, so there the harness kills, but does not stall.
CAN_STALL = frozenset({"before a transaction", "before sending", "in a pause", "request written",
                       "answer received"})  # fmt: skip

_COUNTS = struct.Struct("<qqh200s")


class Tally:
    """What a worker has done, in memory that it shares with the process that waits for it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNTS.size)
        self.points = 0
        self.written = 0
        self.said = ""

    def note(self) -> None:
        """Make it visible to the other process."""
        said = self.said.encode()[:200]
        self._memory[:] = _COUNTS.pack(self.points, self.written, len(said), said)

    def read(self) -> Tally:
        """What the other process has noted."""
        self.points, self.written, length, said = _COUNTS.unpack(self._memory[:])
        self.said = said[:length].decode(errors="replace")
        return self


class Points:
    """Counts the points of this process, and sends it ``signal_number`` at the one numbered ``at``.

    No request is half written then by another thread: nobody could tell whether it arrives. One
    that stalls does so at the first point from there on at which no transaction is open, since
    that would hold up everybody else.

    Args:
        at: counted from 1; 0 for none.
        kinds: only such points are counted; None counts all.
    """

    def __init__(
        self, tally: Tally, at: int, signal_number: int, kinds: frozenset[str] | None = None
    ) -> None:
        self._tally = tally
        self._at = at
        self._signal = signal_number
        self._kinds = kinds
        self._lock = Lock()
        self._transactions = 0

    def reach(self, kind: str, detail: str = "") -> None:
        """This process has come to a point."""
        if self._kinds is not None and kind not in self._kinds:
            return
        with self._lock:
            self._tally.points += 1
            self._tally.said = f"{kind} {detail}".strip()
            self._tally.note()
            if self._strikes:
                self._at = 0
                # To this very thread, so that it does not go on for a moment and release the lock.
                signal.pthread_kill(get_ident(), self._signal)

    @property
    def _strikes(self) -> bool:
        if self._signal != signal.SIGSTOP:
            return self._tally.points == self._at
        return 0 < self._at <= self._tally.points and not self._transactions

    def watch_database(self, database: Database) -> None:
        """Every transaction, statement and commit is a point."""

        def before_transaction(*_others: Any) -> None:
            self.reach("before a transaction")
            with self._lock:
                self._transactions += 1

        def after_transaction(*_others: Any) -> None:
            with self._lock:
                self._transactions -= 1

        def before_statement(
            _connection: sa.Connection, _cursor: Any, statement: str, *_others: Any
        ) -> None:
            if not statement.startswith("BEGIN"):  # that is where the transaction is taken
                self.reach("before the statement", " ".join(statement.split())[:80])

        def before_commit(_connection: sa.Connection) -> None:
            self.reach("before a commit")

        # For each transaction a connection is taken from the pool, and nothing is locked yet.
        sa.event.listen(database.engine, "checkout", before_transaction)
        sa.event.listen(database.engine, "checkin", after_transaction)
        sa.event.listen(database.engine, "before_cursor_execute", before_statement)
        sa.event.listen(database.engine, "commit", before_commit)

    def watch_http(self) -> None:
        """Every request is three points, and counted once it is written. Only once a process."""
        connection = urllib3.connection.HTTPConnection
        request, getresponse = connection.request, connection.getresponse

        def pointed_request(self_: Any, *arguments: Any, **named: Any) -> None:
            self.reach("before a request")
            with self._lock:
                request(self_, *arguments, **named)
                self._tally.written += 1
                self._tally.note()
            self.reach("request written")

        def pointed_getresponse(self_: Any) -> Any:
            response = getresponse(self_)
            self.reach("answer received")
            return response

        connection.request = pointed_request  # type: ignore[assignment, method-assign]
        connection.getresponse = pointed_getresponse  # type: ignore[assignment, method-assign]

    def pausing(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """``sleep``, with a point while it lasts."""

        def pause(seconds: float) -> None:
            self.reach("in a pause")
            sleep(seconds)

        return pause


def end_of(status: int) -> tuple[str, int]:
    """How a process ended, or that it has stopped, from what ``waitpid`` says of it."""
    if os.WIFSTOPPED(status):
        return "stopped", os.WSTOPSIG(status)
    if os.WIFSIGNALED(status):
        return "signal", os.WTERMSIG(status)
    return "exit", os.WEXITSTATUS(status)


def kill_quietly(pid: int) -> None:
    """End a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
