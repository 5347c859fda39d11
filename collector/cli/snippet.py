"""``collector snippet``: what customers put into their pages."""

from __future__ import annotations

import re
from typing import Any

import click

from collector import snippet as published
from collector.cli import shared
from collector.domain.identifiers import MAX_KEYS, is_kind
from collector.domain.installation import Installation, normalise_origin
from collector.errors import UsageError
from collector.snippet import forms
from collector.storage import installations

#: Where the snippet can read a key from, as its data-key attributes say it.
SOURCES = {
    "cookie": "cookie:NAME",
    "meta": "meta:NAME",
    "js": "js:window.path.to.value",
    "text": "text:CSS-SELECTOR",
}

#: The snippet cuts a path at its dots, and takes what is between for names as they stand.
_PATH = re.compile(r"[\w$-]+(\.[\w$-]+)*")


class Key(click.ParamType[tuple[str, str]]):
    """A kind of match key, and where the snippet finds its value on the page."""

    name = "kind=source"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        kind, is_given, source = value.partition("=")
        if not is_given:
            form = "KIND=SOURCE:PLACE, such as visitor_id=cookie:NAME"
            self.fail(f"{value!r} is not of the form {form}", param, ctx)
        if not is_kind(kind):
            self.fail(
                f"{kind!r} is no kind of key: it has at most 30 of a-z, 0-9 and _, the first of "
                "them a letter, and is followed by = and a source",
                param,
                ctx,
            )
        where, _, what = source.partition(":")
        if where not in SOURCES or not what.strip() or not what.isprintable():
            self.fail(f"{source!r} is not one of {', '.join(SOURCES.values())}", param, ctx)
        if where == "js" and not _PATH.fullmatch(what):
            self.fail(
                f"{source!r} is not of the form {SOURCES['js']}: names with dots between them, "
                "and an item of a list by its number, as in js:window.list.0",
                param,
                ctx,
            )
        return kind, source


@click.command()
@shared.project_id_option
@click.option(
    "--url",
    help=f"Where browsers reach this collector. Without it, {forms.EXAMPLE_URL} stands for it, as "
    "an example.",
)
@click.option(
    "--key",
    "keys",
    type=Key(),
    multiple=True,
    help="A key that the snippet reads from the page, such as visitor_id=cookie:NAME; "
    f"the sources are {', '.join(SOURCES.values())}. Repeat for more.",
)
@click.option(
    "--require-consent", is_flag=True, help="Send nothing before the page says that it may."
)
@click.option(
    "--only", type=click.Choice(list(forms.HEADINGS)), help="Print this and nothing else."
)
@shared.json_option
def snippet(
    project_id: int,
    url: str | None,
    keys: tuple[tuple[str, str], ...],
    require_consent: bool,
    only: str | None,
    as_json: bool,
) -> None:
    """Print what goes into a customer's pages, for the snippet that this version serves."""
    if only and as_json:
        raise UsageError("--json has every form in it: leave out --only.")
    try:
        origin = normalise_origin(forms.EXAMPLE_URL if url is None else url)
    except ValueError as error:
        raise UsageError(f"--url: {error}") from error
    attributes = _key_attributes(keys)
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = installations.get(connection, project_id)
    if require_consent:
        attributes["data-require-consent"] = ""
    if not found.honour_gpc:
        attributes["data-gpc"] = "ignore"
    script = published.current()
    built = forms.build(origin, script, attributes, published.declaration())
    for warning in _warnings(origin, is_example=url is None, has_keys=bool(keys)):
        click.echo(warning, err=True)
    if as_json:
        shared.echo_json(_as_json(found, script, built))
        return
    click.echo(built[only] if only else _under_headings(found, built))
    click.echo(
        "It may send from: " + ", ".join(found.origins) + "\nAnother origin:\n  collector "
        f"installation edit {project_id} --add-origin https://...",
        err=True,
    )


def _key_attributes(keys: tuple[tuple[str, str], ...]) -> dict[str, str]:
    sources: dict[str, str] = {}
    for kind, source in keys:
        if kind in sources:
            raise UsageError(f"--key: {kind} is given twice. A key has one source.")
        sources[kind] = source
    if len(sources) > MAX_KEYS:
        raise UsageError(f"--key: {len(sources)} keys are given. A page has at most {MAX_KEYS}.")
    return {f"data-key-{kind}": source for kind, source in sources.items()}


def _warnings(origin: str, *, is_example: bool, has_keys: bool) -> list[str]:
    """What whoever copies this should know first."""
    warnings = []
    if is_example:
        warnings.append(
            f"{origin} is an example. Say where browsers reach this collector: --url https://..."
        )
    if forms.is_blocked(origin):
        warnings.append(
            f"Pages of https load no script from {origin}: browsers block it. Give an address of "
            "https by --url."
        )
    if not has_keys:
        warnings.append(
            "No --key is given, and without a key no call is found: let the page tell one by code "
            '(the command "set"), or give --key, such as --key visitor_id=cookie:NAME'
        )
    return warnings


def _under_headings(found: Installation, built: dict[str, str]) -> str:
    name = forms.in_comment(found.name)
    parts = [f"<!-- Session collector for {name} (project {found.project_id}) -->"]
    for form, heading in forms.HEADINGS.items():
        parts += [f"# {heading}", built[form]]
        if form in forms.NOTES:
            parts.append(forms.NOTES[form])
    return "\n\n".join(parts)


def _as_json(
    found: Installation, script: published.Script, built: dict[str, str]
) -> dict[str, Any]:
    return {
        "project_id": found.project_id,
        "origins": list(found.origins),
        "hash": script.hash,
        "integrity": script.integrity,
        **{name.replace("-", "_"): text for name, text in built.items()},
    }
