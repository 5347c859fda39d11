"""Any sequence of imports, changes, beacons, runs, faults and jumps of the clock keeps it true."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

from tests.properties.databases import copies_of_file
from tests.properties.exploring import SETTINGS, try_sequences


def test_the_ledger_stays_true_whatever_happens_in_whatever_order(
    sqlite_template: Path, tmp_path: Path
) -> None:
    """Always the same few sequences; ``python -m tests.properties`` tries others."""
    few = settings(SETTINGS, max_examples=12, stateful_step_count=30)
    tried = try_sequences(copies_of_file(sqlite_template, tmp_path), few, seed_number=8)
    assert tried["requests"] > 0
    assert tried["deaths"] > 0
