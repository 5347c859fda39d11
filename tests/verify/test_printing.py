"""What stands on the terminal in the end, whatever has got into a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.cli.verify import print_finding
from collector.verify.diagnosis import diagnose
from collector.verify.observation import Opening
from tests.verify.pages import BEACON, SESSION, WELL

EVIL = "x\x1b]0;title\x07\x1b[2J\x9b\u202e"


def test_no_word_of_a_finding_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    beacon = replace(BEACON, status=403, code=EVIL)
    seen = replace(
        WELL,
        opening=Opening(address=f"https://shop.example/{EVIL}"),
        session=replace(SESSION, user_id=EVIL),
        keys={EVIL: EVIL},
        beacons=(beacon,),
    )
    print_finding(seen, diagnose(seen))
    shown = capsys.readouterr().out
    assert "]0;title[2J" in shown
    assert all(line.isprintable() for line in shown.splitlines())
