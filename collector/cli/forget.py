"""``collector forget``: a person is removed everywhere, and stays out."""

from __future__ import annotations

from typing import Any

import click

from collector.cli import shared
from collector.cli.forget_receipt import print_receipt
from collector.domain.identifiers import SESSION_KEY, TRACKING_NUMBER, is_kind, is_user_id
from collector.domain.numbers import spell_number
from collector.domain.person import FOLLOWED, Named, Reach
from collector.errors import UsageError
from collector.jobs.forget import Forgetting
from collector.storage import clocks
from collector.storage.secrets import SecretBox

#: A worker that was killed keeps its lease for so long.
PATIENCE = 330


class Key(click.ParamType[tuple[str, str]]):
    """A match key that is one person's: KIND=VALUE."""

    name = "key"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        kind, sign, text = str(value).partition("=")
        if not sign or not is_kind(kind) or not text.strip() or len(text) > 200:
            self.fail(f"{str(value)[:40]!r} is not of the form visitor_id=v-123", param, ctx)
        if kind == TRACKING_NUMBER:
            self.fail("a tracking number is shown to many, and nobody's own", param, ctx)
        return kind, text


class UserId(click.ParamType[str]):
    """A visitor's id at Contentsquare."""

    name = "user id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_user_id(value):
            self.fail(f"{value[:40]!r} is no user id: a session key without its number", param, ctx)
        return value


class Caller(shared.ShortText):
    """A phone number, in any spelling."""

    name = "caller"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if not spell_number(text, None):
            self.fail(f"{text[:40]!r} is no number, and many callers may be told so", param, ctx)
        return text


class Following(click.ParamType[str]):
    """What leads on to whoever shares it: ``caller``, or a kind of match key."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_kind(value) or value in {TRACKING_NUMBER, SESSION_KEY}:
            self.fail(f"{value[:40]!r} is neither caller nor a key that is one's own", param, ctx)
        return value


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option(
    "--user-id", "user_ids", type=UserId(), multiple=True, help="A visitor; may be repeated."
)
@click.option(
    "--caller",
    "callers",
    type=Caller(),
    multiple=True,
    metavar="NUMBER",
    help="Whoever calls from this phone number; may be repeated.",
)
@click.option(
    "--call-id",
    "call_ids",
    type=shared.ShortText(100),
    multiple=True,
    help="Whoever made this call; may be repeated. Needs --project-id.",
)
@click.option(
    "--key",
    "keys",
    type=Key(),
    multiple=True,
    metavar="KIND=VALUE",
    help="Whoever has this match key, such as visitor_id=v-123. Needs --project-id.",
)
@click.option(
    "--also",
    type=Following(),
    multiple=True,
    metavar="KIND",
    help="Follow this as well: caller, or another kind of match key; may be repeated.",
)
@click.option("--calls-only", is_flag=True, help="Forget the calls, and no visitor.")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed; change nothing.")
@click.option("--data", is_flag=True, help="With --dry-run and --json: all that is stored.")
@click.option("--no-rewrite", is_flag=True, help="Do not write SQLite's file anew.")
@click.option(
    "--wait",
    type=click.IntRange(0),
    default=PATIENCE,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for a job that is at work.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared.json_option
def forget(
    *,
    project_id: int | None,
    also: tuple[str, ...],
    calls_only: bool,
    dry_run: bool,
    data: bool,
    no_rewrite: bool,
    wait: int,
    yes: bool,
    as_json: bool,
    **named: tuple[Any, ...],
) -> None:
    """Remove a person everywhere, and keep them out from then on.

    A visitor goes with all sessions, with the match keys seen in them, and with the calls that are
    matched to them. A caller goes with the calls from that number, and a call with the visitor
    that it is matched to. A visitor_id leads on to whoever has the same; another kind of key, or
    the callers of the calls that were found, only with --also. So a switchboard's number does not
    take all its company with it. What stays though it shares something is counted.

    With the rows go enrichments that were not sent yet, refused records that name the person, and
    what the evidence of others' calls and answers of the API say of them. Keyed hashes stay, the
    tombstones: records of the same call, caller, visitor or followed key are not stored any more,
    and count as forgotten; beacons are answered as ever, and not stored. The hashes need the key
    of COLLECTOR_SECRET_KEY that they were made with.

    What Contentsquare has accepted cannot be recalled from here. It is listed, with what else is
    out of reach; the list is printed and kept nowhere.

    It waits for a job that is at work, so that nothing of the person is under way. SQLite's file
    is written anew at the end, for which beacons wait, and are answered 503 after five seconds: of
    a large file, take a quiet hour, or --no-rewrite and do it later.

    --dry-run --json --data prints all that is stored of the person, for whoever asks what that is.

    Exit code 1: an installation was left out, since a job was at work in it; run it again.
    """
    asked = Named(**{name: frozenset(values) for name, values in named.items()})
    _check(asked, project_id, calls_only=calls_only)
    _check_form(dry_run=dry_run, data=data, as_json=as_json, yes=yes)
    follows = frozenset(also) if calls_only else FOLLOWED | set(also)
    reach = Reach(follows=follows, calls_only=calls_only)
    settings = shared.load_settings()
    secrets = SecretBox(settings.require_secret_key())
    with shared.open_database(settings) as database:
        forgetting = Forgetting(
            database=database,
            secrets=secrets,
            patience=wait,
            rewrites=not no_rewrite,
            clock=clocks.read(database),
        )
        if dry_run or not yes:
            receipt = forgetting.look(project_id, asked, reach, with_data=data)
            if dry_run and as_json:
                shared.echo_json(receipt.as_json())
                return
            print_receipt(receipt)
        if dry_run:
            return
        if not yes:
            click.confirm("\nForget this person for good?", abort=True)
        receipt = forgetting.run(project_id, asked, reach)
    if as_json:
        shared.echo_json(receipt.as_json())
    else:
        print_receipt(receipt)
    if receipt.busy:
        raise click.exceptions.Exit(1)


def _check(asked: Named, project_id: int | None, *, calls_only: bool) -> None:
    if not (asked.user_ids or asked.callers or asked.call_ids or asked.keys):
        raise UsageError(
            "Nobody is named: say who by --user-id, --caller, --call-id or --key, of which each "
            "may be repeated."
        )
    if project_id is None and (asked.call_ids or asked.keys):
        raise UsageError(
            "--project-id is missing: a call's id and a match key are of one customer, and with "
            "another customer may be somebody else's."
        )
    if calls_only and asked.user_ids:
        raise UsageError("--calls-only forgets no visitor; leave out --user-id.")


def _check_form(*, dry_run: bool, data: bool, as_json: bool, yes: bool) -> None:
    if data and not (dry_run and as_json):
        raise UsageError("--data tells all that is stored: add --dry-run --json.")
    if as_json and not (dry_run or yes):
        raise UsageError("It asks first, which a program cannot answer: add --yes, or --dry-run.")
