"""Finds the files that are not Python: the snippet, the migrations and the example definition.

In a checkout they stand at the top of the repository; in a wheel they travel inside the package.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def path(name: str) -> Path:
    """The directory ``name`` (``static``, ``migrations`` or ``examples``).

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"The package is incomplete: {name!r} is missing. Install it again.")
