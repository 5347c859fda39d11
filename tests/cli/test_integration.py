"""The presets of call platforms, as commands show and try them."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from collector.sources import presets
from tests.cli.conftest import CommandLine
from tests.platforms.records import FILES, FOLDER, REGIONS

ADAPTED = """
[presets.callrail]
value = ""

[presets.callrail.keys]
visitor_id = "custom.visitor"

[projects.162.matching]
[[projects.162.matching.rules]]
key = "visitor_id"
"""


@pytest.fixture
def provider(bare: CommandLine) -> CommandLine:
    """Somebody whose definition writes no mapping."""
    for file in (*FILES, "integration.toml", "schema.v1.json"):
        shutil.copy(FOLDER / file, bare.folder)
    return bare


def adapt(shell: CommandLine, lines: str = ADAPTED) -> None:
    text = (FOLDER / "integration.toml").read_text(encoding="utf-8")
    shell.write("integration.toml", text + lines)


def test_the_presets_are_listed_with_a_line_each(bare: CommandLine) -> None:
    head, *lines = bare.well("integration", "preset").out.splitlines()
    assert head.split() == ["PRESET", "READS"]
    assert [line.split()[0] for line in lines] == list(presets.NAMES)


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_is_printed_with_its_comments_to_start_from(bare: CommandLine, name: str) -> None:
    out = bare.well("integration", "preset", name).out
    assert out == presets.text(name)
    assert tomllib.loads(out)["calls"]["webhook"]
    assert out.startswith("# ")


def test_a_preset_is_told_to_machines_as_the_definition_adapts_it(provider: CommandLine) -> None:
    adapt(provider)
    told = provider.well("integration", "preset", "callrail", "--json").json()
    assert told["keys"] == {
        "visitor_id": ["custom.visitor"],
        "tracking_number": ["tracking_phone_number", "trackingnum"],
    }
    assert told["webhook"]["header"] == "Signature"
    assert "value" not in told
    everything = provider.well("integration", "preset", "--json").json()
    assert list(everything) == list(presets.NAMES)
    assert everything["callrail"] == told


def test_the_check_tells_what_is_read_and_what_is_kept(provider: CommandLine) -> None:
    adapt(provider)
    ran = provider.well("integration", "check")
    for line in (
        "Records are read by the preset twilio, as [calls] adapts it.",
        "Presets adapted besides: callrail.",
        "Fields are made from these parts of a call: answered, dialled, duration, started, value.",
        "Rules of project 162: visitor_id.",
        "Callers' numbers are stored as a keyed hash only.",
    ):
        assert line in ran.out.splitlines()
    assert ran.err.splitlines() == [
        "Note: the field 'call_value' of version 1 is made from the call's value, of which "
        f"the preset {preset} says nothing."
        for preset in ("twilio", "callrail")
    ]


@pytest.mark.parametrize("name", presets.NAMES)
def test_an_example_can_be_invented_for_every_preset(provider: CommandLine, name: str) -> None:
    told = provider.well("integration", "check", "--preset", name).out
    assert '"answered": true' in told
    assert '"call_duration": 75000' in told
    assert '"number_dialled": "+33199000001"' in told


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("twilio.csv", '"call_duration": 15000'),
        ("callrail.json", '"answered": false'),
        ("invoca.csv", '"call_datetime": "2019-01-24T13:43:15Z"'),
        ("infinity.jsonl", '"number_dialled": "+442079460111"'),
    ],
)
def test_the_first_call_of_a_platform_s_file_is_read_by_its_preset(
    provider: CommandLine, file: str, said: str
) -> None:
    name = FILES[file]
    told = provider.well(
        "integration", "check", "--preset", name, "--records", file, "--region", REGIONS[name]
    ).out
    assert said in told


def test_a_record_that_is_no_call_is_passed_over_for_the_first_that_is(
    provider: CommandLine,
) -> None:
    head, call, leg = (FOLDER / "twilio.csv").read_text(encoding="utf-8").splitlines()
    provider.write("turned.csv", "\n".join((head, leg, call)))
    told = provider.well("integration", "check", "--records", "turned.csv").out
    assert '"number_dialled": "+12025550188"' in told
    provider.write("legs.csv", "\n".join((head, leg)))
    ran = provider("integration", "check", "--records", "legs.csv")
    assert ran.code == 2
    assert "Error: legs.csv holds no call: the conditions 'only' pass" in ran.err
