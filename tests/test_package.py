"""The wheel carries all it needs: installed alone, it migrates and serves the snippet."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from collector.snippet import hash_of

ROOT = Path(__file__).parent.parent
TIMEOUT = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: the build's own tools are among those that the suite has installed.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=TIMEOUT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it says it needs, far from the checkout.

    What it needs is linked from the suite's own environment: to install it all again would take
    longer than all other tests of a minute together.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(venv, check=True, timeout=TIMEOUT)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    options = ["--quiet", "--no-compile", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, *options, str(wheel)], check=True, timeout=TIMEOUT)
    (place,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        needed = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    for distribution in needed_by(needed):
        for entry in {file.parts[0] for file in distribution.files or () if ".." not in file.parts}:
            (place / entry).symlink_to(Path(str(distribution.locate_file(entry))))
    return folder / "bin" / "collector"


def needed_by(requirements: Iterable[str]) -> Iterator[Distribution]:
    """The distributions that these requirements name, and those that they need themselves."""
    found: dict[tuple[str, str], Distribution] = {}
    wanted = [(Requirement(text), "") for text in requirements]
    while wanted:
        requirement, extra = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key not in found:
                found[key] = metadata.distribution(requirement.name)
                wanted += [(Requirement(text), extra) for text in found[key].requires or ()]
    yield from {name: each for (name, _), each in found.items()}.values()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=TIMEOUT)
    (built,) = folder.glob("*.tar.gz")
    return built


def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
    return kept | {"COLLECTOR_DATABASE_URL": f"sqlite:///{tmp_path / 'collector.db'}"}


def test_the_wheel_holds_the_snippet_the_migrations_and_the_example(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "collector/static/js/collector.min.js",
        "collector/static/js/collector.min.js.gz",
        "collector/static/js/collector.min.js.br",
        "collector/static/js/collector.js",
        "collector/static/js/collector.debug.js",
        "collector/static/js/collector.d.ts",
        "collector/migrations/env.py",
        "collector/migrations/versions/0001_tables.py",
        "collector/examples/phone-calls/integration.toml",
        "collector/sandbox/templates/state.html",
        "collector/sources/presets/twilio.toml",
        "collector/web/dashboard/static/dashboard.css",
        "collector/web/dashboard/templates/dashboard/login.html",
        "collector/demo/site/templates/base.html",
        "collector/web/openapi/templates/openapi/api.html",
        "collector/web/openapi/static/api.css",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "static/", "migrations/"))]


def test_the_licence_travels_with_both_and_the_pages_and_examples_with_the_source(
    wheel: Path, sdist: Path
) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/index.md",
        "docs/conf.py",
        "docs/pictures/layers.svg",
        "deploy/README.md",
        "deploy/nginx/collector.conf",
        "tests/test_package.py",
    } <= files
    assert not [name for name in files if name.startswith("docs/_build")]


def test_an_installed_wheel_migrates_a_database_and_serves_the_snippet(
    installed: Path, tmp_path: Path
) -> None:
    run = [str(installed), "db", "upgrade"]
    done = subprocess.run(
        run,
        check=False,
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    assert "at revision" in done.stdout
    built = (ROOT / "static" / "js" / "collector.min.js").read_bytes()
    debugging = (ROOT / "static" / "js" / "collector.debug.js").read_bytes()
    with served(installed, tmp_path) as url:
        for coding in ("br", "gzip", "identity"):
            for script, content in (
                ("snippet.js", built),
                (f"snippet.{hash_of(built)}.js", built),
                ("sessions", debugging),
            ):
                answer = requests.get(
                    f"{url}/v1/{script}", headers={"Accept-Encoding": coding}, timeout=10
                )
                assert (answer.status_code, answer.content) == (200, content)
    copied = tmp_path / "definition"
    example = [str(installed), "integration", "example", str(copied)]
    subprocess.run(example, env=environment(tmp_path), check=True, timeout=TIMEOUT)
    assert (copied / "integration.toml").exists()


@contextmanager
def served(collector: Path, folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [str(collector), "serve", "--port", str(port)], env=environment(folder), cwd=folder
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/readyz", server)
        yield url
    finally:
        server.terminate()
        assert server.wait(30) == 0


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and server.poll() is None:
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)  # until the port is bound there is nothing else to wait for
    pytest.fail(f"{url} did not answer")
