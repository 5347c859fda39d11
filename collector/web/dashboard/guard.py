"""Puts a blueprint behind the login: who asks has logged in, and what is posted came from a form.

What is refused is refused as everywhere (`collector.web.answers`); browsers see a page of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from flask import Blueprint, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from collector.errors import RequestRefusedError
from collector.web import state
from collector.web.dashboard import cookie, pages, security

#: The field of every form that carries `cookie.form_token`.
TOKEN_FIELD = "form_token"  # noqa: S105 - a name, not a secret

#: An answer 401 has to name a way to log in; browsers leave one that they do not know to the page.
CHALLENGE = 'Cookie realm="collector"'

#: A form has no more than a few fields.
MAX_BODY_BYTES = 16 * 1024

NO_KEY = (
    "COLLECTOR_SECRET_KEY is not set for this server, so that nobody can log in: logins are signed "
    "by it. Make a key once with `collector keys generate`, keep it, and start the server again "
    "with it."
)

#: What a browser says of who began a request: this site, or a person (by loading it again).
_OWN_SITES = frozenset({"same-origin", "none"})

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: Printable ASCII without blank and backslash, which some browsers take for a slash.
_OURS = re.compile(r"/(?!/)[!-\[\]-~]{0,1999}")

_log = structlog.get_logger(__name__)


def protect(blueprint: Blueprint) -> None:
    """Let only those see the blueprint's pages who have logged in."""
    open_to_all(blueprint)
    blueprint.before_request(_require_user)
    blueprint.before_request(require_own_form)


def open_to_all(blueprint: Blueprint) -> None:
    """Give the blueprint what all pages have, without asking who looks."""
    blueprint.before_request(_require_key)
    blueprint.after_request(security.of_pages)
    blueprint.after_request(pages.of_refusal)  # which runs before the one above
    blueprint.context_processor(_in_templates)


def user() -> str | None:
    """The name of who has logged in, if somebody has."""
    if "user" not in g:
        g.user = cookie.logged_in(state.current().database, datetime.now(UTC))
    found: str | None = g.user
    return found


def path_of_ours(text: str | None) -> str:
    """Where to go after the login: a path of this server, or the dashboard's first page."""
    return text if text is not None and _OURS.fullmatch(text) else "/"


def require_own_form() -> None:
    """Refuse what no form of ours has posted.

    Raises:
        RequestRefusedError: 403 ``cross_site`` or ``form_outdated``.
    """
    if request.method in _SAFE:
        return
    require_own_site()
    if not cookie.is_form_token(request.form.get(TOKEN_FIELD, "")):
        raise RequestRefusedError(
            403,
            "form_outdated",
            "This form was shown before you logged in, or too long ago. Nothing was done. Go "
            "back, load the page again, and try again.",
        )


def require_own_site() -> None:
    """Refuse what the browser says comes from a page of somebody else's.

    Raises:
        RequestRefusedError: 403 ``cross_site``.
    """
    request.max_content_length = MAX_BODY_BYTES
    site = request.headers.get("Sec-Fetch-Site")
    is_own = _is_own(request.headers.get("Origin")) if site is None else site in _OWN_SITES
    if not is_own:
        _log.warning("cross_site_refused", endpoint=request.endpoint)
        raise RequestRefusedError(
            403,
            "cross_site",
            "This came from a page of another site. Nothing was done. If it did not, the server "
            "does not know its own address: set COLLECTOR_PUBLIC_URL, or have the proxy pass on "
            "the header Host.",
        )


def _is_own(origin: str | None) -> bool:
    if origin is None:
        return True
    public = urlsplit(state.current().public_url)
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    # Behind a proxy the scheme of this request is not the page's.
    return origin in {f"{scheme}://{request.host}" for scheme in ("http", "https")}


def _require_key() -> None:
    if not cookie.is_signed(current_app):
        _log.error("secret_key_missing", endpoint=request.endpoint)
        raise RequestRefusedError(503, "secret_key_missing", NO_KEY)


def _require_user() -> Response | None:
    if user() is not None:
        return None
    if not pages.is_for_people():
        raise RequestRefusedError(
            401,
            "not_logged_in",
            "Nobody has logged in, or no longer. Log in at /login.",
            {"WWW-Authenticate": CHALLENGE},
        )
    # What was to be posted is lost, and its address may have no page to go back to.
    here = _address() if request.method in _SAFE else "/"
    return redirect(url_for("login.form", next=None if here == "/" else here), 303)


def _address() -> str:
    """Of what is asked for, quoted anew: an id may have what else ends a path."""
    query = request.query_string.decode("latin-1")
    return quote(request.path) + (f"?{query}" if query else "")


def _in_templates() -> dict[str, Any]:
    # Of the user what is known by now: a page that says that the database is away asks it nothing.
    return {
        "user": g.get("user"),
        "form_token": cookie.form_token,
        "token_field": TOKEN_FIELD,
    }
