"""Builds ``collector.min.js``, which is what the server serves, from ``collector.js``.

Beside it stand its ready-made compressed forms, ``.gz`` and ``.br``. All are committed, so that
neither an installation nor a wheel needs a JavaScript tool or Brotli. The build depends on nothing
but the source and the tools' versions: no date, no path.

    python static/js/build.py           writes the built files and says their sizes
    python static/js/build.py --check   exits 1 when they are not the build of the source
    python static/js/build.py --keep    copies them to released/, as HASH.js: to be run when a
                                        release changes the build, so that pages which are
                                        pinned to it by its hash work after the next one too
"""

from __future__ import annotations

import gzip
import shutil
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import brotli
import minify

from collector.snippet import hash_of

USAGE = "Usage: python static/js/build.py [--check | --keep]"

HERE = Path(__file__).resolve().parent

#: Bytes after ``gzip -9``. A page pays for every one of them on every customer's site.
MAX_COMPRESSED = 800

#: How each form of a built file is read, by the suffix that it has.
READERS = {"": bytes, ".gz": gzip.decompress, ".br": brotli.decompress}


def build(source: str) -> bytes:
    """The minified form of the snippet's source."""
    return (minify.string("application/javascript", source) + "\n").encode()


def compress(built: bytes) -> dict[str, bytes]:
    """Every form of a built file by its suffix."""
    return {
        "": built,
        ".gz": gzip.compress(built, 9, mtime=0),
        ".br": brotli.compress(built, mode=brotli.MODE_TEXT, quality=11),
    }


def is_build(path: Path, built: bytes) -> bool:
    """Whether the file and its compressed forms hold this build, whatever compressed them."""
    try:
        return all(
            read(path.with_name(path.name + suffix).read_bytes()) == built
            for suffix, read in READERS.items()
        )
    except (OSError, EOFError, zlib.error, brotli.error):
        return False


def write(target: Path, source_name: str, built: bytes) -> int:
    """Write the built files, unless they are too large."""
    forms = compress(built)
    size = len(forms[".gz"])
    if size > MAX_COMPRESSED:
        return _fail(
            f"{source_name} builds to {size} bytes compressed; {MAX_COMPRESSED} is the most."
        )
    for suffix, form in forms.items():
        target.with_name(target.name + suffix).write_bytes(form)
    sys.stdout.write(
        f"{target.name}: {len(built)} bytes, {size} with gzip, {len(forms['.br'])} with Brotli\n"
    )
    return 0


def keep(target: Path) -> int:
    """Copy the built files to where released builds are served from."""
    released = target.parent / "released"
    released.mkdir(exist_ok=True)
    name = f"{hash_of(target.read_bytes())}.js"
    for suffix in READERS:
        shutil.copyfile(target.with_name(target.name + suffix), released / (name + suffix))
    sys.stdout.write(f"released/{name}\n")
    return 0


def main(arguments: Sequence[str], *, directory: Path = HERE) -> int:
    """Build, check or keep; the exit code is the answer."""
    if list(arguments) not in ([], ["--check"], ["--keep"]):
        sys.stderr.write(f"{USAGE}\n")
        return 2
    source, target = directory / "collector.js", directory / "collector.min.js"
    built = build(source.read_text(encoding="utf-8"))
    if not arguments:
        return write(target, source.name, built)
    if not is_build(target, built):
        return _fail(
            f"{target.name}, with .gz and .br, is not the build of {source.name}. "
            "Run: python static/js/build.py"
        )
    for path in (directory / "released").glob("*.js"):
        held = path.read_bytes()
        if path.stem != hash_of(held) or not is_build(path, held):
            return _fail(f"released/{path.name} has changed since its release. Restore it.")
    return keep(target) if "--keep" in arguments else 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
