"""The visitors' host: beacons, and for each a call, to whichever collector answers.

Run as ``python -m tests.torture.hosts_client FOLDER TOKENS URL…`` until it is killed. What was
acknowledged is written to ``acknowledged.jsonl`` before the next is sent.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import requests

#: So many visits a second; what is measured here is what gets lost.
PAUSE_SECONDS = 0.02

TEXT = {"Content-Type": "text/plain"}


def visit(folder: Path, tokens: dict[str, str], urls: list[str]) -> None:
    """Visit and call, for ever."""
    http = requests.Session()
    with (folder / "acknowledged.jsonl").open("a", encoding="utf-8") as told:
        for number in itertools.count(1):
            project_id = 162 + number % 2
            beacon = {
                "projectId": project_id,
                "sessionKey": f"user-{number}.1",
                "keys": {"visitor_id": f"v-{number}"},
            }
            _until(http, urls, "/v1/sessions", json.dumps(beacon), TEXT)
            _tell(told, "session", project_id, f"user-{number}.1")
            call = {
                "call_id": f"c-{number}",
                "started": datetime.now(UTC).isoformat(),
                "duration_s": 75,
                "status": "completed",
                "call_center": "RENNES",
                "visitor_id": f"v-{number}",
            }
            authorised = {
                "Authorization": f"Bearer {tokens[str(project_id)]}",
                "Content-Type": "application/json",
            }
            _until(http, urls, "/v1/calls", json.dumps([call]), authorised)
            _tell(told, "call", project_id, f"c-{number}")
            time.sleep(PAUSE_SECONDS)


def _until(
    http: requests.Session, urls: list[str], path: str, body: str, headers: dict[str, str]
) -> None:
    """Post it to one after the other until one has taken it."""
    while True:
        try:
            answer = http.post(f"{urls[0]}{path}", body, headers=headers, timeout=2)
        except requests.RequestException:
            urls.append(urls.pop(0))
            continue
        if answer.ok:
            return
        if answer.status_code != 503:
            raise AssertionError(answer.text)


def _tell(told: object, kind: str, project_id: int, name: str) -> None:
    print(json.dumps([kind, project_id, name]), file=told, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    visit(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:])
