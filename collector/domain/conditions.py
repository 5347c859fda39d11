"""What a definition asks of a record: whether it is a call at all, whether it was answered."""

from __future__ import annotations

from collections.abc import Iterable

from collector.domain import values
from collector.domain.definition import Condition
from collector.domain.records import Record, cell


def all_hold(record: Record, conditions: Iterable[Condition]) -> bool | None:
    """Whether all of ``conditions`` hold; None where one is undecided and no other fails."""
    answers = [_holds(record, condition) for condition in conditions]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(record: Record, condition: Condition) -> bool | None:
    found = cell(record, condition.columns)
    if found is None:
        return True if condition.excluded else None
    if condition.above is not None:
        try:
            return values.parse_number(found.text) > condition.above
        except ValueError:
            return None
    text = found.text.lower()
    return text not in condition.excluded if condition.excluded else text in condition.values
