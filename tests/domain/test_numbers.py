"""A phone number has one spelling, on pages and in call records alike; nobody's number has none."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain import plain_numbers
from collector.domain.beacon import read_keys
from collector.domain.definition import CallMapping
from collector.domain.identifiers import TRACKING_NUMBER, normalise_key
from collector.domain.numbers import by_general_rules, normalise_number
from collector.domain.reading import CallReader
from tests.domain.samples import NOON

SHOP = "+33199001234"


@pytest.mark.parametrize(
    "written",
    [
        "+33199001234",
        "+33 1 99 00 12 34",
        "+33 (0)1 99 00 12 34",
        "(+33) 1 99 00 12 34",
        "0033 1 99 00 12 34",
        "33199001234",
        "01 99 00 12 34",
        "01.99.00.12.34",
        "(01) 99-00-12-34",
        "0199001234",
        "199001234",
        "+0199001234",
        "01\u00a099\u202f00\u200912\u300034",
        "+33‑1–99—00−12-34",  # noqa: RUF001
        "\u202a+33 1 99 00 12 34\u202c",
        "＋３３ １ ９９ ００ １２ ３４",  # noqa: RUF001
        "٠١ ٩٩ ٠٠ ١٢ ٣٤",  # noqa: RUF001
        "tel:+33-1-99-00-12-34",
        "TEL: 01 99 00 12 34",
        "tel:199001234;phone-context=+33",
        "sip:+33199001234@sip.example.com",
        "sips:%2B33199001234@sip.example.com:5061;transport=tls",
        "+33199001234@sip.example.com",
        '"Shop" <sip:0199001234@sip.example.com>',
        "whatsapp:+33199001234",
        "Tél. : 01 99 00 12 34",
        "01 99 00 12 34 (gratuit)",
        "01 99 00 12 34 ext. 45",
        "01 99 00 12 34 x45",
        "0199001234x45",
        "01 99 00 12 34 poste 45",
        "+33199001234;ext=45",
        "+33199001234,,45#",
        "*31#0199001234",
        "33199001234.0",
        "+33199001234.0",
        "+33199001234.0 ",
        "\t01 99 00\n12 34 ",
    ],
)
def test_a_number_has_one_spelling_however_it_is_written(written: str) -> None:
    assert normalise_number(written, "FR") == SHOP


@pytest.mark.parametrize(
    ("written", "region", "spelt"),
    [
        ("011 33 1 99 00 12 34", "US", SHOP),
        ("0033 1 99 00 12 34", "US", SHOP),
        ("0033 1 99 00 12 34", None, SHOP),
        ("33199001234", "US", SHOP),
        ("442079460111", "FR", "+442079460111"),
        ("(202) 555-0101", "US", "+12025550101"),
        ("1-202-555-0101", "US", "+12025550101"),
        ("12025550101", "GB", "+12025550101"),
        ("US 202-555-0101 x7", "US", "+12025550101"),
        ("1-555-555-CALL", "US", "+15555552255"),
        ("0199001234", None, "0199001234"),
    ],
)
def test_the_region_decides_how_a_number_without_its_country_is_read(
    written: str, region: str | None, spelt: str
) -> None:
    assert normalise_number(written, region) == spelt


@pytest.mark.parametrize(
    ("written", "region", "kept"),
    [
        ("3639", "FR", "3639"),
        ("36 39", "FR", "3639"),
        ("3639", "DE", "3639"),
        ("+3639", "FR", "3639"),
        ("118 000", "FR", "118000"),
        ("112", None, "112"),
        ("3639 x45", "FR", "3639"),
        ("555-0101", "US", "5550101"),
    ],
)
def test_a_short_code_and_a_number_without_its_area_keep_their_digits(
    written: str, region: str | None, kept: str
) -> None:
    assert normalise_number(written, region) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("client:anna", "client:anna"),
        ("client:+33199001234", "client:+33199001234"),
        ("sip:anna@sip.example.com", "sip:anna@sip.example.com"),
        ("reception", "reception"),
        ("+339990012345678", "+339990012345678"),
        ("+33 1", "331"),
        ("9" * 40, "9" * 40),
        ("call us " * 30 + "01 99 00 12 34", "call us " * 30 + "01 99 00 12 34"),
    ],
)
def test_what_no_rule_can_read_is_kept_so_that_it_still_meets_itself(
    written: str, kept: str
) -> None:
    assert normalise_number(written, "FR") == kept


@pytest.mark.parametrize("region", [None, "FR", "US"])
@pytest.mark.parametrize(
    "written",
    [
        "",
        "  ",
        "+",
        "---",
        "\u202a",
        "anonymous",
        "Anonymous",
        "RESTRICTED",
        "private",
        "Private number",
        "withheld",
        "Number withheld",
        "unknown",
        "Unknown caller",
        "unavailable",
        "not available",
        "blocked",
        "No Caller ID",
        "no-caller-id",
        "N/A",
        "null",
        "masqué",
        "Masque\u0301",
        "Numéro masqué",
        "inconnu",
        "unterdrückt",
        "Anónimo",
        "número oculto",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "client:Anonymous",
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "266696687",
        "+17378742833",
        "0",
        "0000000000",
        "+33 1 99 00 ** **",
        "+3319900XXXX",
        "3.3199E+10",
        "4,42079e+11",
        "x45",
    ],
)
def test_a_number_that_is_withheld_or_hidden_is_none(written: str, region: str | None) -> None:
    assert normalise_number(written, region) == ""


@pytest.mark.parametrize("written", ["anonymous", "+266696687", "Numéro masqué"])
def test_a_number_that_is_withheld_is_no_key_of_a_page_and_none_of_a_call(written: str) -> None:
    assert read_keys({TRACKING_NUMBER: written, "visitor_id": written}, "FR") == (
        {"visitor_id": written},
        [],
    )
    reader = CallReader(
        mapping=CallMapping(id=("id",), started=("at",), keys={TRACKING_NUMBER: ("to",)}),
        region="FR",
    )
    call = reader.read({"id": "c1", "at": NOON.isoformat(), "to": written}, NOON)
    assert call is not None
    assert call.keys == {}


_regions = st.sampled_from([None, "FR", "GB", "US", "DE", "IT", "AR", "MX", "BR", "SH", "RU"])
_written = st.one_of(
    st.text(max_size=30),
    st.text("0123456789+-() .x*#;,ext/@:<>", max_size=24),
    st.from_regex(r"(\+|00|011|0|)\d{3,16}", fullmatch=True),
)


@given(written=_written, region=_regions)
@settings(deadline=None, max_examples=300)
def test_any_text_has_a_spelling_that_spells_itself(written: str, region: str | None) -> None:
    spelt = normalise_number(written, region)
    assert normalise_number(spelt, region) == spelt
    assert normalise_number(f"\t{written} ", region) == spelt


@given(written=_written, region=_regions)
@settings(deadline=None, max_examples=100)
def test_a_page_and_a_call_record_agree_on_every_number(written: str, region: str | None) -> None:
    keys, left_out = read_keys({TRACKING_NUMBER: written}, region)
    if not left_out:
        assert keys.get(TRACKING_NUMBER, "") == normalise_key(TRACKING_NUMBER, written, region)


_gaps = st.sampled_from(["", " ", "-", ".", "\u00a0", "\u2011", " - "])


@given(pairs=st.lists(st.integers(0, 99), min_size=2, max_size=2), gaps=st.lists(_gaps, min_size=4))
@settings(deadline=None, max_examples=100)
def test_whatever_stands_between_its_digits_a_number_stays_the_same(
    pairs: list[int], gaps: list[str]
) -> None:
    last = [f"{pair:02}" for pair in pairs]
    body = "".join(part + gap for part, gap in zip(["99", "00", *last], gaps, strict=False))
    spelt = f"+3319900{last[0]}{last[1]}"
    assert normalise_number(f"01 {body}", "FR") == spelt
    assert normalise_number(f"+33 1{body}", None) == spelt


def test_a_clear_number_of_any_country_is_spelt_as_the_general_rules_spell_it() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    clear = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        code = phonenumbers.country_code_for_region(region)
        for _ in range(4):
            digits = "".join(chance.choices("0123456789", k=chance.randint(5, 12)))
            for written in (f"+{code}{digits}", f"+{code}0{digits}", f"0{digits}", digits):
                spelt = normalise_number(written, region)
                assert spelt == by_general_rules(written, region), (written, region)
            clear += plain_numbers.in_full(f"{code}{digits}")
    assert clear > 100  # else nothing was compared
