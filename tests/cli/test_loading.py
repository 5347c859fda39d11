"""What a command loads before it is known to be needed, since the job starts every few minutes."""

from __future__ import annotations

import json
import subprocess
import sys

LOADED = """
import sys
from collector.config import Settings
from collector import logs
logs.configure(Settings(log_format="json"))
import collector.cli.reconcile, collector.cli.main
print(sorted({"alembic", "requests", "rich", "structlog"} & sys.modules.keys()))
logs.Logger("collector.test").warning("first", token="hush-hush")
"""


def test_reconcile_loads_neither_alembic_nor_requests_nor_rich_nor_structlog_at_its_start() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
    # The first line is as complete as all others.
    line = json.loads(ran.stderr)
    assert (line["event"], line["level"], line["token"]) == ("first", "warning", "***")
