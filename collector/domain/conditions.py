"""What a definition asks of a record: whether it is a call at all, whether it was answered."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from collector.domain import values
from collector.domain.definition import Condition
from collector.domain.records import Record, cell

_TRUTHS = ("true", "false")


def all_hold(record: Record, conditions: Iterable[Condition], decimal: str = ".") -> bool | None:
    """Whether all of ``conditions`` hold; None where one is undecided and no other fails.

    Args:
        decimal: the sign before the fraction of the record's numbers.

    Raises:
        RecordError: a column that is asked for holds no text, number or truth value.
    """
    answers = [_holds(record, condition, decimal) for condition in conditions]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(record: Record, condition: Condition, decimal: str) -> bool | None:
    found = cell(record, condition.columns)
    if found is None:
        return True if condition.excluded else None
    if condition.above is not None:
        try:
            return values.parse_number(found.text, found.sign(decimal)) > condition.above
        except ValueError:
            return None
    if condition.excluded:
        return not _is_among(found.text, condition.excluded)
    return _is_among(found.text, condition.values)


def _is_among(text: str, words: frozenset[str]) -> bool:
    """Whether it is one of ``words``, of which ``true`` and ``false`` stand for all like them."""
    words = _folded(words)
    if text.casefold() in words:
        return True
    if words.isdisjoint(_TRUTHS):
        return False
    try:
        return _TRUTHS[not values.parse_bool(text)] in words
    except ValueError:
        return False


@lru_cache(maxsize=100)  # a definition has few conditions, and each record is held against all
def _folded(texts: frozenset[str]) -> frozenset[str]:
    return frozenset(text.strip().casefold() for text in texts)
