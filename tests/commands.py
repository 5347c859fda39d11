"""Says whether a command that stands in a page or a unit file is one that the program has."""

from __future__ import annotations

from collections.abc import Sequence

import click

from collector.cli.main import cli


def require_exists(words: Sequence[str]) -> None:
    """Make sure that ``collector WORDS`` is a command, and that it has these options."""
    command: click.Command = cli
    context = click.Context(cli)
    left = list(words)
    while left and isinstance(command, click.Group):
        found = command.get_command(context, left[0])
        assert found is not None, f"no command {left[0]}"
        command, left = found, left[1:]
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = {word.split("=")[0] for word in left if word.startswith("--")}
    assert given <= known | {"--help"}, f"{command.name} has no {given - known}"
