"""Sessions: a signed cookie that says who has logged in, and which forms are ours.

It says so for twelve hours from the login, and is not renewed by looking: whoever has copied it
has it no longer than that. Each request holds it against the database (`logged_in`), so that a
session ends at once when its user is removed or gets another password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, Request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from collector.config import Settings
from collector.storage import users
from collector.storage.database import Database

LIFETIME = timedelta(hours=12)

#: Keeps the key for this purpose apart from those that are derived from the same one.
_PURPOSE = b"session-collector dashboard session, version 1"

_NAME, _STAMP, _SINCE, _TOKEN = "name", "stamp", "since", "form_token"


class Sessions(SecureCookieSessionInterface):
    """Flask's own, signed by HMAC-SHA256, and never for what machines ask."""

    salt = "session-collector"
    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """None, which can carry nothing, where beacons and calls come in."""
        return None if request.path.startswith("/v1/") else super().open_session(app, request)


def install(app: Flask, settings: Settings) -> None:
    """Have the application sign sessions by keys that are derived from COLLECTOR_SECRET_KEY."""
    keys = [_derived(key) for key in settings.secret_key]
    is_https = settings.public_url.lower().startswith("https://")
    app.session_interface = Sessions()
    app.config.update(
        SECRET_KEY=keys[0] if keys else None,
        SECRET_KEY_FALLBACKS=keys[1:],
        # Browsers take this prefix only from the very host, over TLS, for all its paths.
        SESSION_COOKIE_NAME="__Host-collector" if is_https else "collector",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        # Strict would have whoever follows a link in a mail log in again.
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def are_signed(app: Flask) -> bool:
    """Whether there is a key to sign sessions by."""
    return app.config["SECRET_KEY"] is not None


def begin(name: str, stamp: str, now: datetime) -> None:
    """Begin a session; nothing of the one before, which somebody else may know, goes on."""
    session.clear()
    session.permanent = True
    session.update({_NAME: name, _STAMP: stamp, _SINCE: int(now.timestamp())})
    form_token()


def end() -> None:
    """End the session in this browser."""
    session.clear()


def logged_in(database: Database, now: datetime) -> str | None:
    """The name of the user whose session it is; None if nobody's, or no longer."""
    name, stamp, since = session.get(_NAME), session.get(_STAMP), session.get(_SINCE)
    if name is None or stamp is None or since is None:
        return None
    if now.timestamp() - since > LIFETIME.total_seconds():
        return None
    with database.read() as connection:
        stored = users.stamp_of(connection, name)
    return str(name) if stored is not None and hmac.compare_digest(stored, stamp) else None


def form_token() -> str:
    """What every form of this session carries, made when the first form is shown."""
    if _TOKEN not in session:
        session[_TOKEN] = secrets.token_urlsafe(32)
    return str(session[_TOKEN])


def is_form_token(given: str) -> bool:
    """Whether a form that carries this was shown in this session."""
    token = session.get(_TOKEN)
    return token is not None and hmac.compare_digest(str(token).encode(), given.encode())


def _derived(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
