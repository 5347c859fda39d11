"""Shows what was found: a table for the terminal, JSON for machines, a chart for the docs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.comparing import Finding

#: Whose versions decide the figures.
_LIBRARIES = ("flask", "granian", "sqlalchemy", "psycopg", "pandas", "requests", "marshmallow")


def sentence(finding: Finding) -> str:
    """One finding on one line."""
    low, high = finding.spread
    figure = f"{_shown(finding, finding.median)} ({low:.3g} to {high:.3g})"
    goal = f", goal {finding.goal}: {_verdict(finding)}" if finding.goal else ""
    place = f" on {finding.database}" if finding.database else ""
    return f"{finding.benchmark}{place}, {finding.what}: {figure}{goal}"


def table(findings: Sequence[Finding]) -> str:
    """All findings as a Markdown table, which a terminal shows as well as a page does."""
    head = ("benchmark", "database", "figure", "median", "spread", "goal", "reached")
    rows = [
        (
            item.benchmark,
            item.database,
            f"{item.what}, against {item.against}" if item.against else item.what,
            _shown(item, item.median),
            "{:.3g} to {:.3g}".format(*item.spread),
            str(item.goal or ""),
            _verdict(item),
        )
        for item in findings
    ]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def write(findings: Sequence[Finding], path: Path) -> list[dict[str, Any]]:
    """Write the figures, with the machine they were measured on.

    What was not measured this time stays as it was, if it was measured on this machine with these
    libraries.

    Returns:
        All that stands in the file now.
    """
    measured = {(finding.benchmark, finding.database) for finding in findings}
    here = machine()
    before = _before(path, here)
    kept = [item for item in before if (item["benchmark"], item["database"]) not in measured]
    shown = kept + [finding.as_json() for finding in findings]
    document = {"machine": here, "findings": shown}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return shown


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def file_system(folder: Path) -> str:
    """What the folder is kept on, as Linux calls it; empty where it cannot be told."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    kinds = {Path(mount.split()[1]): mount.split()[2] for mount in mounts}
    resolved = folder.resolve()
    return next((kinds[place] for place in (resolved, *resolved.parents) if place in kinds), "")


def draw(findings: Sequence[dict[str, Any]], path: Path) -> None:
    """A bar for each finding that has a goal: how far it is from it, on a logarithmic scale."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to load, needed at the end
    from matplotlib.figure import Figure  # noqa: PLC0415

    goals = [item for item in findings if item["goal"]]
    # Letters stay letters, for whoever searches, or hears, the picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9}):
        figure = Figure(figsize=(11, 0.46 * len(goals) + 1), layout="constrained")
        axes = figure.subplots()
        for place, item in enumerate(goals):
            sign, wanted = item["goal"].split()
            values = (item["median"], *item["spread"])
            times = [_times(sign, float(wanted), value) for value in values]
            axes.barh(place, times[0] - 1, left=1, color="#2a7" if item["reached"] else "#c63")
            axes.plot(times[1:], [place, place], color="#333", linewidth=1)
        axes.axvline(1, color="#333", linewidth=1)
        axes.set_xscale("log")
        for axis_ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis_ticks(lambda value, _place: f"{value:g}x" if _is_shown(value) else "")
        axes.set_yticks(range(len(goals)), [_named(item) for item in goals])
        axes.margins(y=0.01)
        axes.invert_yaxis()
        axes.set_xlabel("times better than the goal; the thin line is the spread")
        figure.savefig(path, metadata={"Date": None})


def _named(item: dict[str, Any]) -> str:
    """A finding on two lines at most."""
    against = f"\nagainst {item['against']}" if item["against"] else ""
    return f"{item['database']}: {item['what']}{against}"


def _is_shown(tick: float) -> bool:
    """Of a logarithmic scale, 1, 2 and 5 of each decade have room for their number."""
    return f"{tick:e}"[0] in "125"


def _times(sign: str, wanted: float, value: float) -> float:
    """How many times better than the goal; 1 is on it. Nothing is better than a thousand times."""
    better = value / wanted if sign == "≥" else wanted / max(value, wanted / 1000)
    return max(better, 0.001)


def _shown(finding: Finding, value: float) -> str:
    return f"{value:.3g}x" if finding.theirs else f"{value:.4g} {finding.unit}"


def _verdict(finding: Finding) -> str:
    return {None: "", True: "yes", False: "no"}[finding.reached]


def _before(path: Path, machine: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = document["findings"] if document["machine"] == machine else []
    except (OSError, ValueError, KeyError):
        return []
    return found


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
