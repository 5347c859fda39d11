"""The entry: the list of commands, and how an error becomes one sentence and an exit code."""

from __future__ import annotations

import gc
import sys
from dataclasses import fields
from importlib import import_module
from typing import NoReturn

import click

from collector import logs
from collector.config import PREFIX, SECRET_ARGUMENTS, Settings
from collector.domain.printable import printable
from collector.errors import CollectorError, DefinitionError

#: What a shell reports of a program that Ctrl-C has ended.
INTERRUPTED = 130

#: In the order in which a provider needs them.
COMMANDS = (
    "keys",
    "config",
    "doctor",
    "db",
    "installation",
    "integration",
    "snippet",
    "serve",
    "verify",
    "calls",
    "token",
    "webhook",
    "reconcile",
    "status",
    "explain",
    "export",
    "simulate",
    "retry",
    "forget",
    "purge",
    "user",
    "sandbox",
    "demo",
)


class Commands(click.Group):
    """Loads a command's module when it is asked for: most need only a few of the libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click passes it
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"collector.cli.{cmd_name}"), cmd_name)
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return command


def _settings_help() -> str:
    head = "\b\nSettings (environment variables; X_FILE may name a file that holds X):\n"
    settings = [
        *((PREFIX + item.name.upper(), item.metadata["about"]) for item in fields(Settings)),
        *SECRET_ARGUMENTS.items(),
    ]
    return head + "\n".join(f"  {variable}\n      {about}" for variable, about in settings)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_settings_help(),
)
@click.version_option(package_name="session-collector", prog_name="collector")
def cli() -> None:
    """Join phone calls to the Contentsquare sessions that led to them, and deliver them.

    `collector demo` shows it all at work. The commands stand in the order in which a provider
    needs them.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # What the modules make stays: to look for garbage in it, again and again while they are
    # loaded, took a tenth of a start. `Commands` has it looked for from then on.
    gc.disable()
    logs.keep_nothing_unwritten()
    sys.exit(_run())


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
    except DefinitionError as error:
        _say(f"The integration definition {error.path} has {len(error.problems)} problem(s):")
        for problem in error.problems:
            click.echo(f"  - {printable(problem)}", err=True)
        return error.exit_code
    except CollectorError as error:
        if _came_of_an_interrupt(error):
            return _stopped()
        _say(str(error))
        return error.exit_code
    except click.Abort:
        return _stopped()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    # Outside its standalone mode click returns the code of an Exit, and a command's own value.
    return code if isinstance(code, int) else 0


def _stopped() -> int:
    click.echo("Stopped.", err=True)
    return INTERRUPTED


def _came_of_an_interrupt(error: BaseException | None) -> bool:
    """Whether somebody has stopped the command, and this is what came of cancelling its query."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _say(message: str) -> None:
    click.echo(
        f"{click.style('Error:', fg='red', bold=True)} {printable(message, lines=True)}", err=True
    )
