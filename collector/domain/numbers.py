"""Spells every phone number in one way, so that a page's and a call record's meet.

The beacons' path goes through here, so it is quick and raises nothing whatever it is given.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber

from collector.domain import plain_numbers
from collector.domain.values import is_shortened

#: No network has a full number as short as this; what is not one of the region's is a short code.
_MAX_SHORT = 6
#: E.164 has 15; the rest is for prefixes. What is longer is not even tried.
_MAX_DIGITS = 20
#: What is longer is no number with something beside it, and not worth the time.
_MAX_LENGTH = 200

#: Digits, and what people put between them.
_PLAIN = re.compile(r"\+?\d[\d ().-]{6,39}", re.ASCII)
_BETWEEN = str.maketrans("", "", "+ ().-")

_E164 = phonenumbers.PhoneNumberFormat.E164

_SCHEME = re.compile(r"(tel|callto|sms|whatsapp|sips?|client|sim)\s*:\s*", re.IGNORECASE)
_NAMED = re.compile(r"<([^<>]+)>")
_PARAMETERS = re.compile(r";.*")
_CONTEXT = re.compile(r";phone-context=(\+\d+)", re.IGNORECASE)
_EXTENSION = re.compile(
    r"(?:,,+|(?<![^\W\d_])(?:x|ext|extn|extension|poste|interno|durchwahl|ramal)"
    r"(?![^\W\d_])[\s.:=]*)\d{1,9}#?$",
    re.IGNORECASE,
)
#: Dialled before the number, to show one's own or not.
_SERVICE = re.compile(r"[*#]\d{2,3}[*#]")
#: A program took the number for a fraction.
_FRACTION = re.compile(r"(?<=\d{7})\.0$")
#: Two or more digits that somebody made unreadable.
_MASKED = re.compile(r"[*•]{2}|(?<![^\W\d_])x{2,}(?![^\W\d_])", re.IGNORECASE)
_VANITY = re.compile(r"\+?[\d(][\d\s().-]*(?:[a-z][\s.-]?){3}[a-z\d\s.-]*", re.IGNORECASE)

#: What platforms and exchanges write instead of a number, without accents and in lower case.
_WORDS = """
    anonymous restricted private withheld unknown unavailable blocked undisclosed hidden
    anonyme masque inconnu indisponible prive secret
    anonym unterdruckt unbekannt privat
    anonimo desconocido privado oculto desconhecido sconosciuto privato nascosto
    anoniem onbekend afgeschermd
    null none undefined nan
"""
_WITHHELD = frozenset(_WORDS.split())
#: What stands beside these words.
_WORDS_BESIDE = "number caller call id cli name user by numero appelant nummer rufnummer chiamante"
_BESIDE = frozenset(_WORDS_BESIDE.split())
_PHRASES = frozenset(
    {
        "no caller id",
        "no id",
        "no cli",
        "no number",
        "not available",
        "not provided",
        "not disclosed",
        "nao identificado",
        "no identificado",
        "non identifie",
        "n a",
    }
)
#: Twilio's spelling of such words on a telephone's keys: anonymous, restricted, blocked, unknown
#: and unavailable. Two of them look like numbers of Russia and China.
_KEYPAD = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})


def spell_number(value: str, region: str | None) -> str:
    """A phone number in E.164; "" for a caller who is withheld, and for what says nothing.

    Short codes keep their digits, extensions are left out, and so are ``tel:``, ``sip:`` and the
    like. What cannot be read keeps its digits, with the plus if it has one, and without digits is
    kept as it is: it can still meet what is written alike. Numbers from ranges reserved for
    fiction count as numbers, since only the form is checked.

    Args:
        region: two-letter country of numbers written in national form, or None.
    """
    plain = _from_digits(value, region) if _PLAIN.fullmatch(value) else None
    return by_general_rules(value, region) if plain is None else plain


#: The same, remembered: a pool has few numbers, and each is parsed for every beacon. Not for
#: callers' numbers, which are to stay in no memory.
normalise_number = lru_cache(maxsize=10_000)(spell_number)


def _from_digits(value: str, region: str | None) -> str | None:
    """A number that is written in full or in national form; None if it could be anything else."""
    digits = value.translate(_BETWEEN)
    if not _MAX_SHORT < len(digits) <= _MAX_DIGITS or value.rstrip().endswith(".0"):
        return None
    if value[0] == "+":
        full = digits if plain_numbers.in_full(digits) else None
    elif region and digits[0] == "0" and digits[1] != "0":
        full = plain_numbers.from_national(digits, region)
    else:
        full = None
    if full is None or len(full) <= _MAX_SHORT:
        return None
    return "" if _are_nobody(digits) or _are_nobody(full) else f"+{full}"


def by_general_rules(value: str, region: str | None) -> str:
    """The same, with nothing taken for granted, in twenty times the time."""
    text = _plain(value)
    if len(text) > _MAX_LENGTH:
        return text
    named = _NAMED.search(text)
    whole = named[1].strip() if named else text
    scheme = _SCHEME.match(whole)
    address = whole[scheme.end() :] if scheme else whole
    number, at, _ = re.sub("%2B", "+", address, flags=re.IGNORECASE).partition("@")
    if _is_nobody(number):
        return ""
    if (scheme and scheme[1].lower() in {"client", "sim"}) or (at and _has_letters(number)):
        return whole
    number = _local(number)
    if _is_nobody(number) or _MASKED.search(number) or is_shortened(number):
        return ""
    digits = _digits(number)
    return _read(number, digits, region) if digits else whole


def _plain(value: str) -> str:
    """Without what cannot be seen, with one kind of blank, dash and digit, on one line."""
    if not value.isascii():
        seen = "".join(sign for sign in value if unicodedata.category(sign) != "Cf")
        value = "".join(map(_plain_sign, unicodedata.normalize("NFKC", seen)))
    return " ".join(value.split())


def _plain_sign(sign: str) -> str:
    if sign == "\u2212" or unicodedata.category(sign) == "Pd":
        return "-"
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


def _is_nobody(text: str) -> bool:
    """Whether it stands for a number that is withheld, or says nothing at all."""
    digits = _digits(text)
    if digits:
        return _are_nobody(digits)
    letters = "".join(
        sign if sign.isalnum() else " "
        for sign in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(sign)
    )
    words = set(letters.split())
    if words & _WITHHELD:
        return words <= _WITHHELD | _BESIDE
    return not words or " ".join(letters.split()) in _PHRASES


def _are_nobody(digits: str) -> bool:
    # A normaliser elsewhere may have taken them for American numbers.
    return not digits.strip("0") or digits in _KEYPAD or digits.removeprefix("1") in _KEYPAD


def _local(number: str) -> str:
    """Without extension and parameters; a ``phone-context`` that is a prefix stands before it."""
    context = _CONTEXT.search(number)
    number = _SERVICE.sub("", _PARAMETERS.sub("", number), count=1)
    number = _FRACTION.sub("", _EXTENSION.sub("", number.strip()))
    return f"{context[1]}{number}" if context else number


def _read(number: str, digits: str, region: str | None) -> str:
    if len(digits) > _MAX_DIGITS:
        return digits
    # No country's code begins with 0, and no short code takes one: there the plus is a mistake.
    plus = number[: number.index(digits[0])].endswith("+")
    plus = plus and digits[0] != "0" and len(digits) > _MAX_SHORT
    found = _possible(f"+{digits}", None) if plus else _without_plus(digits, region)
    if found is None and _VANITY.fullmatch(number) and (digits[0] == "1" or _is_american(region)):
        found = _possible(number, "US")
    spelt = phonenumbers.format_number(found, _E164) if found else ""
    # Some prefixes are taken off again and again: that is no spelling to agree on.
    if len(spelt) > _MAX_SHORT + 1 and (spelt == f"+{digits}" or _possible(spelt, None) == found):
        return "" if _is_nobody(spelt) else spelt
    return f"+{digits}" if plus else digits


def _without_plus(digits: str, region: str | None) -> PhoneNumber | None:
    """In national form, else in international form with the plus left out or written as 00.

    A number that is in use goes before one that merely has a possible length.
    """
    national = _possible(digits, region)
    if len(digits) <= _MAX_SHORT:
        return national if national and phonenumbers.is_valid_number(national) else None
    if digits.startswith("00"):
        international = _possible(f"+{digits[2:]}", None)
    elif digits.startswith("0"):
        return national
    else:
        international = _possible(f"+{digits}", None)
    if national is None or international is None or phonenumbers.is_valid_number(national):
        return national or international
    return international if phonenumbers.is_valid_number(international) else national


def _possible(text: str, region: str | None) -> PhoneNumber | None:
    """The number that can be called from anywhere, going by its length; None if it is none."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _is_american(region: str | None) -> bool:
    return region is not None and phonenumbers.country_code_for_region(region) == 1


def _has_letters(text: str) -> bool:
    return any(sign.isalpha() for sign in text)


def _digits(text: str) -> str:
    return "".join(sign for sign in text if "0" <= sign <= "9")
