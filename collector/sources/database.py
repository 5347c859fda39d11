"""Asks the provider's own database for calls. It is only read, and let go of after each run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from collector.config import mask_url
from collector.domain.definition import CallMapping, Columns, SqlSource
from collector.domain.masking import without_numbers
from collector.errors import SourceError, SourceUnavailableError
from collector.sources.driver_values import plain
from collector.sources.since import naive, postgresql_zone, written

#: How long a connection may take, and how long SQLite waits for a writer, in seconds.
PATIENCE_SECONDS = 10

#: How long PostgreSQL may take for the query, in seconds.
STATEMENT_SECONDS = 60

#: A server that is gone without a word is given up after about a minute, instead of two hours.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

REQUIRED = frozenset({"since", "limit"})
PROJECT_ID = "project_id"

#: Drivers that a URL may leave out, in SQLAlchemy's names.
_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "oracle": "oracle+oracledb",
}
#: Modules whose package has another name.
_PACKAGES = {"MySQLdb": "mysqlclient", "pymysql": "PyMySQL", "psycopg2": "psycopg2-binary"}

#: SQLSTATE classes, and one state, in which the same query may well succeed a little later.
_PASSING = {"08", "40", "53", "57", "58"}
_LOCKED = "55P03"
_TOOK_TOO_LONG = "57014"
_SQLITE_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}

#: What databases say who are there, and do not let in; no state comes with it.
_TURNED_AWAY = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "access denied",
    "unknown database",
)

Row = dict[str, object]


def mark_columns(mapping: CallMapping) -> Columns:
    """The columns that tell how far the rows were read: those of the last change, if there are."""
    return mapping.updated or mapping.started or mapping.ended


class CallDatabase:
    """The database that ``[calls.sql]`` of the integration definition names, open for one run."""

    def __init__(self, source: SqlSource, mapping: CallMapping, *, url: str | None = None) -> None:
        """Open nothing yet; ``url`` stands in for the definition's.

        Raises:
            SourceError: the URL or the query is wrong, or the driver is not installed.
        """
        self._source = source
        self._mapping = mapping
        self._statement = sa.text(source.query.strip().rstrip(";"))
        self._parameters = frozenset(self._statement.compile().params)
        self._check_parameters()
        self._url = _parsed(url or source.url)
        self.shown_url = mask_url(url or source.url or "")
        self._engine = self._make_engine()

    @property
    def tells_projects_apart(self) -> bool:
        """Whether the query asks for the calls of one project."""
        return PROJECT_ID in self._parameters

    def ask(self, since: datetime, limit: int, project_id: int) -> Iterator[list[Row]]:
        """The rows from ``since`` on, in pages.

        More than a page is read only where ``limit`` says so, or the query does not heed it. The
        transaction is over before the last page is given.

        Raises:
            SourceUnavailableError: the database does not answer now.
            SourceError: it answers that something is wrong.
        """
        size = self._source.page
        values: dict[str, Any] = {
            "since": self._bound(written(since, self._source, self._mapping.zone)),
            "limit": limit,
            PROJECT_ID: project_id,
        }
        with self._asking() as connection:
            asked = {name: values[name] for name in self._parameters}
            with closing(connection.execute(self._statement, asked)) as result:
                columns = self._columns(result)
                page = result.fetchmany(size)
                while len(page) == size and (following := result.fetchmany(size)):
                    yield _records(columns, page)
                    page = following
        if page:
            yield _records(columns, page)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> CallDatabase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _asking(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and is never committed."""
        try:
            with self._engine.connect() as connection:
                if self._dialect == "postgresql":
                    zone = postgresql_zone(self._mapping.zone)
                    # Of the transaction, not of the connection: a pooler may be in between.
                    connection.execute(
                        sa.select(
                            sa.func.set_config("transaction_read_only", "on", True),
                            sa.func.set_config(
                                "statement_timeout", str(STATEMENT_SECONDS * 1000), True
                            ),
                            sa.func.set_config("timezone", zone, True),
                        )
                    )
                yield connection.execution_options(stream_results=True)
        except exc.SQLAlchemyError as error:
            raise self._fault(error) from error

    def _columns(self, result: sa.CursorResult[Any]) -> list[str]:
        """The names of the columns that the query gives.

        Raises:
            SourceError: it gives one of them twice, or not what it is read by.
        """
        if not result.returns_rows:
            raise SourceError("the query of [calls.sql] gives no rows; it has to be a SELECT")
        columns = list(result.keys())
        if twice := [column for column in columns if columns.count(column) > 1]:
            raise SourceError(
                f"the query of [calls.sql] gives two columns {twice[0]!r}; name one of them "
                "otherwise, with AS"
            )
        for part, wanted in (("id", self._mapping.id), ("times", mark_columns(self._mapping))):
            # A dotted name may lead into a column of JSON.
            if not any(name in columns or name.split(".")[0] in columns for name in wanted):
                raise SourceError(
                    f"the query of [calls.sql] gives no column {wanted[0]!r}, where [calls] looks "
                    f"for the {part} of a record; it gives {', '.join(columns)}"
                )
        return columns

    @property
    def _dialect(self) -> str:
        return self._url.get_backend_name()

    def _bound(self, since: datetime | int | str) -> datetime | int | str:
        """What the driver is given: PostgreSQL knows offsets, the others compare what stands."""
        if not isinstance(since, datetime) or self._dialect == "postgresql":
            return since
        local = naive(since, self._mapping.zone)
        if self._dialect == "sqlite":
            return local.isoformat(sep=" ", timespec="microseconds")
        return local

    def _check_parameters(self) -> None:
        if missing := REQUIRED - self._parameters:
            named = " and ".join(f":{name}" for name in sorted(missing, reverse=True))
            raise SourceError(
                f"the query of [calls.sql] lacks {named}; write WHERE updated_at >= :since ORDER "
                "BY updated_at LIMIT :limit, with the column that [calls] names as updated"
            )
        if unknown := self._parameters - REQUIRED - {PROJECT_ID}:
            raise SourceError(
                f"the query of [calls.sql] has :{min(unknown)}, and nothing is known to put there; "
                "it may have :since, :limit and :project_id. A colon that is meant as one is "
                "written \\:"
            )

    def _make_engine(self) -> sa.Engine:
        options: dict[str, Any] = {
            "poolclass": sa.pool.QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "hide_parameters": True,
        }
        if self._dialect == "sqlite":
            uri = _read_only(self._url)
            options["creator"] = lambda: sqlite3.connect(uri, uri=True, timeout=PATIENCE_SECONDS)
        elif self._url.drivername == _DRIVERS["postgresql"]:
            options["connect_args"] = {
                "connect_timeout": PATIENCE_SECONDS,
                "application_name": "collector",
                **_KEEPALIVES,
                "prepare_threshold": None,  # a pooler may give each transaction another session
            }
        try:
            return sa.create_engine(self._url, **options)
        except ModuleNotFoundError as error:
            module = str(error.name).partition(".")[0]
            raise SourceError(
                f"the driver of {self.shown_url} is not installed: "
                f"pip install {_PACKAGES.get(module, module)}"
            ) from error
        except exc.SQLAlchemyError as error:
            raise SourceError(
                f"{self.shown_url} names no kind of database that is known; write for instance "
                "postgresql://, mysql:// or sqlite:///FILE"
            ) from error

    def _fault(self, error: exc.SQLAlchemyError) -> SourceError:
        cause = self._cause(error)
        if _took_too_long(error):
            return SourceError(
                f"the query of [calls.sql] takes longer than {STATEMENT_SECONDS} seconds; an index "
                "on the column that is compared with :since makes it quick"
            )
        if isinstance(error, exc.DBAPIError) and _passes(error):
            return SourceUnavailableError(
                f"the provider's database {self.shown_url} does not answer ({cause}); no calls "
                "were read from it, and the next run asks again"
            )
        return SourceError(
            f"the provider's database {self.shown_url} does not take the query of [calls.sql] "
            f"({cause}); mend its url or query"
        )

    def _cause(self, error: exc.SQLAlchemyError) -> str:
        """The first line of what the driver says, without the password, and callers' numbers."""
        said = str(error.orig if isinstance(error, exc.DBAPIError) else error).strip()
        line = said.splitlines()[0][:300] if said else type(error).__name__
        if isinstance(error, exc.StatementError) and error.statement is not None:
            line = without_numbers(line)  # of a query; elsewhere it could be an address
        password = self._url.password
        return line.replace(str(password), "***") if password else line


def _parsed(url: str | None) -> sa.URL:
    if not url:
        raise SourceError("[calls.sql] names no database; give it url, or set COLLECTOR_CALLS_URL")
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise SourceError(
            "the URL of the provider's database cannot be read; write "
            "postgresql://USER:PASSWORD@HOST/NAME in url of [calls.sql] or COLLECTOR_CALLS_URL"
        ) from error
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _read_only(url: sa.URL) -> str:
    if url.database in {None, "", ":memory:"}:
        raise SourceError("the URL of the provider's database names no file; write sqlite:///FILE")
    return f"{Path(str(url.database)).absolute().as_uri()}?mode=ro"


def _records(columns: list[str], rows: Any) -> list[Row]:
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]


def _took_too_long(error: exc.SQLAlchemyError) -> bool:
    return getattr(getattr(error, "orig", None), "sqlstate", None) == _TOOK_TOO_LONG


def _passes(error: exc.DBAPIError) -> bool:
    """Whether it is the database's state that is at fault rather than the query or the URL."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The extended codes carry the plain one in their lowest byte.
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_PASSING
    state = getattr(cause, "sqlstate", None)
    if state:
        return state[:2] in _PASSING or state == _LOCKED
    if isinstance(
        error, exc.ProgrammingError | exc.DataError | exc.IntegrityError | exc.NotSupportedError
    ):
        return False
    if any(sign in str(cause).lower() for sign in _TURNED_AWAY):
        return False
    return error.statement is None or error.connection_invalidated
