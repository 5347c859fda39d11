"""``collector explain``: why one call stands where it stands."""

from __future__ import annotations

import json
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import MEANING, moment, print_table
from collector.domain.verdicts import Verdict
from collector.jobs.explain import explain as look


@click.command()
@click.argument("call_id", type=shared.ShortText())
@shared.project_id_option
@shared.json_option
def explain(call_id: str, project_id: int, as_json: bool) -> None:
    """Tell why a call stands where it stands, with the candidates."""
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    with shared.open_database(settings) as database:
        document = look(database, definition, project_id, call_id).as_json()
    if as_json:
        shared.echo_json(document)
        return
    verdict = Verdict(document["verdict"])
    click.echo(f"Call {call_id} is {click.style(verdict, bold=True)}: {MEANING[verdict]}.")
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
    candidates = document["candidates"]
    click.echo(f"\nCandidates now: {len(candidates) or 'none'}")
    if candidates:
        print_table(
            ("RULE", "SESSION", "FIRST SEEN", "LAST SEEN", "KEY LAST SEEN", "OPEN AT CALL"),
            [
                (
                    item["rule"],
                    item["session_key"],
                    moment(item["session_first_seen"]),
                    moment(item["session_last_seen"]),
                    moment(item["key_last_seen"]),
                    "yes" if item["open_at_call"] else "no",
                )
                for item in candidates
            ],
        )


def _print_enrichment(enrichment: dict[str, Any] | None) -> None:
    if enrichment is None:
        click.echo("\nNo enrichment was built.")
        return
    click.echo(
        f"\nEnrichment {enrichment['enrichment_number']}, revision {enrichment['revision']} "
        f"(accepted: {enrichment['accepted_revision'] or 'none'}), "
        f"integration version {enrichment['integration_version']}, "
        f"deadline {moment(enrichment['deadline'])}"
    )
    click.echo(json.dumps(enrichment["payload"], indent=2, ensure_ascii=False))
    if enrichment["doubtful_revision"] > enrichment["accepted_revision"]:
        before = "what was accepted before" if enrichment["accepted_revision"] else "nothing"
        click.echo(
            f"Revision {enrichment['doubtful_revision']} was sent without an answer: Contentsquare "
            f"may hold it, or {before}."
        )


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
