"""What the doctor finds: one line each, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from collector.errors import CollectorError


class State(StrEnum):
    """How it is. Only a problem makes the exit code 1; ``skipped`` was not looked at."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line. ``remedy`` is a sentence or a command; nothing in either is secret."""

    check: str
    state: State
    text: str
    remedy: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "state": self.state.value}


def ok(check: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(check=check, state=State.OK, text=text)


def warning(check: str, text: str, remedy: str) -> Finding:
    """It works, and will not for ever; or something is not set up yet."""
    return Finding(check=check, state=State.WARNING, text=text, remedy=remedy)


def problem(check: str, text: str, remedy: str) -> Finding:
    """Something does not work until somebody does something."""
    return Finding(check=check, state=State.PROBLEM, text=text, remedy=remedy)


def skipped(check: str, text: str) -> Finding:
    """Nobody has looked."""
    return Finding(check=check, state=State.SKIPPED, text=text)


def isolated(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; one that fails is a problem itself, and the others still run."""
    try:
        yield from look()
    except CollectorError as error:
        text, remedy = told(error)
        yield problem(check, text, remedy)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        # What it says may quote a value: its type says enough to report it.
        yield problem(
            check,
            f"This check has itself failed ({type(error).__name__}).",
            "Report it with this line; what the other checks say holds all the same.",
        )


def told(error: CollectorError) -> tuple[str, str]:
    """What an error says, and the next step, which is its last sentence."""
    text, _, remedy = str(error).rpartition(". ")
    return (f"{text}.", remedy) if text else (str(error), "Mend that, and run: collector doctor")
