"""The sandbox as a running server: in a thread for tests and the demo, or in the foreground."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from threading import Event, Thread
from types import FrameType, TracebackType
from typing import Self

from werkzeug.serving import BaseWSGIServer, make_server

from collector.errors import AddressError
from collector.sandbox.app import create_app
from collector.sandbox.connections import Connections, handler_for
from collector.sandbox.exchange import Exchange
from collector.sandbox.faults import Fault
from collector.sandbox.records import (
    DroppedEnrichment,
    EnrichmentKey,
    RequestSeen,
    SandboxInstallation,
    SessionKey,
    StoredEnrichment,
)
from collector.sandbox.state import State

#: Loopback only: whoever reaches the sandbox may read and steer it.
HOST = "127.0.0.1"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """Both endpoints on a loopback port; ``with`` starts and stops them.

    ``port`` 0 takes a free one. every answer comes ``latency_ms`` after its
    request, or as soon after as it can; ``token_lifetime`` is in
    seconds. ``now`` is the clock of tokens and of the seven days; ``seed`` that of the faults
    with a share. Raises `UsageError` for installations that Contentsquare would not have, and on
    start `AddressError` for a port that is taken.
    """

    def __init__(
        self,
        installations: Sequence[SandboxInstallation],
        *,
        port: int = 0,
        latency_ms: int = 0,
        faults: Iterable[Fault] = (),
        now: Callable[[], datetime] = _utc_now,
        token_lifetime: int = 3600,
        seed: int = 0,
    ) -> None:
        self._wanted_port = port
        self._state = State(
            installations,
            now=now,
            token_lifetime=token_lifetime,
            latency_ms=latency_ms,
            faults=faults,
            seed=seed,
        )
        self._connections = Connections()
        self._stopping = Event()
        self._server: BaseWSGIServer | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen and answer, in a thread of its own. Raises `AddressError` if the port is taken."""
        # Bound here and not by the server, which would end the program if the port is taken.
        with _listen(self._wanted_port) as listening:
            port = listening.getsockname()[1]
            exchange = Exchange(
                self._state, base_url=f"http://{HOST}:{port}", stopping=self._stopping
            )
            self._server = make_server(
                HOST,
                port,
                create_app(self._state, exchange),
                threaded=True,
                request_handler=handler_for(self._connections),
                fd=listening.fileno(),
            )
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="sandbox")
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop the connections that are open. Again does nothing."""
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._connections.close()
            self._server = self._thread = None

    def serve_forever(self, ready: Callable[[], None] = lambda: None) -> None:
        """Answer until SIGTERM or Ctrl-C, then stop; for the main thread only.

        ``ready`` is called once the address is known and both signals stop it cleanly.
        """
        # Both end the wait as Ctrl-C does: setting an event from a handler could meet its lock.
        numbers = (signal.SIGTERM, signal.SIGINT)
        previous = {number: signal.signal(number, _interrupt) for number in numbers}
        try:
            if self._server is None:
                self.start()
            ready()
            self._stopping.wait()
        except KeyboardInterrupt:
            for number in numbers:  # impatience must not interrupt the stopping
                signal.signal(number, signal.SIG_IGN)
        finally:
            self.close()
            for number, handler in previous.items():
                signal.signal(number, handler)

    @property
    def url(self) -> str:
        """The base URL, also the page's; known once started."""
        if self._server is None:
            raise RuntimeError("the sandbox is not running; use it in a with statement")
        return f"http://{HOST}:{self._server.port}"

    @property
    def auth_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/v1/oauth/token"

    @property
    def held(self) -> dict[EnrichmentKey, StoredEnrichment]:
        """The enrichments held, by (project id, user id, session number, enrichment number)."""
        return self._state.held()

    @property
    def dropped(self) -> list[DroppedEnrichment]:
        """What was answered 200 and thrown away, the latest last."""
        return self._state.dropped()

    @property
    def requests(self) -> list[RequestSeen]:
        """The requests to both endpoints, the latest last."""
        return self._state.requests()

    def session_started(
        self, project_id: int, user_id: str, session_number: int, started_at: datetime
    ) -> None:
        """Tell when a session started; one that nobody told of counts as just started."""
        self._state.learn_sessions({SessionKey(project_id, user_id, session_number): started_at})

    def add(self, *faults: Fault) -> None:
        """Put faults in force, after those there are."""
        self._state.add_faults(faults)

    def clear(self) -> None:
        """Take all faults back."""
        self._state.replace_faults(())

    def empty(self) -> None:
        """Forget enrichments, requests, drops and session starts; tokens and faults stay."""
        self._state.empty()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        cause = getattr(error, "strerror", None) or error
        raise AddressError(
            f"The sandbox cannot listen on port {port}: {cause}. "
            "Stop what listens there, or choose another port."
        ) from error
    return listening
