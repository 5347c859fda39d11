"""The tag that a customer puts into its pages, as ``collector snippet`` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import request

from collector import snippet
from collector.domain.installation import normalise_origin
from collector.snippet import forms
from collector.storage.reports.installations import Installed
from collector.web import state

#: How the server's address is known: by COLLECTOR_PUBLIC_URL, by the request for the page, or not.
Source = Literal["setting", "request", "example"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """``html`` loads the snippet from ``origin``, which is known from ``source``.

    ``is_blocked`` says that pages of https load nothing from there. ``command`` prints other forms.
    """

    html: str
    origin: str
    source: Source
    is_blocked: bool
    command: str


def of(installed: Installed) -> Tag:
    """The tag of an installation, with the server's address as well as it is known."""
    source, origin = _address()
    attributes = {} if installed.honour_gpc else {"data-gpc": "ignore"}
    built = forms.build(origin, snippet.current(), attributes, "")
    return Tag(
        html=built[forms.TAG],
        origin=origin,
        source=source,
        is_blocked=forms.is_blocked(origin),
        command=f"collector snippet --project-id {installed.project_id} --url {origin} "
        "--key visitor_id=cookie:NAME",
    )


def _address() -> tuple[Source, str]:
    public_url, asked = _origin(state.current().public_url), _origin(request.host_url)
    if public_url is not None:
        return "setting", public_url
    return ("request", asked) if asked is not None else ("example", forms.EXAMPLE_URL)


def _origin(address: str) -> str | None:
    try:
        return normalise_origin(address)
    except ValueError:
        return None
