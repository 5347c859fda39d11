"""Roles of PostgreSQL that read the views and nothing else, for analysts.

What a role may do comes from many sides: from itself, from roles it is a member of, from PUBLIC. So
the grants are followed by a look at what the role then can do, in the same transaction, and
whatever is too much undoes all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import exc

from collector.errors import UsageError
from collector.storage.database import Database
from collector.storage.every_table import METADATA

#: As long as PostgreSQL's names may be, in bytes.
MAX_NAME = 63

#: What a role with any of these could give to itself, or reads past every grant.
_TOO_MIGHTY = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "may create roles",
    "rolreplication": "may replicate the whole server",
    "rolbypassrls": "bypasses row security",
}

#: Everything of ours but the views.
_TABLES = [*METADATA.tables, "alembic_version"]

#: Whoever is a member of these reads or writes past every grant.
_PAST_GRANTS = {
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
}

_EXISTS = sa.text("SELECT true FROM pg_roles WHERE rolname = :role")

#: The role and all that it can become by SET ROLE, whatever it inherits of them.
_ROLES = sa.text("""
SELECT rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles
WHERE pg_has_role(:role, oid, 'MEMBER') ORDER BY rolname <> :role, rolname
""")

_WHERE = sa.text("SELECT current_database() AS database, current_schema() AS schema")

#: The views and tables of ours, in front of a query.
_OURS = """
WITH ours AS (
    SELECT oid, relname AS name, relkind = 'v' AS is_view, relowner FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')
      AND (relname LIKE 'report\\_%' OR relname = ANY(:tables))
)
"""

_LISTED = sa.text(_OURS + "SELECT name, is_view FROM ours ORDER BY name")  # noqa: S608 - all of it is here

_OWNED = sa.text(f"""{_OURS}
SELECT name FROM ours WHERE pg_has_role(:role, relowner, 'MEMBER')
UNION ALL SELECT 'the schema' FROM pg_namespace
WHERE oid = current_schema()::regnamespace AND pg_has_role(:role, nspowner, 'MEMBER')
UNION ALL SELECT 'the database' FROM pg_database
WHERE datname = current_database() AND pg_has_role(:role, datdba, 'MEMBER')
LIMIT 1
""")  # noqa: S608 - all of it is here

#: What a role can do beyond reading views.
_TOO_MUCH = sa.text(f"""{_OURS},
rights(name) AS (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'),
                        ('REFERENCES'), ('TRIGGER'))
SELECT 'has ' || r.name || ' on ' || o.name FROM ours o, rights r
WHERE NOT (o.is_view AND r.name = 'SELECT') AND (
    has_table_privilege(:role, o.oid, r.name)
    OR (r.name NOT IN ('DELETE', 'TRUNCATE', 'TRIGGER')
        AND has_any_column_privilege(:role, o.oid, r.name)))
UNION ALL SELECT 'has CREATE on the schema ' || current_schema()
WHERE has_schema_privilege(:role, current_schema(), 'CREATE')
UNION ALL SELECT 'has CREATE on the database ' || current_database()
WHERE has_database_privilege(:role, current_database(), 'CREATE')
LIMIT 1
""")  # noqa: S608 - all of it is here

#: What it cannot do that it should.
_TOO_LITTLE = sa.text(f"""{_OURS}
SELECT 'has no CONNECT on the database ' || current_database()
WHERE NOT has_database_privilege(:role, current_database(), 'CONNECT')
UNION ALL SELECT 'has no SELECT on ' || name FROM ours
WHERE is_view AND NOT has_table_privilege(:role, oid, 'SELECT')
LIMIT 1
""")  # noqa: S608 - all of it is here

#: Who was granted the right to read a view.
_READERS = sa.text("""
SELECT pg_get_userbyid(g.grantee) AS role
FROM pg_class c, aclexplode(c.relacl) AS g
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v'
  AND c.relname LIKE 'report\\_%' AND g.privilege_type = 'SELECT'
  AND g.grantee <> 0 AND g.grantee <> c.relowner
GROUP BY g.grantee ORDER BY role
""")

_UNREADABLE = sa.text("""
SELECT count(*) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v'
  AND c.relname LIKE 'report\\_%' AND NOT has_table_privilege(:role, c.oid, 'SELECT')
""")


_NOT_PERMITTED = "42501"


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """What was done, or would be; ``views`` is how many the role can read."""

    is_new: bool
    views: int
    statements: Sequence[str] = field(repr=False)


def grant(database: Database, role: str, *, password: str | None, dry_run: bool) -> Granted:
    """Let ``role`` read every view and nothing else; repeating it changes nothing.

    Args:
        password: with it the role may log in; without, whether it may stays as it is.

    Raises:
        UsageError: the role can do more than can be taken away here, or nobody here may grant it.
    """
    _check(database, role)
    try:
        with database.write() as connection:
            is_new = _is_new(connection, role)
            secret = None
            if password is not None:
                secret = "***" if dry_run else _scrambled(connection, role, password)
            done = _planned(connection, role, is_new=is_new, secret=secret)
            if not dry_run:
                for statement in done.statements:
                    plain = {"no_parameters": True}
                    connection.exec_driver_sql(statement, execution_options=plain)
                for one in connection.execute(_ROLES, {"role": role}).scalars().all():
                    why = "still " if one == role else f"can become {one!r}, which "
                    _refuse_if(connection, role, _TOO_MUCH, why, of=one)
                _refuse_if(connection, role, _TOO_LITTLE, "still ")
    except exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_PERMITTED:
            raise
        why = " ".join(str(error.orig).split()).rstrip(".")
        raise UsageError(
            f"The user of COLLECTOR_DATABASE_URL may not make or change the role {role!r}: {why}. "
            "Let an administrator make it, by CREATE ROLE, and run this again without --login."
        ) from error
    return done


def readers(database: Database) -> list[str]:
    """The roles that were granted a view."""
    if database.is_sqlite:
        return []
    with database.read() as connection:
        return list(connection.scalars(_READERS))


def left_behind(database: Database, roles: Iterable[str]) -> list[str]:
    """Those of ``roles`` that cannot read every view."""
    with database.read() as connection:
        return [role for role in roles if connection.scalar(_UNREADABLE, {"role": role})]


def _check(database: Database, role: str) -> None:
    if database.is_sqlite:
        raise UsageError(
            f"{database.shown_url} is a SQLite file, which has no roles: who can read the file "
            "can read all of it. Hand out what is asked for by `collector export`; whoever may see "
            "all of it opens it by file:PATH?mode=ro."
        )
    if not role.isprintable() or not 1 <= len(role.encode(errors="replace")) <= MAX_NAME:
        raise UsageError(f"{role[:80]!a} is no name of a role: it has 1 to {MAX_NAME} bytes.")
    if role.startswith("pg_") or role in {"public", "none"}:
        raise UsageError(f"The name {role!r} is PostgreSQL's own. Choose another.")


def _is_new(connection: sa.Connection, role: str) -> bool:
    if connection.scalar(_EXISTS, {"role": role}) is None:
        return True
    for one in connection.execute(_ROLES, {"role": role}).mappings().all():
        name = one["rolname"]
        mighty = [why for column, why in _TOO_MIGHTY.items() if one[column]]
        if mighty or name in _PAST_GRANTS:
            why = mighty[0] if mighty else "reads or writes past every grant"
            who = "" if name == role else f"can become {name!r}, which "
            raise UsageError(f"The role {role!r} {who}{why}: no grant holds it back. Name another.")
    _refuse_if(connection, role, _OWNED, "owns, or is a member of the owner of, ")
    return False


def _refuse_if(
    connection: sa.Connection, role: str, query: sa.TextClause, why: str, *, of: str | None = None
) -> None:
    """Refuse the role for what is found of it, or ``of`` one that it can become."""
    found = connection.scalar(query, {"role": of or role, "tables": _TABLES})
    if found is not None:
        raise UsageError(
            f"The role {role!r} {why}{found}. Nothing was changed. What it does not have by "
            "itself it has from PUBLIC, or from a role that it is a member of: name another role, "
            "or take that away first."
        )


def _planned(connection: sa.Connection, role: str, *, is_new: bool, secret: str | None) -> Granted:
    ours = connection.execute(_LISTED, {"tables": _TABLES}).all()
    where = connection.execute(_WHERE).one()
    to, database, schema = _quoted(role), _quoted(where.database), _quoted(where.schema)
    views = [_quoted(one.name) for one in ours if one.is_view]
    statements = []
    if is_new:
        statements = [
            f"CREATE ROLE {to} NOLOGIN",
            f"ALTER ROLE {to} IN DATABASE {database} SET timezone = 'UTC'",
        ]
    if secret is not None:
        statements.append(f"ALTER ROLE {to} LOGIN PASSWORD '{secret}'")
    statements += [
        f"REVOKE ALL ON {', '.join(_quoted(one.name) for one in ours)} FROM {to}",
        f"REVOKE ALL ON SCHEMA {schema} FROM {to}",
        f"GRANT CONNECT ON DATABASE {database} TO {to}",
        f"GRANT USAGE ON SCHEMA {schema} TO {to}",
        f"GRANT SELECT ON {', '.join(views)} TO {to}",
    ]
    return Granted(is_new=is_new, views=len(views), statements=statements)


def _quoted(name: str) -> str:
    # Not the dialect's, which doubles a percent sign for statements that have parameters.
    return '"' + name.replace('"', '""') + '"'


def _scrambled(connection: sa.Connection, role: str, password: str) -> str:
    """As the server keeps it, so that the password itself stands in no log of statements."""
    server = connection.connection.driver_connection.pgconn  # type: ignore[union-attr]
    scrambled: bytes = server.encrypt_password(password.encode(), role.encode())
    return scrambled.decode()
