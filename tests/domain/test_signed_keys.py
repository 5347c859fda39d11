"""What a page has signed is believed, and nothing that looks like it."""

from __future__ import annotations

import pytest

from collector.domain.beacon import read_keys
from collector.domain.signed_keys import SignedKeys, sign, signed

SECRET = "a secret"
KEYS = SignedKeys(project_id=162, secrets=(SECRET, "older"), required=frozenset({"visitor_id"}))


def told(kind: str, value: object, keys: SignedKeys | None = KEYS) -> tuple[dict[str, str], str]:
    """The keys that are usable, and why one is not."""
    usable, left_out = read_keys({kind: value}, "FR", keys)
    return usable, left_out[0].why if left_out else ""


def test_a_signature_is_what_the_documents_example_says() -> None:
    assert sign("secret", 162, "visitor_id", "v-123") == (
        "fV-9KGQpZJwz0vmp_esg-7aDCzMUJTbzwJm0jJpase8"
    )


@pytest.mark.parametrize("secret", [SECRET, "older"])
@pytest.mark.parametrize("value", ["v-1", "a~b", "é", "x" * 200])
def test_a_signed_value_is_stored_without_its_signature(secret: str, value: str) -> None:
    assert told("visitor_id", signed(secret, 162, "visitor_id", value)) == (
        {"visitor_id": value},
        "",
    )


def test_a_signed_number_is_stored_in_its_one_spelling() -> None:
    value = signed(SECRET, 162, "tracking_number", "01 99 00 12 34")
    assert told("tracking_number", value)[0] == {"tracking_number": "+33199001234"}


@pytest.mark.parametrize(
    "value",
    [
        signed("another", 162, "visitor_id", "v-1"),
        signed(SECRET, 163, "visitor_id", "v-1"),
        signed(SECRET, 162, "reference", "v-1"),
        signed(SECRET, 162, "visitor_id", "v-1").replace("v-1", "v-2"),
        "v-1~" + "A" * 43,
    ],
)
def test_a_value_that_is_signed_for_something_else_is_left_out(value: str) -> None:
    assert told("visitor_id", value) == ({}, "has a signature that does not fit it")


def test_what_is_not_signed_is_left_out_only_where_it_has_to_be() -> None:
    usable, why = told("visitor_id", "v-1")
    assert usable == {}
    assert why.startswith("must be signed")
    assert told("reference", "r~1") == ({"reference": "r~1"}, "")
    assert told("visitor_id", None) == ({}, "")


def test_without_a_secret_nothing_is_taken_for_a_signature() -> None:
    value = "v-1~" + "A" * 43
    assert told("visitor_id", value, None) == ({"visitor_id": value}, "")


def test_secrets_that_cannot_be_read_let_nothing_signed_through() -> None:
    unread = SignedKeys(project_id=162, secrets=(), required=frozenset())
    value = signed(SECRET, 162, "visitor_id", "v-1")
    assert told("visitor_id", value, unread)[1].startswith("is signed, and the server cannot")
    assert told("visitor_id", "v-1", unread)[0] == {"visitor_id": "v-1"}
