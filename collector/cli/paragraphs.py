"""Sentences for people, folded to the terminal, each command whole and on a line of its own."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

#: Where nobody tells how wide it is: in a file, in a pipe.
PLAIN = 80

#: Narrower, a line would hold no word; wider, it is hard to read.
_LEAST, _MOST = 40, 100

#: A text that ends with a command to run.
_WITH_COMMAND = re.compile(r"(.*?:) (collector [a-z].*)", re.DOTALL)

#: What is one word to its reader: a command within a sentence, a share.
_WHOLE = re.compile(r"`[^`]*`|\d %")

#: Looks like a blank, but is no place to fold at.
_HARD = "\N{NO-BREAK SPACE}"


def columns() -> int:
    """How wide to print: as the terminal, within what can be read; else plain."""
    if not sys.stdout.isatty():
        return PLAIN
    return min(max(shutil.get_terminal_size((PLAIN, 24)).columns, _LEAST), _MOST)


def fold(text: str, width: int) -> list[str]:
    """The lines of a text; a command at its end stands alone, a little to the right, uncut."""
    found = _WITH_COMMAND.fullmatch(text)
    prose, command = found.groups() if found else (text, None)
    hardened = _WHOLE.sub(lambda whole: whole[0].replace(" ", _HARD), prose)
    lines = textwrap.wrap(hardened, width, break_long_words=False, break_on_hyphens=False)
    unhardened = [line.replace(_HARD, " ") for line in lines]
    return [*unhardened, f"  {command}"] if command else unhardened or [""]
