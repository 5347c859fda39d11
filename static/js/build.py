"""Builds ``collector.min.js``, which is what the server serves, from ``collector.js``.

The built file is committed, so that neither an installation nor a wheel needs a JavaScript tool.
The build depends on nothing but the source and the minifier's version: no date, no path.

    python static/js/build.py           writes the built file and says its size
    python static/js/build.py --check   exits 1 when the built file is not the build of the source
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import minify

HERE = Path(__file__).resolve().parent

#: Bytes after ``gzip -9``. A page pays for every one of them on every customer's site.
MAX_COMPRESSED = 800


def build(source: str) -> str:
    """The minified form of the snippet's source."""
    built: str = minify.string("application/javascript", source)
    return built + "\n"


def compressed_size(built: str) -> int:
    """Bytes that go over the wire when the server compresses with gzip at its best level."""
    return len(gzip.compress(built.encode(), 9, mtime=0))


def main(arguments: Sequence[str], *, directory: Path = HERE) -> int:
    """Write the built file, or with ``--check`` compare it; the exit code is the answer."""
    source, target = directory / "collector.js", directory / "collector.min.js"
    built = build(source.read_text(encoding="utf-8"))
    if "--check" in arguments:
        if target.is_file() and target.read_text(encoding="utf-8") == built:
            return 0
        sys.stderr.write(
            f"{target.name} is not the build of {source.name}. Run: python static/js/build.py\n"
        )
        return 1
    size = compressed_size(built)
    if size > MAX_COMPRESSED:
        sys.stderr.write(
            f"{source.name} builds to {size} bytes compressed; {MAX_COMPRESSED} is the most.\n"
        )
        return 1
    target.write_text(built, encoding="utf-8")
    sys.stdout.write(f"{target.name}: {len(built.encode())} bytes, {size} compressed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
