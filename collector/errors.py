"""Every error the product raises on purpose, as one tree.

A message names the setting or record at fault and the next step, because it is the only thing
its reader sees: the command line prints it as one line, the HTTP interface as one JSON object.
Errors of libraries are translated into these where they enter (``raise … from error``).

    CollectorError                     exit code 1
    ├── SettingError                   exit code 2: a setting is missing or malformed
    ├── DefinitionError                exit code 2: the integration definition has problems
    ├── UsageError                     exit code 2: a command's arguments do not fit the data
    ├── NotFoundError                  no such installation, call or token
    ├── RecordError                    one call record cannot be read; its neighbours can
    │   └── StrictImportError          the import was to stop at the first of them
    ├── RequestRefusedError            one HTTP request is refused, with a code for its sender
    │   └── MissingError               a page has nothing to show there, and helps to find it
    ├── AddressError                   the server cannot listen where it was told to
    ├── ReadingStoppedError            the process that reads a large file has died
    ├── SecretError                    a stored secret cannot be decrypted with the keys at hand
    ├── StorageError
    │   ├── DatabaseUnavailableError   the database does not answer
    │   ├── NotMigratedError           the database has no schema for this version
    │   ├── BlockedError               somebody else holds what a migration needs
    │   ├── OutdatedError              what was to be written was judged by what holds no longer
    │   ├── TooManySessionsError       as many sessions of this user are stored as of any one
    │   └── KeysNotStoredError         the session is stored, and as many keys as it may have
    ├── CountsUnavailableError         the Redis that machines count in together does not answer
    ├── LeaseLostError                 another worker has taken the installation over
    ├── SourceError                    the provider's own database, or the query, is at fault
    │   ├── SourceUnavailableError     that database does not answer now
    │   └── DisorderError              its rows came out of order: nobody knows how far was read
    └── ContentsquareError
        ├── CredentialsRefusedError    the token endpoint refuses the credentials
        ├── OtherProjectError          the token is for another project or integration
        └── UnavailableError           no usable answer: network, timeout, 408, 429, 5xx
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class CollectorError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the command line exits with."""

    exit_code = 1


class SettingError(CollectorError):
    """A setting is missing or malformed; the message names the variable and a valid form."""

    exit_code = 2


class DefinitionError(CollectorError):
    """The integration definition has problems; ``problems`` lists every one that was found."""

    exit_code = 2

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__(f"{path}: " + "; ".join(self.problems))


class UsageError(CollectorError):
    """A command was asked for something that does not fit what is stored."""

    exit_code = 2


class NotFoundError(CollectorError):
    """What a command names does not exist."""


class RecordError(CollectorError):
    """One call record cannot be read. ``code`` is stable, for counting; the message explains."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)

    def __reduce__(self) -> tuple[type[RecordError], tuple[str, str]]:
        return type(self), (self.code, str(self))  # so that it goes from one process to another


class RequestRefusedError(CollectorError):
    """One HTTP request is refused; ``code`` is stable, the message tells its sender what to do."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        super().__init__(message)


class AddressError(CollectorError):
    """The server cannot listen where it was told to."""


class SecretError(CollectorError):
    """A stored secret cannot be decrypted with any key of COLLECTOR_SECRET_KEY."""


class StorageError(CollectorError):
    """Something about the database."""


class DatabaseUnavailableError(StorageError):
    """The database does not answer."""


class NotMigratedError(StorageError):
    """The database is empty, older than this version expects, or too new for it."""


class BlockedError(StorageError):
    """Somebody else holds what a migration needs; what was migrated before stays."""


class OutdatedError(StorageError):
    """What was to be written was judged by an installation that was edited or removed since."""


class CountsUnavailableError(CollectorError):
    """The Redis in which machines count together does not answer; each counts for itself."""


class TooManySessionsError(StorageError):
    """A session was not stored, as its user has as many as are stored of one."""


class KeysNotStoredError(StorageError):
    """A session was stored, but not its new keys of these ``kinds``: it has as many as it may."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = tuple(kinds)
        super().__init__(f"not stored: {', '.join(kinds)}")


class LeaseLostError(CollectorError):
    """Another worker has taken the installation over; this one must not write any more."""


class SourceError(CollectorError):
    """No calls can be read from the provider's own database until somebody mends something."""


class SourceUnavailableError(SourceError):
    """The provider's own database does not answer now; the next run asks again."""


class ContentsquareError(CollectorError):
    """Something about one of the two Contentsquare endpoints.

    ``in_doubt`` says that a batch was sent before, and may have been stored.
    """

    in_doubt = False


class CredentialsRefusedError(ContentsquareError):
    """The token endpoint refuses the credentials, or a fresh token is refused by the API."""


class OtherProjectError(ContentsquareError):
    """The credentials give a token for another project or integration than the installation's."""


class UnavailableError(ContentsquareError):
    """No usable answer came: network error, timeout, 408, 429 or 5xx, after the retries.

    ``retry_after`` is how many seconds the server asked to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)
