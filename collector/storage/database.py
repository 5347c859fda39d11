"""Opens the database: one object for both dialects, with a transaction for reading or writing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection as Connection  # noqa: PLC0414 - callers need no SQLAlchemy
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from collector.config import mask_url
from collector.errors import DatabaseUnavailableError, NotMigratedError, SettingError
from collector.storage import postgresql as connecting
from collector.storage import unavailable
from collector.storage.preparing import encode

#: How long a writer waits for another one on SQLite, and a connection for PostgreSQL, in seconds.
PATIENCE_SECONDS = 5

#: A connection that was used so short a time ago is not asked whether it is alive, in seconds.
TRUSTED_SECONDS = 1

#: SQLite's log grows to 40 MB before it is written to where its pages belong.
_LOG_PAGES = 10_000

#: What SQLite keeps of its pages in memory for each connection, in KiB.
_CACHE_KIB = 16 * 1024

#: What SQLite keeps of its pages in memory while much is written, in KiB.
_LARGE_CACHE_KIB = 32_000

#: The same for each connection where many threads work, in KiB.
_SMALL_CACHE_KIB = 4 * 1024

#: Statements that are wrong, or values that a constraint refuses: no state of the database.
_OUR_MISTAKES = (exc.ProgrammingError, exc.IntegrityError, exc.DataError)

_UNDEFINED_TABLE = "42P01"
_UNDEFINED_COLUMN = "42703"


class Database:
    """The database behind one URL. Safe to share between threads; open it after a fork."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        writes_much: bool = False,
        many_threads: bool = False,
        reads_only: bool = False,
        setting: str = "COLLECTOR_DATABASE_URL",
    ) -> None:
        """Open it.

        Args:
            reads_only: have the database itself refuse whatever would write.
            setting: where the URL is from, to be told with what is wrong with it.
            writes_much: give SQLite the memory that indexes need while much is written at once.
            many_threads: give SQLite less memory for each connection. What several threads fill
                in turn grows to a multiple of itself, since each has a heap of its own.
        """
        self.shown_url = mask_url(url)
        self._setting = setting
        self._url = _parsed(url, setting)
        self._writing = Lock()
        self.engine = sa.create_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,  # few connections do most, and keep the pages that are needed
            pool_timeout=PATIENCE_SECONDS,
            pool_pre_ping=not self.is_sqlite,
            connect_args=_connect_arguments(self._url, reads_only=reads_only),
            json_serializer=encode,
            hide_parameters=True,  # a logged error must not show whose keys it was about
        )
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
            if reads_only:
                sa.event.listen(self.engine, "connect", _refuse_writes)
            if writes_much:
                sa.event.listen(self.engine, "connect", _resizes_cache(_LARGE_CACHE_KIB))
            elif many_threads:
                sa.event.listen(self.engine, "connect", _resizes_cache(_SMALL_CACHE_KIB))
        #: Connections for `driver` that nobody uses now, and until when they need no look.
        self._kept: list[tuple[sa.PoolProxiedConnection, float]] = []

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @property
    def missing_file(self) -> str | None:
        """The path of the SQLite file if there is none yet: opening it would make an empty one."""
        path = Path(str(self._url.database)).absolute()
        if self.is_sqlite and path.parent.is_dir() and not path.exists():
            return str(path)
        return None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads; it never waits for a writer.

        Raises:
            DatabaseUnavailableError, NotMigratedError
        """
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and whose statements all see the same moment.

        Raises:
            DatabaseUnavailableError, NotMigratedError
        """
        with self._translated(), self.engine.connect() as connection:
            if not self.is_sqlite:  # where a transaction is nothing else
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                if not self.is_sqlite:  # whoever takes the rows may be slow, and holds no lease
                    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes; when the block has ended, what it wrote is on disk.

        Raises:
            DatabaseUnavailableError, NotMigratedError
        """
        with self._writers_turn(), self._translated():
            # On SQLite the write lock is taken at the start: a reader that turns writer
            # half-way could be refused without waiting.
            engine = self.engine.execution_options(writes=True)
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def _writers_turn(self) -> Iterator[None]:
        """SQLite lets one write at a time, and has the others ask again and again; here they queue.

        Whoever has waited too long goes on, and is told by SQLite that the file is locked.
        """
        if not self.is_sqlite:
            yield
            return
        has_turn = self._writing.acquire(timeout=PATIENCE_SECONDS)
        try:
            yield
        finally:
            if has_turn:
                self._writing.release()

    @contextmanager
    def bare(self) -> Iterator[sa.Connection]:
        """A connection without a transaction, for who sets it up otherwise; then it is closed.

        Raises:
            DatabaseUnavailableError, NotMigratedError
        """
        with self._translated(), self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.invalidate()  # nobody else is to have it as it is by now

    @contextmanager
    def driver(self) -> Iterator[Any]:
        """A connection of the driver itself, which is kept open, for writes that many wait for.

        Each statement is a transaction of its own, unless one is begun. When the block has ended
        well, what it committed is on disk; whatever it raises, the connection is given up, and
        with it what was not committed.

        Raises:
            DatabaseUnavailableError, NotMigratedError
        """
        with self._writers_turn(), self._translated():
            kept = self._keep()
            try:
                yield kept.driver_connection
            except BaseException as error:
                kept.invalidate()
                if isinstance(error, self.engine.dialect.loaded_dbapi.Error):
                    raise self._as_sqlalchemys(error, "of the driver") from error
                raise
            self._kept.append((kept, time.monotonic() + TRUSTED_SECONDS))

    def _keep(self) -> sa.PoolProxiedConnection:
        """The connection that was used last, if it is alive; else another one."""
        errors = self.engine.dialect.loaded_dbapi.Error
        while self._kept:
            try:
                kept, trusted_until = self._kept.pop()
            except IndexError:
                break  # another thread was quicker
            if self.is_sqlite or time.monotonic() < trusted_until:
                return kept
            try:
                kept.driver_connection.execute("SELECT 1")  # type: ignore[union-attr]
            except errors:
                kept.invalidate()
            else:
                return kept
        try:
            kept = self.engine.raw_connection()
        except errors as error:
            raise self._as_sqlalchemys(error, None) from error
        if not self.is_sqlite:
            kept.driver_connection.autocommit = True  # type: ignore[union-attr]
        return kept

    def _as_sqlalchemys(self, error: Exception, statement: str | None) -> BaseException:
        dialect = self.engine.dialect
        return exc.DBAPIError.instance(
            statement, (), error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        )

    def close(self) -> None:
        while self._kept:
            self._kept.pop()[0].invalidate()  # it commits by itself: no other may have it
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            if _names_unknown_table(error):
                raise NotMigratedError(
                    f"The database {self.shown_url} is not at this version's schema. "
                    "Run: collector db upgrade"
                ) from error
            # Without a statement it is the connection that failed, whatever the driver calls it.
            if isinstance(error, _OUR_MISTAKES) and error.statement is not None:
                raise
            raise DatabaseUnavailableError(
                unavailable.sentence(self.shown_url, error.orig, self._setting)
            ) from error
        except exc.TimeoutError as error:
            raise DatabaseUnavailableError(
                unavailable.sentence(
                    self.shown_url, "all its connections are in use", self._setting
                )
            ) from error


def insert_for(connection: sa.Connection, row: Any) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ``on_conflict_do_update``, in the dialect at hand."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(row)
    return sqlite.insert(row)


def _parsed(url: str, setting: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise SettingError(
            f"{setting} cannot be read as a URL. Write sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in {None, "", ":memory:"}:
            raise SettingError(
                f"{setting} names no file; what is acknowledged must be on disk. "
                "Write sqlite:///FILE"
            )
        return parsed.set(drivername="sqlite+pysqlite")
    return parsed.set(drivername="postgresql+psycopg")


def _connect_arguments(url: sa.URL, *, reads_only: bool) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": PATIENCE_SECONDS, "check_same_thread": False}
    return connecting.connect_arguments(patience=PATIENCE_SECONDS, reads_only=reads_only)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: _begin_sqlite does, and says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged beacon survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    # Each beacon touches pages all over the indexes: the same ones are copied from the log to
    # their places once instead of ten times, and are found again without the system's help.
    cursor.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()


def _refuse_writes(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")


def _resizes_cache(kib: int) -> Callable[[Any, Any], None]:
    def resize(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA cache_size={-kib}")

    return resize


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _names_unknown_table(error: exc.DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in {_UNDEFINED_TABLE, _UNDEFINED_COLUMN} or any(
        sign in str(error.orig) for sign in ("no such table", "no such column", "has no column")
    )
