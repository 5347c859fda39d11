"""The signed cookie that says who has logged in, and which forms are ours.

It says so for twelve hours from the login, and is not renewed by looking: whoever has copied it
has it no longer than that. Each request holds it against the database (`logged_in`), so that a
login ends at once when its user is removed or gets another password. Flask calls such a cookie a
session, which is a visit everywhere else here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, Request
from flask import session as held
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from collector.config import Settings
from collector.storage import users
from collector.storage.database import Database

LIFETIME = timedelta(hours=12)

#: Keeps the key for this purpose apart from those that are derived from the same one.
_PURPOSE = b"session-collector dashboard login, version 1"

_NAME, _STAMP, _SINCE, _TOKEN = "name", "stamp", "since", "form_token"


class SignedCookie(SecureCookieSessionInterface):
    """Flask's own, signed by HMAC-SHA256, and never for what machines ask."""

    salt = "session-collector"
    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """None, which can carry nothing, where beacons and calls come in."""
        return None if request.path.startswith("/v1/") else super().open_session(app, request)


def install(app: Flask, settings: Settings) -> None:
    """Have the application sign its cookie by keys that are derived from COLLECTOR_SECRET_KEY."""
    keys = [_derived(key) for key in settings.secret_key]
    is_https = settings.public_url.lower().startswith("https://")
    app.session_interface = SignedCookie()
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


def is_signed(app: Flask) -> bool:
    """Whether there is a key to sign the cookie by."""
    return app.config["SECRET_KEY"] is not None


def begin(name: str, stamp: str, now: datetime) -> None:
    """Begin a login; nothing that the cookie held before, which others may know, goes on."""
    held.clear()
    held.permanent = True
    held.update({_NAME: name, _STAMP: stamp, _SINCE: int(now.timestamp())})
    form_token()


def end() -> None:
    """End the login in this browser."""
    held.clear()


def logged_in(database: Database, now: datetime) -> str | None:
    """The name of the user whose login it is; None if nobody's, or no longer."""
    name, stamp, since = held.get(_NAME), held.get(_STAMP), held.get(_SINCE)
    if name is None or stamp is None or since is None:
        return None
    if now.timestamp() - since > LIFETIME.total_seconds():
        return None
    with database.read() as connection:
        stored = users.stamp_of(connection, name)
    return str(name) if stored is not None and hmac.compare_digest(stored, stamp) else None


def form_token() -> str:
    """What every form of this browser carries, made anew with each login."""
    if _TOKEN not in held:
        held[_TOKEN] = secrets.token_urlsafe(32)
    return str(held[_TOKEN])


def is_form_token(given: str) -> bool:
    """Whether a form that carries this was shown to this browser, under this login."""
    token = held.get(_TOKEN)
    return token is not None and hmac.compare_digest(str(token).encode(), given.encode())


def _derived(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
