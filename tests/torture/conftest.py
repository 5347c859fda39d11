"""The stage of the short form, on the suite's own databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import DIALECTS
from tests.torture.databases import Databases, PostgresCopies, SqliteFiles
from tests.torture.stage import Stage


@pytest.fixture(scope="module", params=DIALECTS)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    databases: Databases
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("torture")
        databases = SqliteFiles(request.getfixturevalue("sqlite_template"), folder)
    else:
        databases = PostgresCopies(request.getfixturevalue("postgres"))
    with Stage(databases) as made:
        yield made
