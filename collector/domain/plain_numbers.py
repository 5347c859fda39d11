"""Spells phone numbers that leave nothing to interpret, in a small part of the usual time.

Almost every number of a file is written in full, or in the form of its own country. The general
rules decide such a number by its country's prefixes and lengths alone, so these are asked first,
out of the same metadata. Whatever is not clear by them is left to the general rules;
tests/domain/test_numbers.py holds that both say the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

#: Regions and country codes there are; each is looked up once.
_COUNTRIES = 512

_NEVER = re.compile(r"(?!)")


class _Country(NamedTuple):
    """What decides how a number of a country is read.

    ``idd`` begins a call abroad, ``prefix`` a number in national form; ``viable`` fits what could
    be a number without its prefix being taken off. A country whose prefix is not just taken off
    has no ``prefix`` that can be used: ``rewrites``.
    """

    code: str
    idd: re.Pattern[str]
    prefix: re.Pattern[str]
    rewrites: bool
    viable: re.Pattern[str]
    lengths: frozenset[int]


def in_full(digits: str) -> bool:
    """Whether ``+digits`` is a number of a possible length that is read as those very digits."""
    for size in (1, 2, 3):
        country = _by_code(digits[:size])
        if country is not None:
            national = digits[size:]
            return len(national) in country.lengths and not country.prefix.match(national)
    return False


def from_national(digits: str, region: str) -> str | None:
    """The full digits of a number with its country's prefix; None if that is not all it could be.

    ``digits`` begin with a zero, as no country code does.
    """
    country = _by_region(region)
    if country is None or country.rewrites or country.idd.match(digits):
        return None
    prefix = country.prefix.match(digits)
    if not prefix or country.viable.fullmatch(digits):
        return None
    national = digits[prefix.end() :]
    if national[:1] in ("", "0") or len(national) not in country.lengths:
        return None
    full = country.code + national
    return full if in_full(full) else None


@lru_cache(maxsize=_COUNTRIES)
def _by_code(code: str) -> _Country | None:
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ("",))[0]
    return _by_region(region) if not code.startswith("0") else None


@lru_cache(maxsize=_COUNTRIES)
def _by_region(region: str) -> _Country | None:
    told = phonenumbers.PhoneMetadata.metadata_for_region(region)
    general = told.general_desc if told else None
    if told is None or general is None:
        return None
    return _Country(
        code=str(told.country_code),
        idd=_compiled(told.international_prefix),
        prefix=_compiled(told.national_prefix_for_parsing),
        rewrites=bool(told.national_prefix_transform_rule),
        viable=_compiled(general.national_number_pattern),
        lengths=frozenset(general.possible_length) - frozenset(general.possible_length_local_only),
    )


def _compiled(pattern: str | None) -> re.Pattern[str]:
    return re.compile(pattern) if pattern else _NEVER
