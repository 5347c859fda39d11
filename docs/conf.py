"""Makes a site of the Markdown pages, which read on a code host as they are: `make docs`.

The source is the whole repository, so that links between its pages are the same in both places.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "Session collector"
author = "the session-collector contributors"
copyright = author  # noqa: A001 - Sphinx's word
version = release = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
language = "en-GB"

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "deploy/*.md"]
exclude_patterns = [".*", "dist", "docs/_build", "tests", "collector"]
myst_heading_anchors = 3
# Answers are shown shortened, with an ellipsis that no lexer of JSON knows.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "Session collector"
html_show_sourcelink = False
html_copy_source = False
html_last_updated_fmt = None


def setup(app: Sphinx) -> None:
    """Give the side bar the order of the links on the first page, which needs no directive."""
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _lead_in)


def _add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    if name != root_doc:
        return
    for heading, links in re.findall(r"^## (.*)\n((?:\n|- .*\n)+)", source[0], re.MULTILINE):
        # A link that begins its line names the page; others stand within a sentence.
        found = re.findall(r"(?:^- \[(.*?)\]|\])\(([\w./-]+)\.md\)", links, re.MULTILINE)
        pages = "\n".join(f"{title} <{page}>" if title else page for title, page in found)
        caption = heading.partition(",")[0]
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def _lead_in(app: Sphinx, error: Exception | None) -> None:
    """The site's first page is where its source is; whoever opens the site's folder gets there."""
    if error is None:
        lead = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        (Path(app.outdir) / "index.html").write_text(lead, encoding="utf-8")
