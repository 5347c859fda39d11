"""The map names every module, so that nobody has to guess where something is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = sorted(
    path.parent.relative_to(ROOT / "collector").as_posix()
    for path in (ROOT / "collector").glob("*/**/__init__.py")
    if any(path.parent.glob("[a-z]*.py"))
)


@pytest.mark.parametrize("package", PACKAGES)
def test_each_module_stands_in_the_row_of_its_package_and_no_other_does(package: str) -> None:
    (row,) = re.findall(rf"^\| `collector/{package}/` \| (.*) \|$", MAP, re.MULTILINE)
    modules = {path.stem for path in (ROOT / "collector" / package).glob("*.py")} - {"__init__"}
    named = set(re.findall(r"`([a-z_]+)`", row))
    commands = set(COMMANDS) if package == "cli" else set()
    assert modules - commands <= named
    assert named <= modules | {path.stem for path in (ROOT / "collector" / package).iterdir()}
