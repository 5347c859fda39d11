"""Secrets that commands are given: by a file, a variable or a prompt, never as an argument."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from collector import config
from collector.errors import UsageError


def ask(what: str, *, option: str, variable: str, file: Path | None) -> str:
    """The secret called ``what``, from ``file``, else from ``variable``, else from a prompt.

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
                raise UsageError(
                    f"The {what} is missing. Give it by {option} or {variable}; a prompt needs a "
                    "terminal."
                )
            secret = click.prompt(what.capitalize(), hide_input=True).strip()
    if not secret:
        raise UsageError(f"The {what} is empty.")
    return secret
