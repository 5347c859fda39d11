"""File systems of a process's own: they are there for nobody else, and go with it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

#: Runs a script, and then what follows it, in a mount namespace of their own.
_APART = ("unshare", "--mount", "sh", "-c")


@cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*_APART, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False)
    return tried.returncode == 0


def require_mounts() -> None:
    if not _can_mount():
        pytest.skip("to mount a file system, the tests have to be run by root")


def small_disk(folder: Path, megabytes: int, copied: Path) -> Sequence[str]:
    """What comes has ``folder`` on a disk of so many megabytes, with a copy of a file on it."""
    script = (
        f'mount -t tmpfs -o size={megabytes}m tmpfs "{folder}" && cp "{copied}" "{folder}" '
        '&& exec "$@"'
    )
    return (*_APART, script, "sh")


def read_only(folder: Path) -> Sequence[str]:
    """What comes can only read ``folder``."""
    script = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"'
    return (*_APART, f'{script} && exec "$@"', "sh")


def nameless(resolver: Path) -> Sequence[str]:
    """What comes asks this machine for names, where nobody answers; ``resolver`` is written."""
    resolver.write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n", encoding="utf-8")
    return (*_APART, f'mount --bind "{resolver}" /etc/resolv.conf && exec "$@"', "sh")


def seen_by(process: int, path: Path) -> Path:
    """A path as a process sees it."""
    return Path(f"/proc/{process}/root{path}")
