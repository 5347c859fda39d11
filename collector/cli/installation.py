"""``collector installation``: the customers' instances of the integration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from collector.cli import secrets, shared
from collector.cli.installation_check import check
from collector.cli.output import print_table
from collector.cli.signing import signing
from collector.config import CLIENT_SECRET_VARIABLE
from collector.domain import identifiers
from collector.domain.installation import Installation, normalise_origin
from collector.errors import UsageError
from collector.storage import installations
from collector.storage.secrets import SecretBox


class Origin(click.ParamType[str]):
    """An origin as browsers send it, such as https://shop.example."""

    name = "origin"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return normalise_origin(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Kind(click.ParamType[str]):
    """A kind of match key, such as visitor_id."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not identifiers.is_kind(value):
            self.fail(f"{value!r} is no kind of match key, such as visitor_id", param, ctx)
        return value


_secret_file = click.option(
    "--client-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the OAuth client secret; else COLLECTOR_CLIENT_SECRET, else a prompt.",
)
_region = click.option(
    "--region", type=shared.Region(), help="Country of phone numbers written in national form."
)


def _gpc(*, default: bool | None) -> Callable[[shared.F], shared.F]:
    return click.option(
        "--honour-gpc/--ignore-gpc",
        default=default,
        show_default=default,
        help="Whether visitors who send Global Privacy Control stay uncollected.",
    )


#: An active installation that nothing holds back.
RESUMED: dict[str, Any] = {
    "paused": False,
    "problem": None,
    "send_after": None,
    "refused_in_row": 0,
}

_version = click.IntRange(1, 10**9)
_integration_id = click.IntRange(1, identifiers.MAX_PROJECT_ID)


_text = shared.ShortText()


@click.group()
def installation() -> None:
    """Add and look after the customers' installations, one for each project."""


@installation.command()
@shared.project_id_option
@click.option("--integration-id", type=_integration_id, required=True, help="From the customer.")
@click.option("--client-id", type=_text, required=True, help="OAuth client id, from the customer.")
@_secret_file
@click.option(
    "--origin",
    "origins",
    type=Origin(),
    multiple=True,
    required=True,
    help="Where the snippet may send from, such as https://shop.example. Repeat for more.",
)
@click.option(
    "--integration-version", type=_version, default=1, show_default=True, help="Registered schema."
)
@click.option("--name", type=_text, help="How you call this customer.")
@_region
@_gpc(default=True)
def add(client_secret_file: Path | None, origins: tuple[str, ...], **options: Any) -> None:
    """Add the installation of one customer's project."""
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    new = Installation(
        **{**options, "name": options["name"] or f"project {options['project_id']}"},
        origins=tuple(dict.fromkeys(origins)),
    )
    with shared.open_database(settings) as database:
        with database.read() as connection:
            if installations.find(connection, new.project_id) is not None:
                raise UsageError(
                    f"Project {new.project_id} has an installation already. Change it with: "
                    f"collector installation edit {new.project_id}"
                )
        sealed = box.seal(_ask_secret(client_secret_file))
        with database.write() as connection:
            installations.add(connection, new, sealed, datetime.now(UTC))
    click.echo(f"Added {new.name} (project {new.project_id}). Next:")
    click.echo(f"  collector installation check {new.project_id}")
    click.echo(f"  {_snippet_command(new.project_id)}")


@installation.command("list")
@shared.json_option
def list_(as_json: bool) -> None:
    """List all installations."""
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = installations.list_all(connection)
    if as_json:
        shared.echo_json([_as_json(item) for item in found])
    elif not found:
        click.echo("No installation yet. Add one with: collector installation add")
    else:
        print_table(
            ("PROJECT", "INTEGRATION", "VERSION", "NAME", "STATE"),
            [
                (i.project_id, i.integration_id, i.integration_version, i.name, state_of(i))
                for i in found
            ],
        )


@installation.command()
@shared.project_id_argument
@shared.json_option
def show(project_id: int, as_json: bool) -> None:
    """Show one installation; its secret is never shown."""
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = installations.get(connection, project_id)
    if as_json:
        shared.echo_json(_as_json(found))
        return
    for name, value in _as_json(found).items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name:20} {'' if shown is None else shown}")


@installation.command()
@shared.project_id_argument
@click.option("--name", type=_text)
@click.option("--integration-id", type=_integration_id, help="After a new installation.")
@click.option("--client-id", type=_text)
@_secret_file
@click.option("--new-secret", is_flag=True, help="Set a new client secret, asked for as in add.")
@click.option("--integration-version", type=_version, help="Rebuilds what is not yet accepted.")
@click.option("--add-origin", type=Origin(), multiple=True)
@click.option("--remove-origin", type=Origin(), multiple=True)
@click.option("--require-signed", type=Kind(), multiple=True, help="Take this key only signed.")
@click.option("--allow-unsigned", type=Kind(), multiple=True, help="Take it unsigned again.")
@_region
@_gpc(default=None)
def edit(
    project_id: int,
    client_secret_file: Path | None,
    new_secret: bool,
    add_origin: tuple[str, ...],
    remove_origin: tuple[str, ...],
    require_signed: tuple[str, ...],
    allow_unsigned: tuple[str, ...],
    **options: Any,
) -> None:
    """Change what the options name, and nothing else."""
    settings = shared.load_settings()
    changes = {name: value for name, value in options.items() if value is not None}
    with shared.open_database(settings) as database:
        with database.read() as connection:
            before = installations.get(connection, project_id)
        if new_secret or client_secret_file is not None:
            box = SecretBox(settings.require_secret_key())
            changes["client_secret"] = box.seal(_ask_secret(client_secret_file))
        if add_origin or remove_origin:
            changes["origins"] = _changed_origins(before, add_origin, remove_origin)
        if require_signed or allow_unsigned:
            changes["signed_kinds"] = _changed_kinds(before, require_signed, allow_unsigned)
        if not changes:
            raise UsageError("Nothing to change: name at least one option (see --help).")
        with database.write() as connection:
            installations.edit(connection, project_id, changes, datetime.now(UTC))
    click.echo(f"Changed {', '.join(sorted(changes))} of project {project_id}.")
    if "honour_gpc" in changes:
        # The browser's part is decided by the tag, before anything reaches the server.
        need = "must no longer have" if changes["honour_gpc"] else "need"
        click.echo(f'The tags on the pages {need} data-gpc="ignore" too. Print them with:')
        click.echo(f"  {_snippet_command(project_id)}")


@installation.command()
@shared.project_id_argument
def pause(project_id: int) -> None:
    """Stop sending for a project; sessions and calls are still collected and matched."""
    _set_paused(project_id, paused=True)
    click.echo(
        f"Project {project_id} is paused. Go on with: collector installation resume {project_id}"
    )


@installation.command()
@shared.project_id_argument
def resume(project_id: int) -> None:
    """Go on sending for a project."""
    _set_paused(project_id, paused=False)
    click.echo(f"Project {project_id} is active.")


@installation.command()
@shared.project_id_argument
@click.option("--with-data", is_flag=True, help="Also its sessions, calls and enrichments.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(project_id: int, with_data: bool, yes: bool) -> None:
    """Remove an installation. What Contentsquare has accepted stays there."""
    with shared.open_database(shared.load_settings()) as database:
        with database.read() as connection:
            found = installations.get(connection, project_id)
        if not yes:
            what = "with all its data" if with_data else "which holds no data"
            click.confirm(f"Remove {found.name} (project {project_id}), {what}?", abort=True)
        with database.write() as connection:
            installations.remove(connection, project_id, with_data=with_data)
    click.echo(f"Removed project {project_id}.")


installation.add_command(check)
installation.add_command(signing)


def state_of(item: Installation) -> str:
    """The state of an installation in a few words."""
    if item.paused:
        return "paused" + (f": {item.problem}" if item.problem else "")
    return f"problem: {item.problem}" if item.problem else "active"


def _as_json(item: Installation) -> dict[str, Any]:
    return {
        "project_id": item.project_id,
        "integration_id": item.integration_id,
        "name": item.name,
        "client_id": item.client_id,
        "integration_version": item.integration_version,
        "origins": list(item.origins),
        "region": item.region,
        "paused": item.paused,
        "honour_gpc": item.honour_gpc,
        "signing_secrets": len(item.signing_secrets),
        "signed_kinds": list(item.signed_kinds),
        "problem": item.problem,
    }


def _snippet_command(project_id: int) -> str:
    return f"collector snippet --project-id {project_id} --url https://..."


def _ask_secret(file: Path | None) -> str:
    return secrets.ask(
        "client secret",
        option="--client-secret-file",
        variable=CLIENT_SECRET_VARIABLE,
        file=file,
    )


def _changed_origins(
    before: Installation, added: tuple[str, ...], removed: tuple[str, ...]
) -> list[str]:
    unknown = [origin for origin in removed if origin not in before.origins]
    if unknown:
        raise UsageError(
            f"{unknown[0]} is not among the origins of project {before.project_id}: "
            + (", ".join(before.origins) or "none")
        )
    kept = [origin for origin in before.origins if origin not in removed]
    if not kept and not added:
        raise UsageError(
            f"Project {before.project_id} would have no origin left, and every page be refused. "
            "Add another one as well, or pause it."
        )
    return list(dict.fromkeys([*kept, *added]))


def _changed_kinds(
    before: Installation, required: tuple[str, ...], allowed: tuple[str, ...]
) -> list[str]:
    if required and not before.signing_secrets:
        raise UsageError(
            f"Project {before.project_id} has no secret to sign with, so that nothing could be "
            f"signed. First: collector installation signing new {before.project_id}"
        )
    kept = [kind for kind in before.signed_kinds if kind not in allowed]
    return list(dict.fromkeys([*kept, *required]))


def _set_paused(project_id: int, *, paused: bool) -> None:
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        # Whoever resumes wants to try now, whatever the API has asked for before.
        changes = {"paused": True} if paused else RESUMED
        installations.edit(connection, project_id, changes, datetime.now(UTC))
