"""Secrets that commands are given: by a file, a variable or a prompt, never as an argument."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from collector import config
from collector.errors import UsageError


def ask(
    what: str,
    *,
    variable: str,
    option: str | None = None,
    file: Path | None = None,
    is_new: bool = False,
) -> str:
    """The secret called ``what``, from ``file``, else from ``variable``, else from a prompt.

    Args:
        option: names the file, where the command has such an option.
        is_new: nobody else knows it, so that a slip at the prompt has to be found by a second one.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if file is not None:
        try:
            # Some editors begin a file with a mark that nobody sees; it is no part of a secret.
            secret = file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The {what} cannot be read from {file}: {error}") from error
    else:
        secret = config.secret_argument(variable) or ""
        if not secret:
            if not sys.stdin.isatty():
                ways = variable if option is None else f"{option} or {variable}"
                raise UsageError(
                    f"The {what} is missing. Give it by {ways}; a prompt needs a terminal."
                )
            typed = click.prompt(what.capitalize(), hide_input=True, confirmation_prompt=is_new)
            # What was copied may have a blank at its end; what is made up is as it was typed.
            secret = typed if is_new else typed.strip()
    if not secret:
        raise UsageError(f"The {what} is empty.")
    return secret
