"""A customer's instance of the integration, as the rest of the product sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

#: The longest that an origin can be: its scheme, a host name of 253 characters, a port.
MAX_ORIGIN = 270

_HOST = re.compile(r"[a-z0-9._:-]+")

#: What browsers send for pages that have no http(s) origin: files, frames, extensions, apps.
_OTHER_ORIGIN = re.compile(r"null|(?!https?:)[a-z][a-z0-9+.-]{0,30}://[a-z0-9._-]{0,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """Everything about an installation but its client secret, which only delivery asks for.

    ``problem`` is what the last run could not do for it, in one sentence. ``region`` is the
    country of phone numbers in national form. ``honour_gpc`` says that a visitor who sends
    Global Privacy Control is not collected. ``proven_version`` is the integration version under
    which something was accepted last; ``refused_in_row`` is how many enrichments were refused
    alone since. ``forgettings`` is how often somebody was forgotten.
    ``signing_secrets`` are what keys of its pages may be signed with, the newest
    first, encrypted; keys of the ``signed_kinds`` are taken only if they are signed.
    """

    project_id: int
    integration_id: int
    name: str
    client_id: str
    integration_version: int
    origins: tuple[str, ...]
    region: str | None = None
    paused: bool = False
    honour_gpc: bool = True
    problem: str | None = None
    proven_version: int | None = None
    refused_in_row: int = 0
    forgettings: int = 0
    signing_secrets: tuple[str, ...] = ()
    signed_kinds: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether the API has accepted anything under the present integration version."""
        return self.proven_version == self.integration_version


def normalise_origin(text: str) -> str:
    """An origin as browsers send it: scheme, host in lower case, port unless it is the default.

    Raises:
        ValueError: it is no http(s) origin.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        # Browsers send the ASCII form of international names.
        name = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise ValueError(f"{text!r} is not an origin: {error}") from None
    if parts.scheme not in {"http", "https"} or not name:
        raise ValueError(f"{text!r} is not an origin such as https://shop.example")
    if "*" in name:
        raise ValueError(f"{text!r}: wildcards are not known; name each origin by itself")
    if not _HOST.fullmatch(name):
        raise ValueError(f"{text!r} is not an origin such as https://shop.example")
    host = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{text!r} is more than an origin: write {origin}")
    return origin


def origin_name(text: str | None) -> str:
    """The ``Origin`` of a request as it may be named in statistics.

    "" for none, and for what no browser sends, since anybody can write anything there.
    """
    if text is None or len(text) > MAX_ORIGIN:
        return ""
    try:
        origin = normalise_origin(text)
    except ValueError:
        return text if _OTHER_ORIGIN.fullmatch(text) else ""
    return origin if len(origin) <= MAX_ORIGIN else ""


def is_web_origin(origin: str) -> bool:
    """Whether an installation could allow ``origin``, which is in its normal form."""
    return origin.startswith(("https://", "http://"))


def is_akin(origin: str, others: Iterable[str]) -> bool:
    """Whether ``origin`` may well belong to whoever has ``others``; all in their normal form.

    Its host is one of theirs, or the one lies below the other; a "www." of theirs does not count.
    """
    host = f".{urlsplit(origin).hostname or ''}"
    their_hosts = [f".{(urlsplit(each).hostname or '').removeprefix('www.')}" for each in others]
    return len(host) > 1 and any(
        host.endswith(theirs) or theirs.endswith(host) for theirs in their_hosts
    )
