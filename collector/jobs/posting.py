"""The threads of one installation's delivery: they post and do nothing else.

Everything that is decided or written is the business of one other thread, which is told here of
each answer. So it never waits for the line, nor the line for it: some groups may wait here, begun
ahead, for a connection to be free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Generic, Self, TypeVar

from collector.contentsquare import Answer, Outcome

G = TypeVar("G")

#: After these the next group may go out without anybody's thinking about it.
_GOES_ON = {Outcome.ACCEPTED, Outcome.REJECTED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted(Generic[G]):
    """A group with its answer, or with what went wrong."""

    group: G
    answer: Answer | Exception


class Posting(Generic[G]):
    """At most so many groups in flight at once; ``post`` is called by threads of its own.

    ``connections`` is halved by each answer that tells of a 429, but once for all requests that
    were in flight at the time. After an answer that ends the delivery, and once ``stopping`` says
    so, what waits is not posted any more. Everything else is to be called by one thread.
    """

    def __init__(
        self, post: Callable[[G], Answer], connections: int, stopping: Callable[[], bool]
    ) -> None:
        self.connections = connections
        self._post = post
        self._stopping = stopping
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="posting")
        self._lock = Lock()
        self._waiting: deque[G] = deque()
        self._in_flight = 0
        self._halvings = 0
        self._ended = False
        self._unread = 0
        #: None tells that nothing comes, though something waits.
        self._posted: SimpleQueue[tuple[G, Answer | BaseException] | None] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for what is in flight: no request outlives the lease."""
        self.take_back()
        self._threads.shutdown()

    @property
    def room(self) -> int:
        """How many more groups may be begun now.

        As many are begun ahead as are in flight: those that began together are answered together,
        and then all connections are free at once. With a single one none is, for the next group
        depends on its answer.
        """
        ahead = self.connections if self.connections > 1 else 0
        return self.connections + ahead - self._unread

    @property
    def is_empty(self) -> bool:
        """Whether every group that was put in has been collected or taken back."""
        return self._unread == 0

    def put(self, groups: Sequence[G]) -> None:
        """Post these as soon as connections are free."""
        self._unread += len(groups)
        with self._lock:
            self._waiting.extend(groups)
            more = min(len(groups), self.connections - self._in_flight)
            for _ in range(more):
                self._in_flight += 1
                self._threads.submit(copy_context().run, self._fly)

    def take_back(self) -> list[G]:
        """Everything that was not posted yet, and is not going to be."""
        with self._lock:
            self._ended = True
            back = list(self._waiting)
            self._waiting.clear()
        self._unread -= len(back)
        return back

    def collect(self, *, wait: bool) -> list[Posted[G]]:
        """The answers that have come; at least one if it is to ``wait`` and any can come."""
        found = []
        while self._unread and (wait or not self._posted.empty()):
            posted = self._posted.get()
            wait = False
            if posted is not None:
                group, answer = posted
                self._unread -= 1
                if not isinstance(answer, Answer | Exception):
                    raise answer
                found.append(Posted(group=group, answer=answer))
        return found

    def _fly(self) -> None:
        """Post what waits, one after the other, as long as there is a connection for it."""
        halvings = self._halvings
        while (group := self._next()) is not None:
            answer: Answer | BaseException
            try:
                answer = self._post(group)
            except BaseException as error:  # noqa: BLE001 - it is raised in the other thread
                answer = error
            with self._lock:
                self._learn(answer, halvings)
                halvings = self._halvings
            self._posted.put((group, answer))

    def _next(self) -> G | None:
        with self._lock:
            ended = self._ended or self._stopping()
            if self._waiting and not ended and self._in_flight <= self.connections:
                return self._waiting.popleft()
            self._in_flight -= 1
            if ended:
                self._posted.put(None)
            return None

    def _learn(self, answer: Answer | BaseException, halvings: int) -> None:
        if isinstance(answer, BaseException) or answer.outcome not in _GOES_ON:
            self._ended = True
        elif answer.throttled and halvings == self._halvings and self.connections > 1:
            self.connections //= 2
            self._halvings += 1
