"""Other rules than those that stand in the definition, to be tried before they are adopted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from collector.domain.definition import DEFAULT_RULES, Matching, Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Alteration:
    """What is to differ. ``order`` lists the kinds of all rules, or is empty to keep them."""

    order: Sequence[str] = ()
    windows: Mapping[str, timedelta] = field(default_factory=dict)
    skew: timedelta | None = None
    horizon: timedelta | None = None

    def of(self, matching: Matching) -> Matching:
        """The rules with these changes.

        Raises:
            ValueError: a window is for a kind that no rule uses.
        """
        standing = {rule.kind: rule for rule in (*DEFAULT_RULES, *matching.rules)}
        rules = matching.rules
        if self.order:
            rules = tuple(
                standing.get(kind, Rule(kind=kind, window=timedelta(days=7))) for kind in self.order
            )
        kinds = [rule.kind for rule in rules]
        for kind in self.windows:
            if kind not in kinds:
                raise ValueError(f"no rule uses {kind!r}, only {', '.join(kinds)}")
        return Matching(
            rules=tuple(
                replace(rule, window=self.windows.get(rule.kind, rule.window)) for rule in rules
            ),
            skew=matching.skew if self.skew is None else self.skew,
            horizon=matching.horizon if self.horizon is None else self.horizon,
        )


def as_lines(matching: Matching, table: str) -> list[str]:
    """These rules as the definition writes them below a table such as ``projects.162.matching``."""
    lines = [
        f"[{table}]",
        f'skew = "{_written(matching.skew)}"',
        f'horizon = "{_written(matching.horizon)}"',
    ]
    for rule in matching.rules:
        lines += [
            f"[[{table}.rules]]",
            f'key = "{rule.kind}"',
            f'window = "{_written(rule.window)}"',
            f"shared = {str(rule.shared).lower()}",
        ]
    return lines


def _written(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
