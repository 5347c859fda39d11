"""The ways in which the sandbox misbehaves when it is told to, and the choice of when.

A fault is for the next ``count`` requests of one endpoint, for a ``share`` of them, or for all
until it is taken back. The choice is seeded, so that a failing run can be run again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal, get_args

from collector.errors import UsageError

Endpoint = Literal["token", "enrichments"]


class FaultKind(StrEnum):
    """What can go wrong. The last three are about tokens and credentials."""

    LATENCY = "latency"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    REVOKED = "revoked"
    EXPIRED = "expired"
    EXPIRE_EARLY = "expire_early"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One misbehaviour. Raises `UsageError` for a combination that means nothing.

    - ``latency``: ``milliseconds`` more before the answer.
    - ``too_many_requests``: 429, with ``retry_after`` seconds if given, ``as_date`` in its
      other form.
    - ``server_error``: ``status``, 500 unless told otherwise, with ``retry_after`` likewise.
    - ``drop_before``: the connection is dropped and nothing was stored.
    - ``drop_after``: everything was done, but the connection is dropped instead of an answer.
    - ``revoked``: the token endpoint refuses the credentials; the other one the token.
    - ``expired``: the enrichments endpoint calls the token expired.
    - ``expire_early``: tokens given meanwhile die after ``milliseconds``, whatever they announce.
    """

    kind: FaultKind | str
    on: Endpoint = "enrichments"
    count: int | None = None
    share: float | None = None
    milliseconds: int | None = None
    retry_after: int | None = None
    as_date: bool = False
    status: int = 500

    def __post_init__(self) -> None:
        if self.kind not in set(FaultKind):
            raise UsageError(f"fault kind {self.kind!r} is not one of {', '.join(FaultKind)}")
        if self.on not in get_args(Endpoint):
            raise UsageError(f"fault on {self.on!r}: there are {' and '.join(get_args(Endpoint))}")
        if self.count is not None and self.share is not None:
            raise UsageError(f"fault {self.kind}: give count or share, not both")
        if self.count is not None and self.count < 1:
            raise UsageError(f"fault {self.kind}: count must be at least 1")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"fault {self.kind}: share must be above 0 and at most 1")
        if self.retry_after is not None and self.retry_after < 0:
            raise UsageError(f"fault {self.kind}: retry_after must not be negative")
        if not 400 <= self.status <= 599:
            raise UsageError(f"fault {self.kind}: status must be 400 to 599")
        self._check_kind()

    def _check_kind(self) -> None:
        timed = self.kind in {FaultKind.LATENCY, FaultKind.EXPIRE_EARLY}
        if timed and (self.milliseconds is None or self.milliseconds < 0):
            raise UsageError(f"fault {self.kind} needs milliseconds, 0 or more")
        if self.kind == FaultKind.EXPIRED and self.on != "enrichments":
            raise UsageError("fault expired is for on=enrichments: it is tokens that expire")
        if self.kind == FaultKind.EXPIRE_EARLY and self.on != "token":
            raise UsageError("fault expire_early is for on=token: that is where tokens are made")

    @classmethod
    def from_json(cls, document: object) -> Fault:
        """Read one fault; the names are those of the attributes. Raises `UsageError`."""
        if not isinstance(document, Mapping):
            raise UsageError("a fault is a JSON object with a kind")
        types: dict[object, type | tuple[type, ...]] = {
            "kind": str, "on": str, "count": int, "share": (int, float), "milliseconds": int,
            "retry_after": int, "as_date": bool, "status": int,
        }  # fmt: skip
        for name, value in document.items():
            if name not in types:
                raise UsageError(f"a fault has no {name!r}; it has {', '.join(map(str, types))}")
            if not isinstance(value, types[name]) or (
                isinstance(value, bool) and types[name] is not bool
            ):
                raise UsageError(f"fault: {name} has a value of the wrong type")
        if "kind" not in document:
            raise UsageError(f"a fault needs a kind: {', '.join(FaultKind)}")
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        """The fault as `from_json` reads it, without what is as it would be anyway."""
        return {
            one.name: value
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default or one.name == "on"
        }


class Faults:
    """The faults in force. Not locked: the state that owns it is."""

    def __init__(self, seed: int) -> None:
        # For repeatable accidents, not for secrets.
        self._random = random.Random(seed)  # noqa: S311 - nothing secret depends on it
        self._in_force: list[tuple[Fault, int | None]] = []

    def add(self, *faults: Fault) -> None:
        """Put faults in force, after those there are."""
        self._in_force += [(fault, fault.count) for fault in faults]

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put these in force and no others."""
        self._in_force = [(fault, fault.count) for fault in faults]

    def in_force(self) -> list[tuple[Fault, int | None]]:
        """Each fault with how many requests it is still for (``None``: no end)."""
        return list(self._in_force)

    def strike(self, on: Endpoint) -> list[Fault]:
        """The faults that this request meets: every latency and early death, one of the others.

        Counts go down only for the faults that strike, so two faults for the next request each
        strike one request after the other.
        """
        struck: list[Fault] = []
        remaining: list[tuple[Fault, int | None]] = []
        answered = False
        for fault, left in self._in_force:
            additive = fault.kind in {FaultKind.LATENCY, FaultKind.EXPIRE_EARLY}
            strikes = fault.on == on and (additive or not answered) and self._hits(fault)
            if strikes:
                struck.append(fault)
                answered = answered or not additive
                left = None if left is None else left - 1
            if left != 0:
                remaining.append((fault, left))
        self._in_force = remaining
        return struck

    def _hits(self, fault: Fault) -> bool:
        return fault.share is None or self._random.random() < fault.share
