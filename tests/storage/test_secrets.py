"""Secrets are unreadable where they are stored, and keys can be rotated."""

from __future__ import annotations

import pytest

from collector.errors import SecretError
from collector.storage.secrets import SecretBox, generate_key

SECRET = "s3cret é of a customer"


def test_a_secret_opens_with_the_key_that_sealed_it_and_hides_meanwhile() -> None:
    box = SecretBox([generate_key()])
    sealed = box.seal(SECRET)
    assert "s3cret" not in sealed
    assert box.open(sealed) == SECRET
    assert box.seal(SECRET) != sealed


def test_keys_are_rotated_by_putting_the_new_one_first() -> None:
    old, new = generate_key(), generate_key()
    sealed_before = SecretBox([old]).seal(SECRET)
    both = SecretBox([new, old])
    assert both.open(sealed_before) == SECRET
    sealed_after = both.seal(SECRET)
    assert SecretBox([new]).open(sealed_after) == SECRET
    with pytest.raises(SecretError):
        SecretBox([old]).open(sealed_after)
    with pytest.raises(SecretError):
        SecretBox([new]).open(sealed_before)


@pytest.mark.parametrize("damage", [lambda s: s[:-4], lambda s: "A" + s[1:], lambda _: ""])
def test_what_cannot_be_opened_says_what_to_do_and_gives_nothing_away(damage: object) -> None:
    key = generate_key()
    box = SecretBox([key])
    assert callable(damage)
    with pytest.raises(SecretError) as error:
        box.open(damage(box.seal(SECRET)))
    message = str(error.value)
    assert "COLLECTOR_SECRET_KEY" in message
    assert "collector installation edit" in message
    assert key not in message
    assert "s3cret" not in message


def test_every_generated_key_is_another() -> None:
    assert len({generate_key() for _ in range(20)}) == 20
