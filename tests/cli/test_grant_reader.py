"""A reader's role reads every view, and nothing else: asked of PostgreSQL itself, as that role."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors
from psycopg.sql import SQL, Identifier

from collector.storage import comments, migrate, readers
from collector.storage.database import Database
from collector.storage.every_table import METADATA
from tests.cli.conftest import CommandLine
from tests.postgres import PostgresServer

VIEWS = list(comments.read().views)
TABLES = [*METADATA.tables, "alembic_version"]

WRITES = {
    "TABLE": ("INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"),
    "VIEW": ("INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "DROP VIEW {}"),
}

#: No right to it, or a view that nobody can write to.
REFUSALS = (
    errors.InsufficientPrivilege,
    errors.FeatureNotSupported,
    errors.ObjectNotInPrerequisiteState,
)


class Roles:
    """Roles of the server, which outlive a database and are removed after the test."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.url = url
        self._server = server
        self._made: list[str] = []
        self.admin = psycopg.connect(url, autocommit=True)

    def name(self) -> str:
        """Of no role yet, and one that has to be quoted."""
        self._made.append(f'The "{uuid.uuid4().hex[:8]}" 5% analyst')
        return self._made[-1]

    def make(self, options: str = "") -> str:
        role = self.name()
        self.admin.execute(SQL("CREATE ROLE {} " + options).format(Identifier(role)))
        return role

    def run(self, role: str, statement: str, *names: str) -> None:
        """As the administrator, of the role and what is named besides."""
        self.admin.execute(SQL(statement).format(Identifier(role), *map(Identifier, names)))

    def refused(self, role: str, *statements: str) -> list[str]:
        """Which of the statements ``role`` is refused; none of them changes anything."""
        refused = []
        with psycopg.connect(self.url) as connection:
            connection.execute(SQL("SET ROLE {}").format(Identifier(role)))
            for statement in statements:
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute(statement)
                except REFUSALS:
                    refused.append(statement)
        return refused

    def close(self) -> None:
        for role in self._made:
            if self.admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                self.run(role, "DROP OWNED BY {}")
                self.run(role, "DROP ROLE {}")
        self.admin.close()


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
def roles(postgres: PostgresServer, database_url: str) -> Iterator[Roles]:
    made = Roles(postgres, database_url)
    yield made
    made.close()


@pytest.fixture
def shell(bare: CommandLine, database_url: str) -> CommandLine:
    bare.set(database_url=database_url)
    return bare


def test_the_role_reads_every_view_and_can_do_nothing_else(
    shell: CommandLine, roles: Roles
) -> None:
    role = roles.name()
    told = shell.well("db", "grant-reader", role).out
    assert f"The role {role} was made" in told
    assert f"the {len(VIEWS)} views" in told
    assert roles.refused(role, *(f"SELECT * FROM {view}" for view in VIEWS)) == []
    forbidden = [
        *(f'SELECT 1 FROM "{table}"' for table in TABLES),
        *(write.format(f'"{table}"') for table in TABLES for write in WRITES["TABLE"]),
        *(write.format(view) for view in VIEWS for write in WRITES["VIEW"]),
        "SELECT client_secret FROM installation",
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
    ]
    assert roles.refused(role, *forbidden) == forbidden


def test_a_role_that_may_log_in_does_so_by_its_password_only(
    shell: CommandLine, roles: Roles
) -> None:
    role = roles.name()
    shell.write("password.txt", "first's \\ password\n")
    shell.well("db", "grant-reader", role, "--login", "--password-file", "password.txt")
    kept = roles.admin.execute(
        "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = %s", [role]
    ).fetchone()
    assert kept is not None
    assert kept[0].startswith("SCRAM-SHA-256$")
    assert kept[1] is True
    with psycopg.connect(roles.url, user=role, password="first's \\ password") as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SELECT count(*) FROM report_calls").fetchone() == (0,)
    # Without --login it stays as it is.
    shell.well("db", "grant-reader", role)
    assert roles.admin.execute(
        "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = %s", [role]
    ).fetchone() == kept  # fmt: skip


def test_a_dry_run_prints_what_would_be_done_and_no_password(
    shell: CommandLine, roles: Roles
) -> None:
    role = roles.name()
    shell.set(reader_password="hunter2")
    told = shell.well("db", "grant-reader", role, "--login", "--dry-run")
    assert "hunter2" not in told.said
    lines = told.out.splitlines()
    assert all(line.endswith(";") for line in lines)
    quoted = '"' + role.replace('"', '""') + '"'
    assert lines[0] == f"CREATE ROLE {quoted} NOLOGIN;"
    assert (
        roles.admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None
    )
    # What is printed is what is done.
    for line in lines:
        roles.admin.execute(line.replace("'***'", "'hunter2'"))
    assert not roles.refused(role, "SELECT * FROM report_calls")
    assert roles.refused(role, "SELECT * FROM call")


def test_what_the_role_was_granted_before_is_taken_away(shell: CommandLine, roles: Roles) -> None:
    role = roles.make()
    for grant in (
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT SELECT (client_secret) ON installation TO {}",
        "GRANT CREATE ON SCHEMA public TO {}",
    ):
        roles.run(role, grant)
    assert "was there" in shell.well("db", "grant-reader", role).out
    assert roles.refused(role, "SELECT client_secret FROM installation")
    assert roles.refused(role, "CREATE TABLE mine (id int)")
    assert roles.refused(role, "DELETE FROM report_calls")
    assert not roles.refused(role, "SELECT * FROM report_calls")


@pytest.mark.parametrize(
    ("options", "grant", "why"),
    [
        ("SUPERUSER", None, "is a superuser"),
        ("CREATEROLE", None, "may create roles"),
        ("BYPASSRLS", None, "bypasses row security"),
        ("", "ALTER TABLE token OWNER TO {}", "owner of, token"),
        ("", "GRANT postgres TO {}", "can become 'postgres', which is a superuser"),
        ("", "GRANT pg_read_all_data TO {}", "can become 'pg_read_all_data'"),
        ("NOINHERIT", "GRANT pg_read_all_data TO {}", "past every grant"),
        ("", "GRANT pg_read_server_files TO {}", "past every grant"),
        (
            "NOINHERIT",
            "GRANT {1} TO {0}; GRANT SELECT ON installation TO {1}",
            "has SELECT on inst",
        ),
        ("", "GRANT SELECT (client_secret) ON installation TO PUBLIC", "installation"),
        ("", "GRANT CREATE ON SCHEMA public TO PUBLIC", "has CREATE on the schema"),
    ],
)
def test_a_role_that_could_do_more_is_refused_with_the_reason(
    shell: CommandLine, roles: Roles, options: str, grant: str | None, why: str
) -> None:
    role = roles.make(options)
    if grant is not None:
        roles.run(role, grant, roles.make())
    shell("db", "grant-reader", role).refused(why, code=2)
    with Database(roles.url) as database:
        assert readers.readers(database) == []


def test_who_may_not_make_roles_is_told_and_can_grant_to_one_that_is_there(
    shell: CommandLine, roles: Roles
) -> None:
    owner, role = roles.make("LOGIN"), roles.make()
    database = str(sa.make_url(roles.url).database)
    roles.run(owner, "ALTER DATABASE {1} OWNER TO {0}", database)
    for name in (*TABLES, *VIEWS):
        roles.run(owner, "ALTER TABLE {1} OWNER TO {0}", name)
    roles.run(owner, "GRANT ALL ON SCHEMA public TO {} WITH GRANT OPTION")
    url = sa.make_url(roles.url).set(username=owner)
    shell.set(database_url=url.render_as_string())
    try:
        shell("db", "grant-reader", roles.name()).refused(
            "permission denied", "CREATE ROLE", code=2
        )
        shell.well("db", "grant-reader", role)
        assert not roles.refused(role, "SELECT * FROM report_calls")
        assert roles.refused(role, "SELECT * FROM call")
    finally:
        roles.run("postgres", "REASSIGN OWNED BY {1} TO {0}", owner)


def test_an_upgrade_says_whose_grants_it_has_undone(shell: CommandLine, roles: Roles) -> None:
    role = roles.name()
    shell.well("db", "grant-reader", role)
    assert "grant-reader" not in shell.well("db", "upgrade").out
    with Database(roles.url) as database:
        migrate.downgrade(database, "0009")
    told = shell.well("db", "upgrade").out
    assert f"Run: collector db grant-reader {shlex.quote(role)}" in told
    shell.well("db", "grant-reader", role)
    assert not roles.refused(role, "SELECT * FROM report_columns")


@pytest.mark.parametrize("name", ["pg_reader", "public", "a\nb", "ä" * 32, ""])
def test_a_name_that_no_role_can_have_is_refused(
    shell: CommandLine, roles: Roles, name: str
) -> None:
    shell("db", "grant-reader", name).refused(code=2)
