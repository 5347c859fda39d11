"""``collector verify``: why the sessions of a page arrive, or do not."""

from __future__ import annotations

from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.markup import escape

from collector.cli import shared
from collector.errors import SettingError, UsageError
from collector.verify import report, texts
from collector.verify.diagnosis import Diagnosis
from collector.verify.observation import Observation

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("-", "yellow")}


def _codes_help() -> str:
    return "\b\nIt prints one of these codes:\n" + "\n".join(f"  {code}" for code in texts.Code)


@click.command(epilog=_codes_help())
@click.argument("address", metavar="URL")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 600),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for what may come late: the snippet, the tag, a key. The page itself "
    f"always has {texts.OPEN_SECONDS} s to answer.",
)
@click.option(
    "--click",
    "clicks",
    multiple=True,
    metavar="SELECTOR",
    help="Click on this as soon as it appears, as on a consent banner; repeatable, in order.",
)
@click.option(
    "--without-keys",
    is_flag=True,
    help="The calls name their session themselves: stored without a key is as good.",
)
@click.option(
    "--chromium",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="The browser to use.  [default: the system's Chromium or Chrome, else Playwright's own]",
)
@click.option(
    "--user-agent",
    type=shared.ShortText(500),
    metavar="TEXT",
    help="Introduce the browser as this.",
)
@shared.json_option
def verify(
    address: str,
    timeout: float,
    clicks: tuple[str, ...],
    without_keys: bool,
    chromium: str | None,
    user_agent: str | None,
    as_json: bool,
) -> int:
    """Open a customer's page in a headless Chromium, and say whether its session is stored.

    It looks for the snippet, Contentsquare's tag, the session, its match keys, the request and
    its answer, and says which of them fails and what to do. It needs Playwright:
    pip install 'session-collector[verify]'. What it sends is stored like any visit.

    The browser has no sandbox where it is run by root, or where the system refuses it one. That
    is said on standard error; verify only pages that you trust then.

    Exit code 0 if the session is stored, 1 if not, 2 if it cannot be tried.
    """
    _check_address(address)
    try:
        # Not above: Playwright is an extra, and every other command works without it.
        from collector.verify import verification  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("playwright"):
            raise
        raise SettingError(
            "collector verify needs Playwright. Install it with: "
            "pip install 'session-collector[verify]'"
        ) from error
    wish = verification.Wish(
        address=address,
        wait_seconds=timeout,
        clicks=clicks,
        keys_expected=not without_keys,
        chromium=chromium,
        user_agent=user_agent,
    )
    console = Console(stderr=True)

    def warn(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if console.is_terminal:
        with console.status("") as status:
            finding = verification.verify(
                wish, warn=warn, tell=lambda doing: status.update(escape(doing))
            )
    else:
        finding = verification.verify(wish, warn=warn)
    if as_json:
        shared.echo_json(report.as_json(finding.observation, finding.diagnosis))
    else:
        print_finding(finding.observation, finding.diagnosis)
    return 0 if finding.diagnosis.is_well else 1


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isprintable()
        _ = parts.port
    except ValueError:
        known = False
    if not known:
        raise UsageError(f"{address!r} is not the address of a page. Write https://shop.example/")


def print_finding(seen: Observation, found: Diagnosis) -> None:
    """The steps and what they mean; nothing of a page's words moves the terminal's cursor."""
    click.secho(_printable(seen.opening.address), bold=True)
    for step in report.steps(seen):
        mark, colour = _MARKS[step.holds]
        click.echo(f"  {click.style(mark, fg=colour)} {step.name:<9} {_printable(step.told)}")
    click.echo()
    click.secho(found.code.value, bold=True, fg="green" if found.is_well else "red")
    click.echo(_printable(found.explanation))
    if not found.is_well:
        click.echo(_printable(found.remedy))


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
