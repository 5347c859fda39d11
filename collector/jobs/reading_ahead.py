"""Has a second process read a large file, while the first one stores what was read before.

The other process reads lines, checks records and makes them ready for the statements; what it
hands over comes in order, through a pipe, and is no more than one chunk ahead of what is asked
for. It holds nothing that could be lost: it is killed when it is not needed any more, and ends by
itself when nobody reads on.
"""

from __future__ import annotations

import marshal
import pickle
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from collector.domain.definition import FileFormat
from collector.domain.reading import Refusal
from collector.errors import CollectorError
from collector.jobs.chunks import Chunk, ChunkReader
from collector.jobs.garbage import looking_for_garbage_rarely
from collector.sources import files
from collector.storage.preparing import Prepared, PreparedCalls

#: A file with fewer bytes is read before another process has started.
LARGE = 5_000_000

#: Its module path is ours, not one that begins with whatever folder it is started in.
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"

#: The kind of a message and its length go before it.
_HEAD = struct.Struct("!cQ")
_CHUNK, _ERROR, _END = b"c", b"e", b"."

_PARTS = [part.name for part in fields(PreparedCalls)]

#: Without references between equal objects, which take longer to look for than to write again.
_MARSHAL_VERSION = 2


class ReadingStoppedError(CollectorError):
    """The process that reads ahead has died; what was stored stays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What the other process is to read, and how."""

    path: Path
    reader: ChunkReader
    written: FileFormat | None = None
    form: files.Form | None = None


class _Message(NamedTuple):
    kind: bytes
    content: bytes


@contextmanager
def read_ahead(task: Task, on_bytes: Callable[[int], None]) -> Iterator[Iterator[Chunk]]:
    """The chunks of a file, read by a process that ends with this block.

    Args:
        on_bytes: told how many bytes of the file each chunk took.

    Raises:
        ReadingStoppedError: the other process has died.
        UsageError, StrictImportError: as it raised them.
    """
    code = _START.format(path=sys.path, module=__name__)
    with (
        subprocess.Popen(  # noqa: S603 - it is this very interpreter
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the process that stores
        ) as process,
        ThreadPoolExecutor(1) as thread,
    ):
        try:
            yield _received(process, task, on_bytes, thread)
        finally:
            process.kill()  # whoever waits for it to write sees its end


def _received(
    process: subprocess.Popen[bytes],
    task: Task,
    on_bytes: Callable[[int], None],
    thread: ThreadPoolExecutor,
) -> Iterator[Chunk]:
    to_child, from_child = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    try:
        pickle.dump(task, to_child)
        to_child.close()
    except BrokenPipeError:
        raise _stopped(task) from None
    coming = thread.submit(_message, from_child)
    while True:
        message = coming.result()
        if message is None:
            raise _stopped(task)
        if message.kind == _END:
            return
        if message.kind == _ERROR:
            raise pickle.loads(message.content)  # noqa: S301 - this program wrote it
        coming = thread.submit(_message, from_child)
        chunk, read_bytes = _chunk(message.content)
        on_bytes(read_bytes)
        yield chunk


def _stopped(task: Task) -> ReadingStoppedError:
    return ReadingStoppedError(
        f"The process that reads {task.path} was ended from outside, so that the import stops "
        "here. What was stored stays; import the file again, which changes nothing of it."
    )


def _message(stream: IO[bytes]) -> _Message | None:
    """The next message; None if there is no whole one any more."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack(head)
    content = stream.read(size)
    return _Message(kind, content) if len(content) == size else None


def _chunk(content: bytes) -> tuple[Chunk, int]:
    unit, calls, refusals, passed_over, read_bytes = marshal.loads(content)  # noqa: S302 - as above
    names = [part.name for part in fields(Refusal)]
    read = Prepared(
        calls=PreparedCalls(**dict(zip(_PARTS, calls, strict=True))),
        refusals=[Refusal(**dict(zip(names, refusal, strict=True))) for refusal in refusals],
        passed_over=passed_over,
    )
    return Chunk(unit, read), read_bytes


def main() -> None:
    """Be the other process: the task comes by standard input."""
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - this program wrote it
    with looking_for_garbage_rarely():
        try:
            for content in _contents(task):
                _send(_CHUNK, content)
            _send(_END)
        except BrokenPipeError:
            # The reader has gone; nor is there anybody to whom the rest could be flushed.
            sys.stdout = None
        except Exception as error:  # noqa: BLE001 - it is raised where somebody can be told
            if not isinstance(error, CollectorError):
                error.add_note(f"In the process that reads ahead:\n{traceback.format_exc()}")
            _send(_ERROR, pickle.dumps(error))


def _contents(task: Task) -> Iterator[bytes]:
    read_bytes = 0

    def count(more: int) -> None:
        nonlocal read_bytes
        read_bytes += more

    lines = files.read_lines(
        task.path,
        count,
        mapping=task.reader.reader.mapping,
        written=task.written,
        form=task.form,
    )
    for unit, read in task.reader.chunks(lines, lambda: datetime.now(UTC)):
        content: tuple[Any, ...] = (
            unit,
            [getattr(read.calls, name) for name in _PARTS],
            [astuple(refusal) for refusal in read.refusals],
            read.passed_over,
            read_bytes,
        )
        read_bytes = 0
        yield marshal.dumps(content, _MARSHAL_VERSION)


def _send(kind: bytes, content: bytes = b"") -> None:
    out = sys.stdout.buffer
    out.write(_HEAD.pack(kind, len(content)))
    out.write(content)
    out.flush()
