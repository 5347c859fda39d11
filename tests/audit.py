"""Looks whether a vulnerability is known of what `constraints.txt` pins: a part of `make check`.

pip-audit asks PyPI, or if that tells nothing, OSV. Where neither can be asked, as on a machine
without a network or behind an index that has no such data, it says so, and that is no failure: the
code is no worse for it. `allowed_vulnerabilities.toml` has those that do not matter here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

SERVICES = ("pypi", "osv")

#: Of one connection, and of all that a service is asked.
TIMEOUT, PATIENCE = 5, 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """A vulnerability that is known, and does not matter here until it is looked at again."""

    id: str
    reason: str
    until: date


def main() -> int:
    """Look, say what was found, and return the exit code."""
    allowed = read_allowed((ROOT / "tests" / "allowed_vulnerabilities.toml").read_text())
    for service in SERVICES:
        report = ask(service)
        if report is not None:
            found = list(judge(report, allowed, datetime.now(UTC).date()))
            print("\n".join([*found, told_of(report, service)]))
            return 1 if found else 0
    print(
        "Known vulnerabilities were not looked up: neither PyPI nor OSV tells of any package here."
    )
    return 0


def ask(service: str) -> Sequence[Mapping[str, Any]] | None:
    """What a service says of each package; None if it says nothing of any."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--vulnerability-service", service),
        *("--disable-pip", "--no-deps", "--requirement", str(ROOT / "constraints.txt")),
        *("--format", "json", "--desc", "off", "--progress-spinner", "off"),
        *("--timeout", str(TIMEOUT)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report if any("vulns" in package for package in report) else None


def judge(
    report: Sequence[Mapping[str, Any]], allowed: Mapping[str, Allowed], today: date
) -> Iterator[str]:
    """A line for each vulnerability that matters."""
    for package in report:
        for one in package.get("vulns", ()):
            names = [one["id"], *one.get("aliases", ())]
            known = next((allowed[name] for name in names if name in allowed), None)
            if known is not None and today <= known.until:
                continue
            mended = ", ".join(one.get("fix_versions", ())) or "no version yet"
            again = "" if known is None else f"; it was allowed until {known.until}: {known.reason}"
            yield (
                f"{package['name']} {package['version']} has {', that is '.join(names)}; mended in "
                f"{mended}{again}"
            )


def told_of(report: Sequence[Mapping[str, Any]], service: str) -> str:
    """How much was looked at."""
    asked = sum("vulns" in package for package in report)
    return f"Known vulnerabilities, by {service}: {asked} of {len(report)} packages looked up."


def read_allowed(text: str) -> dict[str, Allowed]:
    """The list, by id."""
    entries = [Allowed(**entry) for entry in tomllib.loads(text).get("allowed", ())]
    return {entry.id: entry for entry in entries}


if __name__ == "__main__":
    sys.exit(main())
