"""What the doctor finds in the database: whether it is well, and what the job has left there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from collector.config import Settings
from collector.doctor import access, forgotten, here, replica
from collector.doctor.findings import (
    Finding,
    State,
    isolated,
    ok,
    problem,
    skipped,
    told,
    warning,
)
from collector.domain.installation import Installation
from collector.errors import DatabaseUnavailableError, DefinitionError, SecretError
from collector.sources import definition
from collector.storage import installations, revisions, runs, sessions, vitals
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from collector.storage.vitals import Sealed

#: A database that is further away slows every beacon and every batch down.
FAR = 0.02

#: Leases and deadlines are reckoned by the clock of whoever asks.
CLOCK_APART = timedelta(seconds=5)
CLOCK_FAR_APART = timedelta(seconds=60)

#: The job is meant to run every few minutes.
LATE = timedelta(hours=1)
MUCH_TOO_LATE = timedelta(hours=24)

#: A site that was heard and then is not for so long has lost its snippet.
SILENCE = timedelta(hours=48)


def examine(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """The database, and if it is well, all that is in it."""
    yield from _by_database(settings, clock)
    if settings.report_database_url:
        yield from isolated("replica", partial(replica.examine, settings, clock))


def _by_database(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Finding]:
    try:
        database = Database(settings.database_url, pool_size=1)
    except Exception:  # noqa: BLE001 - it is raised again, to be told
        yield from isolated("database", lambda: _opened(settings))
        return
    with database:
        found = [*isolated("database", partial(_database, database, clock))]
        found += isolated("migrations", partial(_migrations, database)) if _answers(found) else ()
        yield from found
        if any(each.state is State.PROBLEM and each.check != "clock" for each in found):
            yield skipped("contents", "What is stored can be looked at once that is mended.")
            return
        for check, look in (
            ("secrets", partial(_secrets, database, settings)),
            ("tombstones", partial(forgotten.tombstones, database, settings)),
            ("job", partial(_job, database, clock)),
            ("installations", partial(_installations, database, settings, clock)),
            ("users", partial(access.of_users, database)),
            ("tokens", partial(access.of_tokens, database, clock)),
        ):
            yield from isolated(check, look)


def _opened(settings: Settings) -> Iterator[Finding]:
    with Database(settings.database_url):
        yield ok("database", "It can be opened.")


def _answers(found: Sequence[Finding]) -> bool:
    return all(each.state is not State.PROBLEM for each in found)


def _database(database: Database, clock: Callable[[], datetime]) -> Iterator[Finding]:
    file = vitals.file_of(database)
    if database.missing_file:
        yield problem(
            "database",
            f"There is no file {database.missing_file} yet.",
            "collector db upgrade makes it; or point COLLECTOR_DATABASE_URL to where it is",
        )
        return
    found = vitals.read(database, clock)
    milliseconds = f"{found.round_trip * 1000:.2f} ms"
    shown = f"{found.product} at {database.shown_url} answers within {milliseconds}"
    if not database.is_sqlite and found.round_trip > FAR:
        yield warning("database", f"{shown}.", "Put it nearer: each beacon's commit waits for it.")
    elif found.is_read_only:
        yield problem(
            "database",
            f"{shown}, and takes nothing: it is read-only.",
            "Point COLLECTOR_DATABASE_URL to the primary server.",
        )
    else:
        yield _writable(database, shown)
    if file is not None:
        yield from _file(file, found.journal)
    if found.clock_ahead is not None:
        yield apart("The database's clock", found.clock_ahead)


def _writable(database: Database, shown: str) -> Finding:
    try:
        with database.write():
            pass
    except DatabaseUnavailableError as error:
        text, _ = told(error)
        return problem(
            "database",
            f"Nothing can be written. {text}",
            "Look who holds it open, and who may write to the file and its folder.",
        )
    return ok("database", f"{shown}, and can be written to.")


def _file(file: Path, journal: str | None) -> Iterator[Finding]:
    kind = here.file_system(file.parent)
    if kind in here.NETWORK_FILE_SYSTEMS:
        yield problem(
            "database",
            f"{file} is on a network file system ({kind}), where SQLite's locks cannot be trusted.",
            "Put the file on a local disk, or use PostgreSQL.",
        )
    if journal != "wal":
        yield problem(
            "database",
            f"SQLite keeps no write-ahead log there (journal_mode is {journal}), so that whoever "
            "reads keeps everybody from writing.",
            "Put the file on a local disk.",
        )
    yield here.room(file.parent, "the database")


def apart(whose: str, ahead: timedelta) -> Finding:
    """What is to be said of a clock that is so far ahead of this machine's, or behind it."""
    seconds = abs(ahead).total_seconds()
    which = "ahead of" if ahead > timedelta(0) else "behind"
    remedy = "Set this machine's clock by NTP, and the other one's if it is at fault."
    if abs(ahead) > CLOCK_FAR_APART:
        text = f"{whose} is {seconds:.0f} s {which} this machine's."
        return problem("clock", text, remedy)
    if abs(ahead) > CLOCK_APART:
        return warning("clock", f"{whose} is {seconds:.0f} s {which} this machine's.", remedy)
    return ok("clock", f"{whose} goes as this machine's does.")


def _migrations(database: Database) -> Iterator[Finding]:
    found, wanted = revisions.current(database), revisions.newest()
    if found == wanted:
        yield ok("migrations", f"The database is at revision {wanted}, as this version expects.")
    elif revisions.is_newer(found):
        newer = f"The database is at revision {found}, which is newer than this version's {wanted}"
        remedy = "Install the version that has migrated it, or a newer one."
        if wanted >= (revisions.oldest_program(database) or "unknown"):
            yield warning("migrations", f"{newer}; this version can still work with it.", remedy)
        else:
            yield problem("migrations", f"{newer}, and not for it.", remedy)
    else:
        state = "has no tables yet" if found is None else f"is at revision {found}, not {wanted}"
        yield problem("migrations", f"The database {state}.", "collector db upgrade")


def _secrets(database: Database, settings: Settings) -> Iterator[Finding]:
    with database.read() as connection:
        stored = vitals.secrets(connection)
    if not stored:
        yield ok("secrets", "None is stored yet.")
        return
    opened = {each: _opened_by(each, settings.secret_key) for each in stored}
    shut = [each for each, number in opened.items() if number is None]
    for each in shut:
        yield problem(
            "secrets",
            f"Project {each.project_id}: {each.name} is opened by no key of COLLECTOR_SECRET_KEY.",
            "Add the key that it was stored with, after a comma, or set the secret again: "
            f"collector installation edit {each.project_id} --new-secret, collector webhook add, "
            f"or collector installation signing new {each.project_id} (then retire)",
        )
    by_key = Counter(number for number in opened.values() if number is not None)
    if any(by_key[number] for number in range(1, len(settings.secret_key))):
        shown = ", ".join(f"{by_key[number]} by key {number + 1}" for number in sorted(by_key))
        yield warning(
            "secrets", f"Not all are opened by the first key: {shown}.", "collector keys rotate"
        )
    elif not shut:
        yield ok("secrets", f"The first key opens all {len(stored)}.")


def _opened_by(sealed: Sealed, keys: Sequence[str]) -> int | None:
    """The place of the first key that opens it."""
    for number, key in enumerate(keys):
        try:
            SecretBox([key]).open(sealed.secret)
        except SecretError:
            continue
        return number
    return None


def _job(database: Database, clock: Callable[[], datetime]) -> Iterator[Finding]:
    now = clock()
    with database.read() as connection:
        last = runs.last(connection, now)
        interrupted = vitals.count_interrupted(connection, now - MUCH_TOO_LATE)
    if last is None:
        yield warning(
            "job",
            "It has never run.",
            "Run it every few minutes, by cron or systemd: collector reconcile",
        )
        return
    since = now - last["started_at"]
    text = f"It last began {ago(since)} ago, and is: {last['outcome']}."
    if since > LATE:
        say = problem if since > MUCH_TOO_LATE else warning
        yield say("job", text, "See to its timer; by hand: collector reconcile")
    elif last["outcome"] == "attention":
        yield warning("job", text, "collector status")
    else:
        yield ok("job", text)
    if interrupted:
        yield warning(
            "job",
            f"{interrupted} run(s) of the last 24 hours have ended without a word.",
            "Nothing is lost. Look what kills them: memory, a timeout, a restart.",
        )


def _installations(
    database: Database, settings: Settings, clock: Callable[[], datetime]
) -> Iterator[Finding]:
    now = clock()
    with database.read() as connection:
        found = {
            each: (
                runs.searched_until(connection, each.project_id),
                sessions.last_beacon(connection, each.project_id),
            )
            for each in installations.list_all(connection)
        }
    if not found:
        yield warning("installations", "There is none yet.", "collector installation add --help")
    versions = _versions(settings)
    for each, (worked_at, last_beacon) in found.items():
        yield _installation(each, versions, worked_at, last_beacon, now)


def _versions(settings: Settings) -> Mapping[int, object] | None:
    """Those that are defined; None if that cannot be told, which was told before."""
    try:
        return definition.read(Path(settings.integration)).versions
    except DefinitionError:
        return None


def _installation(
    item: Installation,
    versions: Mapping[int, object] | None,
    worked_at: datetime | None,
    last_beacon: datetime | None,
    now: datetime,
) -> Finding:
    project_id = item.project_id
    worked = f"the job was at work {ago(now - worked_at)} ago" if worked_at else "the job never was"
    beacon = (
        f"the last beacon came {ago(now - last_beacon)} ago"
        if last_beacon
        else "no beacon has come"
    )
    name = f"Project {project_id} ({item.name})"
    text = f"{name}: {worked}; {beacon}."
    check = "installations"
    if item.paused:
        return warning(check, f"{name} is paused.", f"collector installation resume {project_id}")
    if item.problem:
        return problem(check, f"{name}: {item.problem}.", "Mend that, and run: collector reconcile")
    if versions is not None and item.integration_version not in versions:
        return problem(
            check,
            f"{name} is on integration version {item.integration_version}, which is not defined.",
            f"Define it, or go back: collector installation edit {project_id} "
            "--integration-version N",
        )
    if last_beacon is None or now - last_beacon > SILENCE:
        return warning(check, text, f"collector installation check {project_id}")
    return ok(check, text)


def ago(time: timedelta) -> str:
    """A duration in its largest unit."""
    seconds = max(0, int(time.total_seconds()))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
