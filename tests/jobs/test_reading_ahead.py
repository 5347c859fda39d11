"""A large file is read by a second process: the same comes of it, and no process is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from collector.domain.reading import CallReader
from collector.errors import UsageError
from collector.jobs import reading_ahead
from collector.jobs.chunks import Chunk, ChunkReader, StrictImportError
from collector.jobs.reading_ahead import ReadingStoppedError, Task, read_ahead
from collector.sources import definition, files

EXAMPLE = Path(__file__).parents[2] / "examples" / "phone-calls"
LINES = 1_000
CHUNK = 5


def task_of(path: Path, *, dialect: str = "sqlite", strict: bool = False) -> Task:
    reader = CallReader.of(
        definition.read(EXAMPLE / "integration.toml"), None, region="FR", caller_hash=None
    )
    chunk_reader = ChunkReader(reader=reader, dialect=dialect, size=CHUNK, strict=strict)
    return Task(path=path, reader=chunk_reader)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """More than the pipe between two processes holds; some bad, some the same twice."""
    path = tmp_path / "calls.csv"
    path.write_text(
        "call_id,started,visitor_id,dialled_number,rating\n"
        + "".join(
            f"call-{number % 900},{'' if number % 50 == 7 else '2026-03-02T11:00:00+01:00'},"
            f"visitor-{number},0199001122,{'é' * (number % 3)}\n"
            for number in range(LINES)
        )
    )
    return path


def in_this_process(task: Task) -> Iterator[Chunk]:
    lines = files.read_lines(task.path, mapping=task.reader.reader.mapping)
    return task.reader.chunks(lines, lambda: datetime.now(UTC))


def child() -> psutil.Process:
    """The process that reads."""
    children = psutil.Process().children()
    (found,) = [child for child in children if reading_ahead.__name__ in child.cmdline()[-1]]
    return found


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_same_comes_of_a_file_in_the_same_order(path: Path, dialect: str) -> None:
    task = task_of(path, dialect=dialect)
    steps: list[int] = []
    with read_ahead(task, steps.append) as chunks:
        received = list(chunks)
    assert received == list(in_this_process(task))
    assert len(received) == LINES // CHUNK
    assert sum(steps) == path.stat().st_size


def test_strict_gives_what_stands_before_the_bad_record_and_then_its_reason(path: Path) -> None:
    received: list[Chunk] = []
    with (
        pytest.raises(StrictImportError, match=r"^line 9: column 'started'") as raised,
        read_ahead(task_of(path, strict=True), lambda _: None) as chunks,
    ):
        received += chunks
    assert [len(chunk.read.calls.call_ids) for chunk in received] == [5, 2]
    assert raised.value.code == "no_start"


def test_why_a_file_cannot_be_read_is_told_as_without_the_process(path: Path) -> None:
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError) as here:
        list(in_this_process(task_of(path)))
    with (
        pytest.raises(UsageError) as there,
        read_ahead(task_of(path), lambda _: None) as chunks,
    ):
        list(chunks)
    assert str(there.value) == str(here.value)


def test_who_stops_early_leaves_no_process(path: Path) -> None:
    with read_ahead(task_of(path), lambda _: None) as chunks:
        next(chunks)
        reading = child()
    assert not reading.is_running()


def test_it_is_told_that_the_process_was_killed(path: Path) -> None:
    with read_ahead(task_of(path), lambda _: None) as chunks:
        next(chunks)
        child().kill()
        with pytest.raises(ReadingStoppedError, match=r"calls\.csv was ended from outside"):
            list(chunks)


STORING = f"""
import signal
import sys
from pathlib import Path
from collector.jobs.reading_ahead import read_ahead
from {__name__} import task_of
# A shell has what it starts in the background ignore Ctrl-C, and so the tests with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
with read_ahead(task_of(Path(sys.argv[1])), lambda _: None) as chunks:
    next(chunks)
    try:
        print("stored", flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda pid: os.kill(pid, signal.SIGKILL), id="killed"),
        pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), id="ctrl-c"),
    ],
)
def test_the_process_ends_with_the_one_that_stores_and_says_nothing(
    path: Path, end: Callable[[int], None]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STORING, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        process_group=0,
    ) as storing:
        assert storing.stdout is not None
        assert storing.stderr is not None
        assert storing.stdout.readline() == b"stored\n"
        (reading,) = psutil.Process(storing.pid).children()
        deadline = threading.Timer(60, lambda: [each.kill() for each in (storing, reading)])
        deadline.start()
        end(storing.pid)
        # Both have it open, so that it ends when both have.
        assert storing.stderr.read() == b""
        assert deadline.is_alive()
        deadline.cancel()
