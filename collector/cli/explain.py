"""``collector explain``: why one call stands where it stands."""

from __future__ import annotations

import json
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import moment, print_table
from collector.domain.printable import all_printable, printable
from collector.domain.verdicts import MEANING, Verdict
from collector.insight import advice
from collector.insight.explain import explain as look


@click.command()
@click.argument("call_id", type=shared.ShortText())
@shared.project_id_option
@shared.json_option
def explain(call_id: str, project_id: int, as_json: bool) -> None:
    """Tell why a call stands where it stands: each rule that was tried, and what it found.

    The rules and their candidates are shown as they are now: of sessions that were seen since, and
    by the definition as it is. Where that is another answer than the one that stands, it says so.
    """
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    with shared.open_database(settings) as database:
        document = look(database, definition, project_id, call_id).as_json()
    if as_json:
        shared.echo_json(document)
        return
    document = all_printable(document)
    verdict = Verdict(document["verdict"])
    shown = printable(call_id)
    click.echo(f"Call {shown} is {click.style(verdict, bold=True)}: {MEANING[verdict]}.")
    click.echo(f"  Why      {document['detail']} ({document['reason']})")
    click.echo(f"  Started  {moment(document['started_at'])}")
    keys = ", ".join(f"{kind} {value}" for kind, value in document["keys"].items())
    click.echo(f"  Keys     {keys or 'none'}")
    _print_match(document)
    _print_enrichment(document["enrichment"])
    _print_left_behind(document)


def _print_match(document: dict[str, Any]) -> None:
    if match := document["match"]:
        click.echo(f"  Session  {match['session_key']}, by {match['rule']}")
        for name, value in match["evidence"].items():
            click.echo(f"           {name} = {value}")
    _print_rules(document["rules"])
    _print_answer(document)
    _print_candidates(document["candidates"])


def _print_rules(rules: list[dict[str, Any]]) -> None:
    click.echo("\nThe rules, in the order in which they are tried:")
    print_table(
        ("RULE", "KEY", "SEEN FROM", "BEGUN OR SEEN BY", "SESSIONS", "USERS", "SET ASIDE", ""),
        [
            (
                rule["rule"],
                *(
                    ("not carried", "", "", "", "", "")
                    if rule["key"] is None
                    else (
                        rule["key"],
                        moment(rule["seen_since"]),
                        moment(min(rule["seen_by"], rule["session_begun_by"])),
                        rule["sessions"],
                        rule["users"],
                        rule["set_aside"],
                    )
                ),
                "decides" if rule["decides"] else "",
            )
            for rule in rules
        ],
    )


def _print_answer(document: dict[str, Any]) -> None:
    if differs := advice.why_not_as_the_rules_say(document):
        click.echo(f"By the rules now: {differs}")
    deciding = next((rule for rule in document["rules"] if rule["decides"]), None)
    if deciding is None or deciding["chosen"] is None:
        return
    click.echo(f"Chosen     {deciding['chosen']}")
    if deciding["runner_up"]:
        click.echo(
            f"Runner-up  {deciding['runner_up']}, which was seen {deciding['margin_seconds']} s "
            "further from the call"
        )


def _print_candidates(candidates: list[dict[str, Any]]) -> None:
    click.echo(f"\nCandidates now: {len(candidates) or 'none'}")
    if candidates:
        print_table(
            (
                "RULE",
                "SESSION",
                "FIRST SEEN",
                "LAST SEEN",
                "KEY LAST SEEN",
                "OPEN AT CALL",
                "SET ASIDE",
            ),
            [
                (
                    item["rule"],
                    item["session_key"],
                    moment(item["session_first_seen"]),
                    f"{moment(item['session_last_seen'])}, {item['seconds_before_call']} s before",
                    moment(item["key_last_seen"]),
                    "yes" if item["open_at_call"] else "no",
                    item["objection"] and f"since {item['objection']}",
                )
                for item in candidates
            ],
        )


def _print_enrichment(enrichment: dict[str, Any] | None) -> None:
    if enrichment is None:
        click.echo("\nIt has no enrichment.")
        return
    click.echo(
        f"\nEnrichment {enrichment['enrichment_number']}, revision {enrichment['revision']} "
        f"(accepted: {enrichment['accepted_revision'] or 'none'}), "
        f"integration version {enrichment['integration_version']}, "
        f"deadline {moment(enrichment['deadline'])}"
    )
    click.echo(json.dumps(enrichment["payload"], indent=2, ensure_ascii=False))
    if doubt := advice.doubt(enrichment):
        click.echo(doubt)


def _print_left_behind(document: dict[str, Any]) -> None:
    for item in document["left_behind"]:
        if item["stands"] == "yes":
            stands = f"accepted at {moment(item['accepted_at'])}, still stands there"
        else:
            stands = "sent without an answer, perhaps stands there"
        click.echo(
            f"\nLeft behind: enrichment {item['enrichment_number']} of session "
            f"{item['session_key']}, {stands}. The call has pointed elsewhere since "
            f"{moment(item['superseded_at'])}; what Contentsquare holds cannot be recalled."
        )
