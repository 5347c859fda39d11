"""Draws the pictures of docs/architecture.md: `python docs/pictures/draw.py`.

The layers are read from where the import linter holds them, so that the picture cannot tell
otherwise. Each picture has a paper of its own and follows the reader's light or dark.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent

#: What each layer is for, in the order of the layers in pyproject.toml.
LAYERS = (
    "the commands",
    "a made-up shop and its day",
    "browsers | use cases | the stand-in | looks at a page | at all of it",
    "what is told of what is stored",
    "SQL | the API's client | record files and the definition",
    "what is written down",
    "the rules: pure, with now passed in",
    "what is published of static/js",
    "the settings | files that are no code",
    "what is told when it fails",
)

STYLE = """
  svg { font: 14px system-ui, sans-serif; }
  .paper { fill: #ffffff; } .box { fill: #f1f4f8; stroke: #6b7683; }
  .end { fill: #dfeaf7; stroke: #3a6ea5; } text { fill: #1c2127; } .small { font-size: 12px; fill: #57606a; }
  .arrow { stroke: #57606a; stroke-width: 1.5; fill: none; } .tip { fill: #57606a; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14171a; } .box { fill: #22282e; stroke: #8a95a1; }
    .end { fill: #1d3045; stroke: #7db7f5; } text { fill: #e6e9ec; } .small { fill: #a3adb8; }
    .arrow { stroke: #a3adb8; } .tip { fill: #a3adb8; }
  }
"""  # noqa: E501 - a line of a style sheet


@dataclass(frozen=True, kw_only=True)
class Box:
    """One step: its name, and what happens there in at most two lines."""

    name: str
    about: tuple[str, ...]
    is_end: bool = False


BEACON = (
    Box(name="the page", about=("collector.js posts", "key and session"), is_end=True),
    Box(name="web/express", about=("plainly right?", "in the event loop")),
    Box(name="web/parking", about=("waits without a", "thread, with others")),
    Box(name="storage/sightings", about=("session and keys,", "one transaction")),
    Box(name="204", about=("it is on disk",), is_end=True),
)

CALL = (
    Box(name="a record", about=("file, HTTP, webhook,", "your own database"), is_end=True),
    Box(name="storage/intake", about=("read, checked, hashed;", "waiting")),
    Box(name="jobs/examine", about=("match, build,", "number: pending")),
    Box(name="jobs/deliver", about=("marked as in doubt,", "then posted")),
    Box(name="Contentsquare", about=("the session's", "enrichment"), is_end=True),
)

WIDTH, HEIGHT, GAP, EDGE = 162, 74, 24, 16


def layers() -> str:
    """The layers from the top down; siblings that do not know each other stand side by side."""
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [
        one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"
    ]
    width, row = 2 * EDGE + 720, 62
    parts = []
    for place, (named, about) in enumerate(zip(contract["layers"], LAYERS, strict=True)):
        names = [name.strip().removeprefix("collector.") for name in named.split("|")]
        each = (720 - 8 * (len(names) - 1)) / len(names)
        for column, (name, told) in enumerate(zip(names, about.split(" | "), strict=True)):
            left = EDGE + column * (each + 8)
            parts.append(_box(left, EDGE + place * row, each, 48, name, (told,)))
    height = 2 * EDGE + len(LAYERS) * row - 14
    return _svg(width, height, "The layers: an arrow of imports only points down", parts)


def way(title: str, boxes: tuple[Box, ...], below: tuple[int, Box] | None = None) -> str:
    """Steps from left to right, and one more below that a step may go to instead."""
    parts = []
    for place, box in enumerate(boxes):
        left = EDGE + place * (WIDTH + GAP)
        parts.append(_box(left, EDGE, WIDTH, HEIGHT, box.name, box.about, is_end=box.is_end))
        if place:
            middle = EDGE + HEIGHT / 2
            parts.append(_arrow(left - GAP, middle, left, middle))
    height = 2 * EDGE + HEIGHT
    if below is not None:
        place, box = below
        left = EDGE + place * (WIDTH + GAP)
        top = EDGE + HEIGHT + GAP
        parts.append(_arrow(left + WIDTH / 2, top - GAP, left + WIDTH / 2, top))
        parts.append(_box(left, top, WIDTH, HEIGHT, box.name, box.about, is_end=box.is_end))
        height += HEIGHT + GAP
    width = 2 * EDGE + len(boxes) * WIDTH + (len(boxes) - 1) * GAP
    return _svg(width, height, title, parts)


def _box(
    left: float,
    top: float,
    width: float,
    height: float,
    name: str,
    about: tuple[str, ...],
    *,
    is_end: bool = False,
) -> str:
    middle = left + width / 2
    lines = [f'<text x="{middle:g}" y="{top + 20:g}" font-weight="600">{escape(name)}</text>']
    lines += [
        f'<text x="{middle:g}" y="{top + 38 + 16 * number:g}" class="small">{escape(line)}</text>'
        for number, line in enumerate(about)
    ]
    kind = "end" if is_end else "box"
    frame = (
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'class="{kind}"/>'
    )
    return "\n".join([frame, *lines])


def _arrow(left: float, top: float, right: float, bottom: float) -> str:
    if top == bottom:
        tip = f"M{right - 8:g} {top - 5:g}L{right:g} {top:g}L{right - 8:g} {top + 5:g}z"
    else:
        tip = f"M{left - 5:g} {bottom - 8:g}L{left:g} {bottom:g}L{left + 5:g} {bottom - 8:g}z"
    line = f'<path class="arrow" d="M{left:g} {top:g}L{right:g} {bottom:g}"/>'
    return f'{line}\n<path class="tip" d="{tip}"/>'


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" text-anchor="middle">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{width:g}" height="{height:g}" rx="8"/>\n{inside}\n</svg>\n'
    )


def pictures() -> dict[str, str]:
    """Every picture by its file's name."""
    refusal = Box(name="Flask, the view", about=("whatever else comes;", "it alone refuses"))
    stays = Box(name="its verdict", about=("unmatched, ambiguous,", "invalid, over_limit"))
    return {
        "layers.svg": layers(),
        "beacon.svg": way("The way of a beacon", BEACON, (1, refusal)),
        "call.svg": way("The way of a call", CALL, (2, stays)),
    }


if __name__ == "__main__":
    for file, drawn in pictures().items():
        (FOLDER / file).write_text(drawn, encoding="utf-8")
