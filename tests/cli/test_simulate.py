"""`collector simulate` and `collector explain` as commands: what a provider tunes the rules by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import PROJECT, CallFile, CommandLine


@pytest.fixture
def matched(provider: CommandLine, call_file: CallFile) -> CommandLine:
    """A call whose number was shown twenty minutes before it, and one by its visitor id."""
    provider.visit("old.1", tracking_number="+33199000001")
    provider.visit("new.1", visitor_id="v1")
    soon = datetime.now(UTC) + timedelta(minutes=20)
    number = {"call_id": "a", "dialled_number": "+33199000001", "started": f"{soon:%FT%TZ}"}
    file = call_file(number, {"call_id": "b", "visitor_id": "v1"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.well("reconcile")
    return provider


def test_the_funnel_is_shown_beside_that_of_the_other_rules(matched: CommandLine) -> None:
    before = matched.everything()
    line = ("simulate", "--project-id", PROJECT, "--to", "2999-01-01")
    told = matched.well(*line, "--window", "tracking_number=30m").out
    assert matched.everything() == before
    rows = {line.split("  ")[0]: line.split()[-2:] for line in told.splitlines() if line}
    assert rows["CALLS"] == ["OTHER", "RULES"]
    assert rows["enriched"] == ["1", "2"]
    assert rows["in all"] == ["2", "2"]
    assert rows["tracking_number"][-1] == "1"
    assert rows["found newly"] == ["1", "a"]
    assert "Nothing was changed." in told
    assert '[[projects.162.matching.rules]]\nkey = "tracking_number"\nwindow = "30m"' in told


def test_the_json_form_has_all_three_columns_and_names_the_calls(matched: CommandLine) -> None:
    document = matched.well(
        "simulate", "--project-id", PROJECT, "--to", "2999-01-01", "--order", "visitor_id",
        "--json",
    ).json()  # fmt: skip
    assert document["calls"] == 2
    assert {document[name]["calls"] for name in ("stored", "today", "other")} == {2}
    assert document["replay_of_todays_rules_differs"] is False
    assert document["changes"]["same"] == {"calls": 1, "examples": ["b"]}
    assert document["other"]["by_rule"] == {"none": 1, "visitor_id": 1}


def test_rules_of_another_definition_are_tried_as_they_are(matched: CommandLine) -> None:
    text = (matched.folder / "integration.toml").read_text(encoding="utf-8")
    matched.write("other.toml", f'{text}\n[[matching.rules]]\nkey = "reference"\n')
    document = matched.well(
        "simulate", "--project-id", PROJECT, "--file", "other.toml", "--json"
    ).json()
    assert document["other"]["by_rule"] == {"none": 1}
    assert document["changes"]["lost"]["examples"] == ["b"]


def test_without_other_rules_the_options_are_named_and_an_empty_period_is_said(
    matched: CommandLine,
) -> None:
    assert "--window, --order" in matched.well("simulate", "--project-id", PROJECT).out
    told = matched.well("simulate", "--project-id", PROJECT, "--from", "9d", "--to", "8d").out
    assert told == "No call that is stored started in this period.\n"


def test_explain_shows_each_rule_the_runner_up_and_the_margin(
    provider: CommandLine, call_file: CallFile
) -> None:
    provider.visit("u.1", visitor_id="v1")
    provider.visit("w.1", reference="r1")
    started = f"{datetime.now(UTC) + timedelta(minutes=40):%FT%TZ}"
    file = call_file({"call_id": "a", "visitor_id": "v1", "started": started})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.visit("x.1", visitor_id="v1")
    provider.well("reconcile")
    told = provider.well("explain", "a", "--project-id", PROJECT).out
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "session_key not carried" in lines
    (visitor,) = [line for line in lines if line.startswith("visitor_id v1 ")]
    assert visitor.endswith("2 2 0 decides")
    assert "Chosen x.1" in lines
    assert any(line.startswith("Runner-up u.1, which was seen 0 s") for line in lines)


def explained(line: CommandLine, call_id: str) -> str:
    return line.well("explain", call_id, "--project-id", PROJECT).out


def test_explain_says_where_the_rules_would_put_a_call_now_and_why_it_is_not_there(
    provider: CommandLine, call_file: CallFile
) -> None:
    early = f"{datetime.now(UTC) - timedelta(hours=2):%FT%TZ}"
    file = call_file(
        {"call_id": "a", "visitor_id": "v1"},
        {"call_id": "b", "visitor_id": "v2", "started": early},
    )
    provider.well("calls", "import", file, "--project-id", PROJECT)
    assert "By the rules now: unmatched. The next run of the job" in explained(provider, "b")
    provider.well("reconcile")
    assert "By the rules now" not in explained(provider, "a")
    assert "By the rules now" not in explained(provider, "b")
    provider.visit("u.1", visitor_id="v1")
    assert "By the rules now: u.1. The next run of the job" in explained(provider, "a")
    provider.well("reconcile")
    assert "By the rules now" not in explained(provider, "a")
    provider.visit("u.2", visitor_id="v1")
    text = (provider.folder / "integration.toml").read_text(encoding="utf-8")
    provider.write("integration.toml", f'{text}\n[[matching.rules]]\nkey = "reference"\n')
    told = explained(provider, "a")
    assert "By the rules now: unmatched. A call that has an enrichment stays" in told


def test_explain_names_the_retry_after_which_other_rules_decide(
    provider: CommandLine, call_file: CallFile
) -> None:
    for session_key in ("u.1", "w.1"):
        provider.visit(session_key, tracking_number="+33199000001")
    file = call_file({"call_id": "a", "dialled_number": "+33199000001"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.well("reconcile")
    text = (provider.folder / "integration.toml").read_text(encoding="utf-8")
    provider.write("integration.toml", f'{text}\n[[matching.rules]]\nkey = "reference"\n')
    told = explained(provider, "a")
    assert "By the rules now: unmatched." in told
    assert "or after: collector retry --reason several_users --call-id a\n" in told


def test_explain_says_that_the_only_session_was_set_aside(
    provider: CommandLine, call_file: CallFile
) -> None:
    provider.visit("u.1", visitor_id="v1", tracking_number="+33199000001")
    file = call_file({"call_id": "a", "visitor_id": "v2", "dialled_number": "+33199000001"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.well("reconcile")
    told = explained(provider, "a")
    assert ", but for 1 set aside (it is known by another visitor_id than the call)" in told
    (rule,) = [line for line in told.splitlines() if line.startswith("tracking_number  +33")]
    assert rule.split()[-3:] == ["0", "0", "1"]
