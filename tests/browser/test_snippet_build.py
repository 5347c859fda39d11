"""The committed built file: that it is the build of the source, and small."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector import resources

JS = resources.path("static") / "js"


def run_build(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(directory / "build.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("build.py", "collector.js", "collector.min.js"):
        shutil.copy(JS / name, tmp_path / name)
    return tmp_path


def test_the_committed_file_is_the_build_of_the_source() -> None:
    done = run_build(JS, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_snippet_is_at_most_800_bytes_compressed() -> None:
    assert len(gzip.compress((JS / "collector.min.js").read_bytes(), 9)) <= 800


def test_the_check_fails_when_the_source_has_changed(copy: Path) -> None:
    source = copy / "collector.js"
    source.write_text(source.read_text(encoding="utf-8") + "console.log(1);", encoding="utf-8")
    done = run_build(copy, "--check")
    assert done.returncode == 1
    assert "python static/js/build.py" in done.stderr


def test_the_check_fails_when_the_built_file_is_missing(copy: Path) -> None:
    (copy / "collector.min.js").unlink()
    assert run_build(copy, "--check").returncode == 1


def test_the_build_is_the_same_elsewhere(copy: Path) -> None:
    (copy / "collector.min.js").unlink()
    assert run_build(copy).returncode == 0
    assert (copy / "collector.min.js").read_bytes() == (JS / "collector.min.js").read_bytes()


def test_a_source_that_grew_too_large_is_not_built(copy: Path) -> None:
    source = copy / "collector.js"
    words = "".join(f"window.word{n * 7919 % 10007}={n * 104729};" for n in range(200))
    source.write_text(source.read_text(encoding="utf-8") + words, encoding="utf-8")
    done = run_build(copy)
    assert done.returncode == 1
    assert "800 is the most" in done.stderr
