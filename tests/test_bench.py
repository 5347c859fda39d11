"""How the benchmarks judge and show what they found; what they find is no test."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import publishing
from bench.comparing import Finding, Goal, in_turn
from bench.running import FailedError, run


def finding(**changes: object) -> Finding:
    whole: dict[str, object] = {
        "benchmark": "beacons",
        "database": "sqlite",
        "what": "beacons a second",
        "unit": "1/s",
        "ours": (50.0, 60.0, 80.0),
        "theirs": (100.0, 100.0, 100.0),
        "against": "storing nothing",
        "goal": Goal(at_least=0.5),
    }
    return Finding(**{**whole, **changes})  # type: ignore[arg-type]


def test_a_ratio_is_of_one_round_and_the_median_is_told() -> None:
    found = finding(ours=(10.0, 90.0, 40.0), theirs=(10.0, 100.0, 100.0))
    assert found.figures == [1.0, 0.9, 0.4]
    assert (found.median, found.spread) == (0.9, (0.4, 1.0))


def test_without_a_rival_the_goal_is_for_the_figure_itself() -> None:
    found = finding(theirs=(), goal=Goal(at_most=60.0))
    assert found.median == 60.0
    assert found.reached


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal(at_least=0.5), 0.5, True),
        (Goal(at_least=0.5), 0.49, False),
        (Goal(at_most=2.0), 2.0, True),
        (Goal(at_most=2.0), 2.01, False),
    ],
)
def test_a_goal_is_reached_on_its_border(goal: Goal, value: float, reached: bool) -> None:
    assert goal.reached_by(value) is reached


def test_nothing_is_said_to_be_reached_without_a_goal() -> None:
    assert finding(goal=None).reached is None


def test_contestants_take_turns_and_nobody_always_goes_first() -> None:
    order: list[str] = []

    def contestant(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turn(2, ours=lambda: contestant("ours"), theirs=lambda: contestant("theirs"))
    assert order == ["ours", "theirs", "theirs", "ours"]
    assert found == {"ours": [1.0, 4.0], "theirs": [2.0, 3.0]}


def test_the_table_tells_figure_spread_and_whether_the_goal_was_reached() -> None:
    rows = publishing.table([finding(), finding(goal=Goal(at_least=3.0))]).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    figure = ["beacons", "sqlite", "beacons a second, against storing nothing", "0.6x"]
    assert cells == [
        [*figure, "0.5 to 0.8", "≥ 0.5", "yes"],
        [*figure, "0.5 to 0.8", "≥ 3", "no"],
    ]
    assert len({len(row) for row in rows}) == 1


def test_a_process_is_measured_from_its_start_to_its_end(tmp_path: Path) -> None:
    ran = run(["-c", "import os; print(os.environ['BENCH_WORD'])"], {"BENCH_WORD": "here"})
    assert ran.output == "here\n"
    assert ran.seconds > 0
    assert 1 < ran.peak_megabytes < 1000


def test_a_process_that_fails_says_what_it_wrote() -> None:
    with pytest.raises(FailedError, match="ended with 3:\nno luck"):
        run(["-c", "import sys; print('no luck'); sys.exit(3)"])


def test_what_was_not_measured_again_stays_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    publishing.write([finding(), finding(benchmark="job"), finding(database="postgresql")], path)
    publishing.write([finding(ours=(70.0, 70.0, 70.0))], path)
    document = json.loads(path.read_text(encoding="utf-8"))
    medians = {
        (item["benchmark"], item["database"]): item["median"] for item in document["findings"]
    }
    assert medians == {
        ("job", "sqlite"): 0.6,
        ("beacons", "postgresql"): 0.6,
        ("beacons", "sqlite"): 0.7,
    }
    assert document["machine"]["python"] == sys.version.split()[0]


def test_what_was_measured_on_another_machine_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    publishing.write([finding(benchmark="job")], path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["machine"]["cores"] += 1
    path.write_text(json.dumps(document), encoding="utf-8")
    shown = publishing.write([finding()], path)
    assert [item["benchmark"] for item in shown] == ["beacons"]


def test_a_folder_is_known_by_what_it_is_kept_on() -> None:
    assert publishing.file_system(Path("/proc")) == ("proc" if Path("/proc").exists() else "")
