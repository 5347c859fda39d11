"""Types at the prompts of a command, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

from tests.cli.conftest import CHILD_SECONDS


def answer_prompts(arguments: tuple[str, ...], *answers: tuple[str, str]) -> tuple[int, str]:
    """Run ``collector ARGUMENTS``; its exit code, and what the terminal showed.

    Args:
        answers: the end of each prompt, with the line that is typed when it is shown.
    """
    terminal, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "collector", *arguments],
        stdin=child, stdout=child, stderr=child, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    deadline = threading.Timer(CHILD_SECONDS, process.kill)
    deadline.start()
    shown = b""
    try:
        for prompt, line in answers:
            shown += _read_until(terminal, prompt.encode())
            os.write(terminal, f"{line}\n".encode())
        shown += _read_until(terminal, None)
        return process.wait(), shown.decode()
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
        os.close(terminal)


def _read_until(terminal: int, word: bytes | None) -> bytes:
    """What a child shows until it shows ``word``, or until its end."""
    shown = b""
    while word is None or word not in shown:
        try:
            shown += os.read(terminal, 1024)
        except OSError:  # nobody holds its other end any more
            assert word is None, shown
            break
    return shown
