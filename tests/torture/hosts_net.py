"""Hosts on one machine: network namespaces around a switch, each of which can be cut off.

A host that is cut off is not told so: its packets, and those to it, are dropped without a word, as
where a cable is pulled behind a switch. Nothing appears outside the namespaces, and with them
everything is gone.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000


@cache
def why_not() -> str | None:
    """Why no hosts can be made here; None if they can."""
    if shutil.which("ip") is None:
        return "there is no ip (Debian's iproute2) here"
    name = f"sc-{uuid.uuid4().hex[:8]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "this user may make no network namespaces"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return None


@dataclass(frozen=True, kw_only=True)
class Host:
    """A namespace of its own, with one address."""

    space: str
    address: str
    switch: str
    port: str

    def command(self, *words: str) -> list[str]:
        """A command as it is run on this host."""
        return ["ip", "netns", "exec", self.space, *words]

    def cut(self) -> None:
        """Drop what it sends, and what is sent to it."""
        _ip(self.switch, "link", "set", self.port, "nomaster")

    def join(self) -> None:
        """Let it be heard again."""
        _ip(self.switch, "link", "set", self.port, "master", "bridge")

    def do(self, work: Callable[[], T]) -> T:
        """Do something in this process, on that host: sockets that are made there stay there."""
        done: list[T] = []
        failed: list[BaseException] = []

        def there() -> None:
            try:
                _enter(self.space)
                done.append(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again, below
                failed.append(error)

        thread = Thread(target=there)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return done[0]


@contextmanager
def network(names: Sequence[str]) -> Iterator[dict[str, Host]]:
    """One host for each name, all of which reach each other."""
    unique = f"sc-{uuid.uuid4().hex[:6]}"
    switch = f"{unique}-switch"
    made: list[str] = []
    try:
        _make_space(switch, made)
        _ip(switch, "link", "add", "bridge", "up", "type", "bridge")
        hosts = {}
        for number, name in enumerate(names, 1):
            space, port, address = f"{unique}-{name}", f"p{number}", f"10.88.0.{number}"
            _make_space(space, made)
            _ip(switch, "link", "add", port, "type", "veth", "peer", "eth0", "netns", space)
            _ip(switch, "link", "set", port, "up", "master", "bridge")
            _ip(space, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip(space, "link", "set", "eth0", "up")
            hosts[name] = Host(space=space, address=address, switch=switch, port=port)
        yield hosts
    finally:
        for space in reversed(made):
            subprocess.run(["ip", "netns", "delete", space], check=False)


def _enter(space: str) -> None:
    """Have this thread's sockets made there from now on."""
    with Path(f"/run/netns/{space}").open("rb") as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _make_space(name: str, made: list[str]) -> None:
    subprocess.run(["ip", "netns", "add", name], check=True)
    made.append(name)
    _ip(name, "link", "set", "lo", "up")


def _ip(space: str, *words: str) -> None:
    subprocess.run(["ip", "-n", space, *words], check=True)
