"""A newer version of the software, as far as a database knows it: with one migration more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from collector import resources
from collector.storage import migrate, revisions
from collector.storage.database import Database

#: Brings a database to a version with one migration more than before: its body, and what else
#: its module says.
Newer = Callable[..., None]

_MIGRATION = '''
"""Made up by a test."""

import sqlalchemy as sa
from alembic import op
from collector.storage import online

revision = {revision!r}
down_revision = {before!r}
{said}

def upgrade():
    {body}

def downgrade():
    pass
'''


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newer:
    folder = shutil.copytree(
        resources.path("migrations"),
        tmp_path / "newer" / "migrations",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    real = resources.path

    def move_on(database: Database, body: str, *, said: str = "", patience: float = 30) -> None:
        before = max(path.name[:4] for path in (folder / "versions").glob("[0-9]*.py"))
        revision = str(max(int(before), 9000) + 1)
        source = _MIGRATION.format(revision=revision, before=before, said=said, body=body)
        (folder / "versions" / f"{revision}_made_up.py").write_text(source)
        with monkeypatch.context() as patched:
            patched.setattr(
                resources, "path", lambda name: folder if name == "migrations" else real(name)
            )
            migrate.upgrade(database, patience=patience)
        assert revisions.current(database) == revision

    return move_on
