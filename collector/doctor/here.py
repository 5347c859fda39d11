"""What the doctor finds on this machine: settings, keys, files and room."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from collector import config, snippet
from collector.config import Settings
from collector.doctor.findings import Finding, ok, problem, warning
from collector.errors import DefinitionError
from collector.sources import definition

#: What can be installed besides, with the module that shows whether it is, and what needs it.
EXTRAS = {
    "parquet": ("pyarrow", "collector export --format parquet"),
    "redis": ("redis", "COLLECTOR_LIMITS_URL=redis://..."),
    "verify": ("playwright", "collector verify"),
}

#: Below so many bytes, or this share, of a disk it is told.
LITTLE_BYTES = 1_000_000_000
LITTLE_SHARE = 0.05

#: Below so many nothing is safe any more.
NOTHING_BYTES = 50_000_000

#: SQLite's locks and its log in shared memory do not work over these.
NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs")


def settings() -> Iterator[Finding]:
    """Whether the environment can be read, and holds nothing that nobody reads."""
    found = config.load()
    unknown = config.unknown_variables()
    folder = found.metrics_folder
    if unknown:
        yield warning(
            "settings",
            f"No setting is named {', '.join(unknown)}.",
            "Compare with: collector config",
        )
    if folder and not Path(folder).is_dir():
        yield problem(
            "settings",
            f"COLLECTOR_METRICS_FOLDER is {folder!r}, which is no folder.",
            f"mkdir -p {folder}, writable for the server, or leave it unset",
        )
    elif not unknown:
        yield ok("settings", "Each can be read.")


def key(settings: Settings) -> Iterator[Finding]:
    """Whether there is a key at all."""
    number = len(settings.secret_key)
    if number:
        yield ok("key", f"COLLECTOR_SECRET_KEY holds {number} key(s).")
        return
    yield problem(
        "key",
        "COLLECTOR_SECRET_KEY is not set: no customer's secret can be stored or read.",
        'Make one once, and keep it: export COLLECTOR_SECRET_KEY="$(collector keys generate)"',
    )


def definition_file(settings: Settings) -> Iterator[Finding]:
    """Whether the integration definition is there and valid."""
    path = Path(settings.integration)
    if not path.exists():
        yield problem(
            "definition",
            f"There is no integration definition {path}.",
            "collector integration example .",
        )
        return
    try:
        read = definition.read(path)
    except DefinitionError as error:
        more = len(error.problems) - 1
        others = f" And {more} more." if more else ""
        yield problem(
            "definition", f"{path}: {error.problems[0]}.{others}", "collector integration check"
        )
        return
    versions = ", ".join(str(number) for number in sorted(read.versions))
    yield ok("definition", f"{path} is valid, with integration version {versions}.")


def snippet_files() -> Iterator[Finding]:
    """Whether everything is there that pages load."""
    try:
        current, builds = snippet.current(), snippet.published()
        snippet.debugging()
    except OSError as error:
        yield problem(
            "snippet",
            f"A file of the snippet cannot be read: {error.filename or error}.",
            "Install the package again.",
        )
        return
    size = len(current.encoded["identity"])
    yield ok("snippet", f"Build {current.hash}, {size} bytes; {len(builds)} build(s) are served.")


def extras() -> Iterator[Finding]:
    """What could be installed besides."""
    for name, (module, command) in EXTRAS.items():
        if find_spec(module):
            yield ok("extras", f"{name} is installed.")
        else:
            yield ok(
                "extras",
                f"{name} is not installed; only `{command}` needs it: "
                f"pip install 'session-collector[{name}]'",
            )


def temporary_folder() -> Iterator[Finding]:
    """Whether there is room for what is written for a moment."""
    yield room(Path(tempfile.gettempdir()), "temporary files")


def room(folder: Path, what: str) -> Finding:
    """Whether there is room on the disk where this folder is."""
    usage = shutil.disk_usage(folder)
    left = f"{_size(usage.free)} of {_size(usage.total)} are free for {what}, in {folder}."
    remedy = "Make room there, or give it a larger disk."
    if usage.free < NOTHING_BYTES:
        return problem("disk", left, remedy)
    if usage.free < LITTLE_BYTES or usage.free < usage.total * LITTLE_SHARE:
        return warning("disk", left, remedy)
    return ok("disk", left)


def file_system(folder: Path) -> str:
    """What a folder is kept on, as Linux calls it; empty where it cannot be told."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    kinds = {Path(words[1]): words[2] for words in map(str.split, mounts)}
    resolved = folder.resolve()
    return next((kinds[place] for place in (resolved, *resolved.parents) if place in kinds), "")


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= LITTLE_BYTES else f"{number / 1e6:.0f} MB"
