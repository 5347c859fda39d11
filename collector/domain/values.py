"""Reads numbers, lengths of time and truth values as people and platforms write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

#: What no double holds. The limit also keeps "1e999999" from becoming a huge integer.
_TOO_LARGE = Decimal("1.7976931348623158e308")
_LONGEST = timedelta(days=366)  # longer is a mistake, and could lead out of the calendar

#: A number this short needs no look at how large it is.
_FEW_DIGITS = 9

_TRUE = frozenset(
    {"true", "t", "yes", "y", "1", "on", "oui", "ja", "sí", "si", "sim", "vrai", "wahr"}
)
_FALSE = frozenset(
    {"false", "f", "no", "n", "0", "off", "non", "nein", "não", "nao", "faux", "falsch"}
)

#: As JSON writes it, which cannot be mistaken but for a group of three digits.
_PLAIN = re.compile(r"[+-]?(\d+|\d*\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<whole>[\d., ']*?)(?:(?P<mark>[.,])(?P<fraction>\d+))?")
_GROUPED = tuple(
    re.compile(rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|[1-9]\d?(?:{mark}\d{{2}})+{mark}\d{{3}}")
    for mark in (r"\.", ",", " ", "'")
)
_SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d\d", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)", re.ASCII)

#: ISO 4217. Any other word beside a number is a unit that nobody here knows.
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
    KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
    NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
    VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_CURRENCIES = frozenset(_CODES.split())
_PREFIX = re.compile(r"([A-Z]{1,3})?(\W)? ?(?=[\d.,+-])")
_SUFFIX = re.compile(r"(?<=\d) ?(?:([A-Z]{3})|(\W))\Z")


def parse_number(text: str, decimal: str = ".") -> Decimal:
    """A number, exactly as written; a currency beside it is left out.

    Thousands may be grouped. Where the text alone leaves open whether a sign groups them or
    begins the fraction, as in ``1,234``, ``decimal`` says it. An amount in brackets is negative.

    Args:
        decimal: the sign before the fraction, "." or ",".

    Raises:
        ValueError: it is no number, or one that no double can hold.
    """
    written = _plainly(text, decimal)
    try:
        number = Decimal(written or "")
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if abs(number) > _TOO_LARGE:
        raise ValueError(f"{text[:40]!r} is not a number that can be sent")
    return number


def parse_length(text: str, unit: timedelta, decimal: str = ".") -> timedelta:
    """A length of time: so many units, or ``MM:SS``, or ``HH:MM:SS``.

    Raises:
        ValueError: it is none, or longer than a year.
    """
    if text.isascii() and text.isdigit() and len(text) <= _FEW_DIGITS:
        length = int(text) * unit
        if length <= _LONGEST:
            return length
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock:
            microseconds = _clock_seconds(*clock.groups()) * 1_000_000
        else:
            microseconds = parse_number(text, decimal) * (unit // timedelta(microseconds=1))
        length = timedelta(microseconds=int(microseconds.to_integral_value(ROUND_HALF_EVEN)))
    except (ValueError, OverflowError):
        raise ValueError(f"is {text[:40]!r}, not a duration") from None
    if abs(length) > _LONGEST:
        raise ValueError(f"is {text[:40]!r}, longer than a year")
    return length


def parse_bool(text: str) -> bool:
    """A truth value, in English, French, German, Spanish, Italian or Portuguese.

    Raises:
        ValueError: it is none.
    """
    word = unicodedata.normalize("NFKC", text).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text.strip()[:40]!r} is neither true nor false")


def is_shortened(text: str) -> bool:
    """Whether it is a long number as spreadsheets show it, ``4.42079E+11``: digits are lost."""
    return "+" in text[1:] and _SHORTENED.fullmatch(text) is not None


def _plainly(text: str, decimal: str) -> str | None:
    """The number as ``Decimal`` takes it; None if it is none."""
    text = text.strip()
    if not text.isascii():
        text = "".join(map(_plain_sign, text))
    plain = _PLAIN.fullmatch(text)
    if plain and (decimal == "." or plain[2] or "." not in text):
        return text
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = text[1:-1].strip()
    minus = "-" if text.startswith("-") else ""
    bare = _without_currency(text.removeprefix("-").lstrip() if minus else text)
    if minus and bare[:1] in ("-", "+"):
        return None
    amount = _AMOUNT.fullmatch(minus + bare)
    if not amount or (negative and amount["sign"]):
        return None
    sign = "-" if negative else amount["sign"]
    digits = _ungrouped(amount["whole"], amount["mark"], amount["fraction"], decimal)
    return None if digits is None else f"{sign}{digits}"


def _without_currency(text: str) -> str:
    """Without a currency's sign (``$``, ``US$``) or code before the number or behind it."""
    before = _PREFIX.match(text)
    if before and _is_currency(before[1], before[2]):
        return text[before.end() :]
    behind = _SUFFIX.search(text)
    if behind and _is_currency(behind[1], behind[2]):
        return text[: behind.start()]
    return text


def _is_currency(letters: str | None, sign: str | None) -> bool:
    if sign and sign != " ":
        return unicodedata.category(sign) == "Sc"
    return letters in _CURRENCIES


def _ungrouped(whole: str, mark: str | None, fraction: str | None, decimal: str) -> str | None:
    """The digits with a point before their fraction, if it has one; None if that is no number."""
    if mark and fraction and len(fraction) == 3 and _groups(mark, whole, fraction, decimal):
        whole, fraction = f"{whole}{mark}{fraction}", None
    elif mark and mark in whole:
        return None
    if whole and not whole.isdigit():
        if not any(form.fullmatch(whole) for form in _GROUPED):
            return None
        whole = re.sub(r"\D", "", whole)
    if not whole and not fraction:
        return None
    return f"{whole or '0'}.{fraction or '0'}" if fraction else whole


def _groups(mark: str, whole: str, fraction: str, decimal: str) -> bool:
    """Whether the last sign before three digits groups them, rather than begin a fraction."""
    together = f"{whole}{mark}{fraction}"
    if not any(form.fullmatch(together) for form in _GROUPED):
        return False
    return mark in whole or mark != decimal


def _plain_sign(sign: str) -> str:
    if sign.isspace():
        return " "
    if sign in "\u2019\u02bc":
        return "'"
    if sign == "\u2212":
        return "-"
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


def _clock_seconds(hours: str | None, minutes: str, seconds: str) -> Decimal:
    if Decimal(seconds) >= 60 or (hours and int(minutes) >= 60):
        raise ValueError
    return (Decimal(hours or 0) * 60 + Decimal(minutes)) * 60 + Decimal(seconds)
