"""Opens a file of call records and hands out its bytes, unpacked, a block at a time.

Whether a file is compressed is told from its first bytes: names lie, and standard input has none.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from collector.errors import UsageError

#: Small enough that the records of one block never weigh much.
BLOCK = 64 * 1024

STANDARD_INPUT = Path("-")

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


class Unpacked:
    """The bytes of one file, unpacked.

    ``damage`` is set once the blocks have ended before the compressed file is whole.
    """

    def __init__(
        self, stream: BinaryIO, name: str, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        self.name = name
        self.damage: str | None = None
        try:
            packed = _Counted(stream, on_bytes or (lambda _: None))
        except OSError as error:
            raise _unreadable(name, error) from error
        if packed.first == _ZIP:
            raise UsageError(
                f"{name} is a ZIP archive or a workbook; unpack it, or export it as CSV"
            )
        self._stream: _Counted | gzip.GzipFile = packed
        if packed.first.startswith(_GZIP):
            self._stream = gzip.GzipFile(fileobj=cast("BinaryIO", packed), mode="rb")

    def blocks(self) -> Iterator[bytes]:
        """All bytes, in blocks of one size but for the last.

        Raises:
            UsageError: the file cannot be read on.
        """
        while block := self._block():
            yield block

    def _block(self) -> bytes:
        parts: list[bytes] = []
        missing = BLOCK
        while missing and self.damage is None:
            try:
                # One read at a time: what came before the damage must not go with it.
                part = self._stream.read1(missing)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.damage = str(error).rstrip(".")
                break
            except OSError as error:
                raise _unreadable(self.name, error) from error
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


class _Counted:
    """A stream whose first bytes have been seen already, and whose bytes are counted as they go."""

    def __init__(self, stream: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._unread = self.first = stream.read(len(_ZIP))

    def read1(self, size: int = BLOCK) -> bytes:
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
        else:
            data = self._stream.read(size)
        self._on_bytes(len(data))
        return data

    read = read1


def opened(path: Path) -> AbstractContextManager[BinaryIO]:
    """The stream of a file, or of standard input for ``-``, which stays open.

    Raises:
        UsageError: it cannot be opened.
    """
    if path == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(str(path), error) from error


def name_of(path: Path) -> str:
    """What messages call a file."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def _unreadable(name: str, error: OSError) -> UsageError:
    return UsageError(f"{name} cannot be read: {error.strerror or error}")
