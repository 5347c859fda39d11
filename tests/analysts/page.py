"""docs/analysts.md as tests read it: its questions with their queries, and its tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)


def queries(dialect: str) -> Mapping[str, str]:
    """Each heading that queries stand under, with the one for ``dialect``."""
    found = {}
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
        heading, _, text = section.partition("\n")
        for query in _BLOCK.findall(text):
            said = re.match(r"-- (\w+)\n", query)
            if said is None or said[1].lower() == dialect:
                assert heading not in found, f"{heading}: two queries for {dialect}"
                found[heading] = query
    return found
