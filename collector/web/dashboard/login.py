"""``/login`` and ``/logout``: who a user is, told by name and password.

An unknown name and a wrong password are answered the same, after the same work. The logs tell
which user somebody tried to be, if there is such a user: what else is typed as a name may be a
password. They tell the client's address to whoever debugs; to lock addresses out is for the
proxy, which knows them, and sees each failed login as a 401.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from collector.domain.users import is_name, normal
from collector.storage import passwords, users
from collector.web import answers, limiting, state
from collector.web.dashboard import cookie, guard, throttle
from collector.web.dashboard.throttle import Refused

blueprint = Blueprint("login", __name__)
guard.open_to_all(blueprint)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Trouble:
    """Why nobody was let in."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


_WRONG = _Trouble(
    status=401,
    code="login_failed",
    message="There is no user with this name and this password.",
)
_OUTDATED = _Trouble(
    status=403,
    code="form_outdated",
    message="This form was too old. Try again. If it stays so, the browser keeps no cookies for "
    "this address, or it is not the one that COLLECTOR_PUBLIC_URL names.",
)
_BUSY = _Trouble(
    status=503,
    code="too_busy",
    message="Several people are logging in at this very moment. Try again in a second.",
    retry_after=1,
)


@blueprint.get("/login")
def form() -> AnyResponse:
    """The form, for whoever has not logged in yet."""
    target = guard.path_of_ours(request.args.get("next"))
    return _page(target) if guard.user() is None else redirect(target, 303)


@blueprint.post("/login")
def log_in() -> AnyResponse:
    """Let a user in, and go where its user wanted to."""
    guard.require_own_site()
    target = guard.path_of_ours(request.form.get("next"))
    name = normal(request.form.get("name", "").strip())
    trouble = _trouble(name, request.form.get("password", ""))
    return redirect(target, 303) if trouble is None else _page(target, name, trouble)


@blueprint.post("/logout")
def log_out() -> AnyResponse:
    """End the login in this browser."""
    name = guard.user()
    if name is not None:
        guard.require_own_form()
        cookie.end()
        _log.info("logged_out", user=name)
    return redirect(url_for("login.form"), 303)


def _trouble(name: str, password: str) -> _Trouble | None:
    if not cookie.is_form_token(request.form.get(guard.TOKEN_FIELD, "")):
        return _OUTDATED
    counted = throttle.current()
    clients = state.current().limits.clients
    refused = counted.refused(name, clients.network(*limiting.asking()))
    if refused is not None:
        _log.warning("login_throttled", by=refused.by)
        return _too_many(refused)
    with counted.turn() as has_turn:
        if not has_turn:
            return _BUSY
        if not _let_in(name, password, datetime.now(UTC)):
            _log.debug("login_failed_from", address=clients.address(*limiting.asking()))
            return _WRONG
    counted.forget(name)
    _log.info("logged_in", user=name)
    return None


def _let_in(name: str, password: str, now: datetime) -> bool:
    """Begin a login if the password is the user's, without a transaction while it is hashed."""
    database = state.current().database
    found = None
    if is_name(name):  # a database may not even take what is none
        with database.read() as connection:
            found = users.find_credentials(connection, name)
    fits = passwords.fits(password, None if found is None else found.password_hash)
    if found is None or not fits:
        _log.warning("login_failed", user=None if found is None else name)
        return False
    with database.write() as connection:
        if not users.note_login(connection, name, found.stamp, now):
            return False  # meanwhile the user was removed, or given another password
    cookie.begin(name, found.stamp, now)
    return True


def _too_many(refused: Refused) -> _Trouble:
    at = datetime.now(UTC) + timedelta(seconds=refused.seconds)
    minutes = ceil(refused.seconds / 60)
    return _Trouble(
        status=429,
        code="too_many_logins",
        message=f"Too many logins were tried. Try again in {minutes} "
        f"minute{'s' if minutes > 1 else ''}, from {at:%H:%M:%S} UTC on.",
        retry_after=refused.seconds,
    )


def _page(target: str, name: str = "", trouble: _Trouble | None = None) -> Response:
    with state.current().database.read() as connection:
        has_users = users.has_any(connection)
    response = make_response(
        render_template(
            "dashboard/login.html",
            has_users=has_users,
            name=name if is_name(name) else "",
            target=target,
            trouble=None if trouble is None else trouble.message,
        )
    )
    if trouble is not None:
        response.status_code = trouble.status
        response.headers[answers.CODE_HEADER] = trouble.code
        if trouble.status == 401:
            response.headers["WWW-Authenticate"] = guard.CHALLENGE
        if trouble.retry_after is not None:
            response.headers["Retry-After"] = str(trouble.retry_after)
    return response
