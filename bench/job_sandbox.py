"""The sandbox as a process of its own, with an installation for each project, for the benchmark.

    python -m bench.job_sandbox PROJECT_ID ...

Prints the address of its token endpoint, and serves until it is stopped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.job_loading import CLIENT_ID, CLIENT_SECRET, integration_id
from collector import resources
from collector.sandbox import Sandbox, SandboxInstallation

EXAMPLE = resources.path("examples") / "phone-calls"


def main() -> None:
    schema = json.loads((EXAMPLE / "schema.v1.json").read_text(encoding="utf-8"))
    installations = [
        SandboxInstallation(
            project_id=project_id,
            integration_id=integration_id(project_id),
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            schemas={1: schema},
        )
        for project_id in map(int, sys.argv[1:])
    ]
    with Sandbox(installations) as sandbox:
        sandbox.serve_forever(ready=lambda: print(sandbox.auth_url, flush=True))


@contextmanager
def running(project_ids: Sequence[int]) -> Iterator[str]:
    """A new sandbox that holds nothing yet; the address of its token endpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.job_sandbox", *map(str, project_ids)],
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            if process.stdout is None or not (auth_url := process.stdout.readline().strip()):
                raise RuntimeError("the sandbox did not start")
            yield auth_url
        finally:
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
