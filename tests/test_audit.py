"""The look at known vulnerabilities fails for those that matter, and for nothing else."""

from __future__ import annotations

import re
import socket
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import audit

ROOT = Path(__file__).parent.parent

TODAY = date(2026, 3, 2)

REPORT: list[dict[str, Any]] = [
    {"name": "safe", "version": "1.0", "vulns": []},
    {"name": "unknown", "skip_reason": "not found"},
    {
        "name": "leaky",
        "version": "1.2",
        "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.3"]}],
    },
]


def listed(name: str, until: date) -> dict[str, audit.Allowed]:
    return audit.read_allowed(
        f'[[allowed]]\nid = "{name}"\nreason = "not used here"\nuntil = {until}'
    )


def test_a_known_vulnerability_is_told_with_the_version_that_mends_it() -> None:
    (line,) = audit.judge(REPORT, {}, TODAY)
    for text in ("leaky 1.2", "PYSEC-1", "CVE-1", "1.3"):
        assert text in line


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_one_that_does_not_matter_is_passed_over_until_its_day(name: str) -> None:
    assert list(audit.judge(REPORT, listed(name, TODAY), TODAY)) == []
    (line,) = audit.judge(REPORT, listed(name, TODAY - timedelta(days=1)), TODAY)
    assert "not used here" in line


def test_the_list_can_be_read_and_each_entry_has_a_reason() -> None:
    allowed = audit.read_allowed((ROOT / "tests" / "allowed_vulnerabilities.toml").read_text())
    assert all(entry.reason for entry in allowed.values())


def test_where_nobody_can_be_asked_it_says_so_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{reserved.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setattr(audit, "SERVICES", ("osv",))
        assert audit.main() == 0
    assert "were not looked up" in capsys.readouterr().out


def test_each_exception_from_the_rules_of_security_says_why() -> None:
    unexplained = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("collector", "migrations", "static")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"# noqa: S\d+\b(?! - \w)", line)
    ]
    assert unexplained == []
