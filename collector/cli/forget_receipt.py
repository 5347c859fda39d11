"""What `collector forget` prints: a receipt, for people."""

from __future__ import annotations

import click

from collector.cli.output import moment, print_table
from collector.domain.tombstones import CALLER
from collector.jobs.receipt import ProjectReceipt, Receipt

#: Tables, as a receipt calls their rows.
_CALLED = {
    "session": "session(s)",
    "sighting": "sighting(s)",
    "call": "call(s)",
    "enrichment": "enrichment(s)",
    "refused_record": "refused record(s)",
}


def print_receipt(receipt: Receipt) -> None:
    """Print what was done, or would be, and what it cannot undo."""
    for project in receipt.projects:
        click.echo(_done(project, dry_run=receipt.dry_run))
        for sentence in _remarks(project, dry_run=receipt.dry_run):
            click.echo(f"  {sentence}")
    sent = [
        (
            project.project_id,
            one.session_key,
            one.enrichment_number,
            one.call_id,
            moment(one.accepted_at) if one.accepted_at else "perhaps",
        )
        for project in receipt.projects
        for one in project.sent
    ]
    if sent:
        click.echo("\nAlready at Contentsquare:\n")
        print_table(("PROJECT", "SESSION", "NUMBER", "CALL", "ACCEPTED"), sent)
    click.echo("\nOut of reach:\n")
    for sentence in receipt.out_of_reach():
        click.echo(f"- {sentence}")
    if not receipt.dry_run:
        click.echo(f"\nDone on {moment(receipt.at)}.")


def _done(project: ProjectReceipt, *, dry_run: bool) -> str:
    head = f"Project {project.project_id} ({project.name}):"
    if project.busy:
        return (
            f"{head} nothing was done, since a job is at work there, or was killed less than five "
            "minutes ago. Run this again, or stop the job first."
        )
    counted = [f"{number} {_CALLED[name]}" for name, number in project.removed.items()
               if name in _CALLED]  # fmt: skip
    verb = "would remove" if dry_run else "removed"
    return f"{head} {verb} {project.visitors} visitor(s) with {', '.join(counted)}."


def _remarks(project: ProjectReceipt, *, dry_run: bool) -> list[str]:
    if project.busy:
        return []
    left = "Would leave" if dry_run else "Left"
    told = [f"{left} {project.tombstones} tombstone(s), by which they stay out."]
    if project.mentions:
        told.append(f"In {project.mentions} place(s) more they are named, among what is of others.")
    if project.unopened:
        told.append(
            f"{project.unopened} refused record(s) cannot be opened by COLLECTOR_SECRET_KEY, so "
            "that nobody knows whom they name. They go by themselves, or at once by: "
            f"collector calls refused --project-id {project.project_id} --clear"
        )
    if project.countryless:
        region = f"collector installation edit {project.project_id} --region"
        told.append(
            f"{project.countryless} caller's number(s) told without the country: calls told as "
            "+33… are not met by it. Repeat it in international form"
            + ("." if project.has_region else f", or set the region first: {region} FR")
        )
    for kind, counts in project.sharing.items():
        share = "come from the same number" if kind == CALLER else f"share a {kind}"
        told.append(
            f"{counts['calls']} call(s) and {counts['visitors']} visitor(s) that {share} stay; to "
            f"forget them too: --also {kind}"
        )
    return told + [
        f"A {kind} that too many share was not followed: it is nobody's own."
        for kind in project.too_many_share
    ]
