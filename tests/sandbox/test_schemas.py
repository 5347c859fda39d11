"""What Contentsquare would not register, the sandbox does not start with."""

from __future__ import annotations

from typing import Any

import pytest

from collector.errors import UsageError
from collector.sandbox import Sandbox, SandboxInstallation
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


def _schema(*listed: object) -> dict[str, Any]:
    return {"fields": list(listed)}


def _field(name: str = "a", kind: str = "INT", optional: object = True) -> dict[str, object]:
    return {"name": name, "type": kind, "optional": optional}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({}, "fields"),
        (_schema(), "fields"),
        (_schema("a"), "object"),
        (_schema(_field(name="x" * 31)), "30 bytes"),
        (_schema(_field(name="é" * 16)), "30 bytes"),
        (_schema(_field(name="")), "30 bytes"),
        (_schema(_field(), _field()), "twice"),
        (_schema(_field(kind="TEXT")), "TEXT"),
        (_schema(_field(optional="no")), "optional"),
        (_schema(*(_field(name=f"f{n}") for n in range(11))), "more than 10"),
    ],
)
def test_a_schema_that_could_not_be_registered_is_refused_by_name(
    schema: dict[str, Any], reason: str
) -> None:
    installation = SandboxInstallation(
        project_id=1, integration_id=9, client_id="c", client_secret="s", schemas={3: schema}
    )
    with pytest.raises(UsageError, match=f"integration 9, version 3: .*{reason}"):
        Sandbox([installation])


def test_two_installations_with_one_integration_id_are_refused() -> None:
    with pytest.raises(UsageError, match="integration 42 is there twice"):
        Sandbox([PHONE_CALL_INSTALLATION, PHONE_CALL_INSTALLATION])
