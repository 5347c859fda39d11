"""Records are stored in chunks as they are read; a bad one costs itself and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.domain.call import Call
from collector.domain.reading import CallReader
from collector.errors import DatabaseUnavailableError, RecordError
from collector.jobs.chunks import StrictImportError
from collector.jobs.import_calls import MAX_TOLD, Importer, Summary
from collector.sources import files
from collector.sources.files import Line
from collector.storage import installations
from collector.storage.calls import Stored
from collector.storage.database import Connection, Database
from tests.world import PROJECT, World

CHUNK = 5
LINES = 3_000


def line(number: int, **columns: object) -> Line:
    record = {"call_id": f"call-{number}", "started": "2026-03-02T10:00:00Z", **columns}
    return Line(number=number, record=record)


def bad(number: int) -> Line:
    return Line(number=number, error=RecordError("not_csv", "is not CSV"))


def run(
    world: World,
    lines: Iterable[Line],
    database: Database | None = None,
    *,
    strict: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    chunk: int = CHUNK,
) -> Summary:
    with world.database.read() as connection:
        installation = installations.get(connection, PROJECT)
    importer = Importer(
        database=database or world.database,
        project_id=PROJECT,
        reader=CallReader.of(world.definition, None, region=installation.region, caller_hash=None),
        strict=strict,
        chunk=chunk,
        stopping=stopping,
        clock=world.clock,
    )
    return importer.run(lines, "calls.csv")


def stored(world: World) -> int:
    return int(world.rows("SELECT count(*) AS n FROM call")[0]["n"])


def told(summary: Summary) -> tuple[int, int, int, int]:
    counts = summary.counts
    return (
        counts[Stored.NEW], counts[Stored.UPDATED], counts[Stored.UNCHANGED], summary.refused,
    )  # fmt: skip


def test_new_changed_and_unchanged_records_are_told_apart(world: World) -> None:
    assert told(run(world, [line(1), line(2)])) == (2, 0, 0, 0)
    assert told(run(world, [line(1), line(2, rating="5"), line(3)])) == (1, 1, 1, 0)


def test_a_record_twice_in_one_chunk_is_new_once(world: World) -> None:
    assert told(run(world, [line(1), line(1), line(1, rating="5")])) == (1, 1, 1, 0)
    assert stored(world) == 1


def test_what_was_read_is_the_sum_of_what_became_of_it(world: World) -> None:
    summary = run(world, [line(1), line(1), bad(2), line(3, started="never"), line(4)])
    assert summary.read == 5
    assert told(summary) == (2, 0, 1, 2)


def test_refusals_carry_line_code_and_reason(world: World) -> None:
    refused = run(world, [line(1), bad(2), line(7, started=""), line(8, call_id=" ")]).refusals
    assert [(refusal.number, refusal.code) for refusal in refused] == [
        (2, "not_csv"),
        (7, "no_start"),
        (8, "no_call_id"),
    ]
    assert "'started'" in refused[1].message


def test_refusals_beyond_a_thousand_are_counted_and_not_kept(world: World) -> None:
    summary = run(world, (bad(number) for number in range(MAX_TOLD + 10)), chunk=500)
    assert (summary.refused, len(summary.refusals)) == (MAX_TOLD + 10, MAX_TOLD)


@pytest.mark.parametrize("good", [0, 1, CHUNK, CHUNK + 1])
def test_strict_stops_at_the_first_bad_record_and_keeps_what_came_before(
    world: World, good: int
) -> None:
    lines = [line(number) for number in range(good)] + [bad(good), line(good + 1)]
    with pytest.raises(StrictImportError, match=f"line {good}: is not CSV"):
        run(world, lines, strict=True)
    assert stored(world) == good


@pytest.mark.parametrize("number", [CHUNK - 1, CHUNK, CHUNK + 1])
def test_nothing_is_lost_at_the_edge_of_a_chunk(world: World, number: int) -> None:
    assert told(run(world, map(line, range(number)))) == (number, 0, 0, 0)
    assert stored(world) == number


def test_an_import_that_breaks_off_keeps_its_chunks_and_can_be_repeated(world: World) -> None:
    def breaking() -> Iterator[Line]:
        yield from map(line, range(CHUNK + 2))
        raise DatabaseUnavailableError("gone")

    with pytest.raises(DatabaseUnavailableError):
        run(world, breaking())
    assert stored(world) == CHUNK
    assert told(run(world, map(line, range(CHUNK + 2)))) == (2, 0, CHUNK, 0)


def test_an_import_that_is_asked_to_stop_does_so_between_two_chunks(world: World) -> None:
    asked = iter([False, True])
    summary = run(world, map(line, range(3 * CHUNK)), stopping=lambda: next(asked))
    assert summary.stopped
    assert told(summary) == (CHUNK, 0, 0, 0)
    assert stored(world) == CHUNK
    assert not run(world, map(line, range(3))).stopped


def test_what_is_kept_of_a_refused_record_is_the_record_or_else_its_text(world: World) -> None:
    refused = run(
        world,
        [
            Line(2, None, RecordError("not_csv", "is not CSV"), 'a,"b'),
            Line(3, {"call_id": "c"}, RecordError("not_text", "is not utf-8"), "c"),
            Line(4, {"call_id": "d"}),
        ],
    ).refusals
    assert [(refusal.call_id, refusal.record) for refusal in refused] == [
        (None, 'a,"b'),
        ("c", '{"call_id": "c"}'),
        ("d", '{"call_id": "d"}'),
    ]


class Watched(Database):
    """Notes at each transaction how many calls are in memory at that moment."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._others = _calls_in_memory()
        self.alive: list[int] = []

    def __enter__(self) -> Watched:
        return self

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.alive.append(_calls_in_memory() - self._others)
        with super().write() as connection:
            yield connection


def _calls_in_memory() -> int:
    return sum(type(item) is Call for item in gc.get_objects())


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_long_file_is_never_in_memory_whole(
    world: World, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "calls.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("call_id,started\n")
        stream.writelines(f"call-{number},2026-03-02T10:00:00Z\n" for number in range(LINES))
    with Watched(database_url) as database:
        summary = run(world, files.read_lines(path), database, chunk=LINES // 10)
    assert told(summary) == (LINES, 0, 0, 0)
    assert len(database.alive) == 10
    assert 0 < max(database.alive) <= LINES // 10
