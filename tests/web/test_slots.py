"""What several processes count adds up, and nothing that was counted is lost with a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collector.web import slots
from collector.web.slots import Count, Level, Slots, Spread


def opened(folder: Path | None) -> Slots:
    made = Slots(folder)
    made.open()
    return made


def test_what_is_counted_before_and_after_the_file_is_opened_adds_up(tmp_path: Path) -> None:
    made = Slots(tmp_path)
    count = Count(made, "beacons")
    count.add()
    assert list(tmp_path.iterdir()) == []
    made.open()
    count.add(2)
    made.open()
    assert made.sums().numbers == {"beacons": 3}
    made.close()


def test_processes_are_added_up_and_levels_only_of_those_that_live(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    for each, number in ((first, 2), (second, 3)):
        Count(each, "beacons").add(number)
        Level(each, "waiting").set(number)
    both = first.sums()
    assert (both.numbers, both.processes) == ({"beacons": 5, "~waiting": 5}, 2)
    second.close()
    one = first.sums()
    assert (one.numbers, one.processes) == ({"beacons": 5, "~waiting": 2}, 1)
    first.close()


def test_whoever_comes_next_goes_on_counting_where_one_has_ended(tmp_path: Path) -> None:
    first = opened(tmp_path)
    Count(first, "beacons").add(2)
    Level(first, "waiting").set(2)
    first.close()
    second = Slots(tmp_path)
    # As another version of the software might have it: other names, in another order.
    Level(second, "waiting")
    other, beacons = Count(second, "other"), Count(second, "beacons")
    second.open()
    beacons.add()
    other.add()
    assert second.sums().numbers == {"~waiting": 0, "other": 1, "beacons": 3}
    assert len(list(tmp_path.iterdir())) == 1
    second.close()


def test_what_another_version_has_counted_is_kept(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for name in ("a", "b", "c"):
        Count(first, name).add(ord(name))
    first.close()
    second = Slots(tmp_path)
    Count(second, "c")
    second.open()
    assert second.sums().numbers == {"a": 97, "b": 98, "c": 99}
    second.close()


def test_a_file_that_was_just_made_holds_nothing_and_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "x.counts").touch()
    made = Slots(tmp_path)
    Count(made, "beacons").add()
    assert made.sums().numbers == {}
    made.open()
    assert made.sums().numbers == {"beacons": 1}
    assert len(list(tmp_path.iterdir())) == 1
    made.close()


def test_without_its_folder_a_process_counts_for_itself(tmp_path: Path) -> None:
    made = opened(tmp_path / "missing")
    count = Count(made, "beacons")
    count.add()
    made.open()
    assert (made.sums().numbers, made.sums().processes) == ({"beacons": 1}, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_where_there_is_no_room_for_its_file_a_process_counts_for_itself(tmp_path: Path) -> None:
    # The mapped file is never written to where it has no room: that would end the process.
    (tmp_path / "x.counts").symlink_to("/dev/full")
    made = opened(tmp_path)
    Count(made, "beacons").add()
    assert made.sums().processes == 1


def test_threads_count_every_one(tmp_path: Path) -> None:
    made = opened(tmp_path)
    count = Count(made, "beacons")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(_count_often, count)
    assert made.sums().numbers == {"beacons": 20_000}
    made.close()


def _count_often(count: Count) -> None:
    for _ in range(5000):
        count.add()


def test_a_value_at_a_bound_is_counted_below_it() -> None:
    made = opened(None)
    spread = Spread(made, "seconds", (0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 2.0):
        spread.add(value)
    assert made.sums().numbers == {
        "seconds|0.5": 2,
        "seconds|1.0": 1,
        "seconds|+Inf": 1,
        "seconds|sum": 3.5,
    }


def test_names_without_room_change_nothing_that_has_one() -> None:
    made = opened(None)
    Count(made, "first").add()
    for number in range(slots.SLOTS):
        Count(made, f"answers|{number}").add()
    Count(made, "x" * 200).add()
    found = made.sums().numbers
    assert found["first"] == 1
    assert len(found) == slots.SLOTS - 1
    assert set(found.values()) == {1}
