"""The committed built files: that they are the build of the source, small, and can be kept."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import brotli
import pytest

from collector import resources, snippet

JS = resources.path("static") / "js"
BUILT = ("collector.min.js", "collector.min.js.gz", "collector.min.js.br")

each_built_file = pytest.mark.parametrize("name", BUILT)


def run_build(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(directory / "build.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("build.py", "collector.js", *BUILT):
        shutil.copy(JS / name, tmp_path / name)
    return tmp_path


def add_to_source(directory: Path, code: str) -> None:
    source = directory / "collector.js"
    source.write_text(source.read_text(encoding="utf-8") + code, encoding="utf-8")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_the_committed_files_are_the_build_of_the_source() -> None:
    done = run_build(JS, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_snippet_is_at_most_800_bytes_compressed() -> None:
    assert len(gzip.compress((JS / "collector.min.js").read_bytes(), 9)) <= 800
    assert len((JS / "collector.min.js.gz").read_bytes()) <= 800


def test_brotli_makes_it_smaller_still() -> None:
    ready = (JS / "collector.min.js.br").read_bytes()
    assert brotli.decompress(ready) == (JS / "collector.min.js").read_bytes()
    assert len(ready) < len((JS / "collector.min.js.gz").read_bytes())


def test_the_check_fails_when_the_source_has_changed(copy: Path) -> None:
    add_to_source(copy, "console.log(1);")
    refused(run_build(copy, "--check"), "python static/js/build.py")


@each_built_file
def test_the_check_fails_when_a_built_file_is_missing(copy: Path, name: str) -> None:
    (copy / name).unlink()
    refused(run_build(copy, "--check"), "python static/js/build.py")


@each_built_file
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"text", id="text"),
        pytest.param(gzip.compress(b"another", mtime=0), id="another with gzip"),
        pytest.param(brotli.compress(b"another"), id="another with Brotli"),
    ],
)
def test_the_check_fails_when_a_built_file_holds_something_else(
    copy: Path, name: str, content: bytes
) -> None:
    (copy / name).write_bytes(content)
    refused(run_build(copy, "--check"), "python static/js/build.py")


def test_the_check_asks_for_the_content_and_not_for_the_way_of_compressing(copy: Path) -> None:
    built = (copy / "collector.min.js").read_bytes()
    (copy / "collector.min.js.gz").write_bytes(gzip.compress(built, 1))
    (copy / "collector.min.js.br").write_bytes(brotli.compress(built, quality=1))
    assert run_build(copy, "--check").returncode == 0


def test_the_build_is_the_same_elsewhere(copy: Path) -> None:
    for name in BUILT:
        (copy / name).unlink()
    assert run_build(copy).returncode == 0
    assert (copy / "collector.min.js").read_bytes() == (JS / "collector.min.js").read_bytes()
    assert run_build(copy, "--check").returncode == 0


@pytest.mark.parametrize("arguments", [["--chek"], ["check"], ["--check", "--keep"], ["--help"]])
def test_what_it_does_not_understand_it_does_not_do(copy: Path, arguments: list[str]) -> None:
    add_to_source(copy, "console.log(1);")
    before = [(copy / name).read_bytes() for name in BUILT]
    done = run_build(copy, *arguments)
    assert done.returncode == 2
    assert done.stderr == "Usage: python static/js/build.py [--check | --keep]\n"
    assert [(copy / name).read_bytes() for name in BUILT] == before
    assert not (copy / "released").exists()


def test_a_released_build_is_kept_under_its_hash_with_its_compressed_forms(copy: Path) -> None:
    before = run_build(copy, "--check")
    for _ in range(2):
        assert run_build(copy, "--keep").returncode == 0
    name = f"{snippet.current().hash}.js"
    kept = sorted(path.name for path in (copy / "released").iterdir())
    assert kept == [name, f"{name}.br", f"{name}.gz"]
    for suffix in ("", ".br", ".gz"):
        content = (copy / "released" / (name + suffix)).read_bytes()
        assert content == (copy / f"collector.min.js{suffix}").read_bytes()
    assert before.returncode == run_build(copy, "--check").returncode == 0


def test_a_released_build_stays_when_the_next_is_made(copy: Path) -> None:
    assert run_build(copy, "--keep").returncode == 0
    (copy / "collector.js").write_text("console.log(1);", encoding="utf-8")
    refused(run_build(copy, "--keep"), "python static/js/build.py")
    for arguments in ([], ["--keep"], ["--check"]):
        assert run_build(copy, *arguments).returncode == 0
    assert len(list((copy / "released").glob("*.js"))) == 2


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
def test_the_check_fails_when_a_released_build_has_changed(copy: Path, suffix: str) -> None:
    assert run_build(copy, "--keep").returncode == 0
    kept = copy / "released" / f"{snippet.current().hash}.js{suffix}"
    kept.write_bytes(kept.read_bytes()[:-1])
    refused(run_build(copy, "--check"), kept.name.removesuffix(suffix), "Restore it")


def test_a_source_that_grew_too_large_is_not_built(copy: Path) -> None:
    words = "".join(f"window.word{n * 7919 % 10007}={n * 104729};" for n in range(200))
    before = [(copy / name).read_bytes() for name in BUILT]
    add_to_source(copy, words)
    refused(run_build(copy), "800 is the most")
    assert [(copy / name).read_bytes() for name in BUILT] == before
