"""``collector snippet``: the tag that customers put on their pages."""

from __future__ import annotations

import click

from collector.cli import shared
from collector.domain.installation import normalise_origin
from collector.errors import UsageError
from collector.storage import installations


@click.command()
@shared.project_id_option
@click.option(
    "--url",
    default="https://collector.example.com",
    show_default=True,
    help="Where browsers reach this collector; yours, in place of the example.",
)
def snippet(project_id: int, url: str) -> None:
    """Print the script tag for a customer's pages."""
    try:
        origin = normalise_origin(url)
    except ValueError as error:
        raise UsageError(f"--url: {error}") from error
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = installations.get(connection, project_id)
    click.echo(f"""\
<!-- Session collector for {_in_comment(found.name)} (project {project_id}) -->
<script async src="{origin}/v1/snippet.js"></script>

<!-- Optional: the keys by which a call can be recognised, before or after the tag above -->
<script>
  window.sessionCollector = window.sessionCollector || [];
  sessionCollector.push(["set", {{visitor_id: "...", tracking_number: "...", reference: "..."}}]);
</script>""")
    click.echo(
        "It may send from: " + ", ".join(found.origins) + "\nAnother origin: collector "
        f"installation edit {project_id} --add-origin https://...",
        err=True,
    )


def _in_comment(text: str) -> str:
    return text.replace("--", "- -").replace(">", "")
