"""The settings, read from the environment here and nowhere else.

Each setting is declared once, in :class:`Settings`; ``collector config``, the help text and the
README's table (held by a test) are made from that declaration.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from environs import FileAwareEnv

from collector.errors import SettingError

PREFIX = "COLLECTOR_"

#: Authentication, "POST https://api.contentsquare.com/v1/oauth/token".
DOCUMENTED_AUTH_URL = "https://api.contentsquare.com/v1/oauth/token"

REPORT_DATABASE_VARIABLE = "COLLECTOR_REPORT_DATABASE_URL"

CLIENT_SECRET_VARIABLE = "COLLECTOR_CLIENT_SECRET"  # noqa: S105 - a name, not a secret
WEBHOOK_SECRET_VARIABLE = "COLLECTOR_WEBHOOK_SECRET"  # noqa: S105 - a name, not a secret
USER_PASSWORD_VARIABLE = "COLLECTOR_USER_PASSWORD"  # noqa: S105 - a name, not a secret
READER_PASSWORD_VARIABLE = "COLLECTOR_READER_PASSWORD"  # noqa: S105 - a name, not a secret

#: Secrets that are arguments of a command rather than settings, with what they are for.
SECRET_ARGUMENTS = {
    CLIENT_SECRET_VARIABLE: (
        "the client secret for `collector installation add` and `edit`, and no other"
    ),
    WEBHOOK_SECRET_VARIABLE: "the secret for `collector webhook add`, and no other",
    USER_PASSWORD_VARIABLE: "the password for `collector user add` and `password`, and no other",
    READER_PASSWORD_VARIABLE: "the password for `collector db grant-reader --login`, and no other",
}

_WHOLE_NUMBERS = {
    "port": (0, 65535),
    "processes": (0, 256),
    "threads": (0, 1024),
    "refused_days": (1, 365),
    "sessions_days": (16, 36500),
    "calls_days": (38, 36500),
    "runs_days": (8, 36500),
    "counts_days": (38, 36500),
    "purge_seconds": (0, 3600),
    "connections": (1, 64),
    "connections_per_installation": (1, 64),
    "proxy_hops": (0, 10),
    "client_seconds": (1, 600),
}
_LIMITS = ("limit_client", "limit_project", "limit_unauthorised")
_WORDS = {
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("console", "json"),
}


def _setting(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says. Field ``x`` is the variable ``COLLECTOR_X``."""

    database_url: str = _setting(
        "sqlite:///collector.db",
        "where everything is stored: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
    )
    report_database_url: str = _setting(
        "",
        "a replica of that database, from which the overview, `collector export` and `collector "
        "simulate` read; not set: from the database itself",
    )
    secret_key: tuple[str, ...] = _setting(
        (),
        "encrypts stored secrets and signs logins; several, comma-separated: the first "
        "encrypts, all decrypt (make one: collector keys generate)",
    )
    auth_url: str = _setting(DOCUMENTED_AUTH_URL, "Contentsquare's token endpoint")
    integration: str = _setting("integration.toml", "path of the integration definition")
    calls_url: str = _setting(
        "", "the provider's own database of calls, in place of `url` in `[calls.sql]`"
    )
    host: str = _setting("127.0.0.1", "address that `collector serve` listens on")
    port: int = _setting(8000, "port that `collector serve` listens on")
    public_url: str = _setting(
        "",
        "address of the server as platforms and browsers know it, such as https://collector.example.com",
    )
    processes: int = _setting(0, "worker processes of `collector serve`; 0 chooses by database")
    threads: int = _setting(
        0,
        "threads of each process; 0 stands for 128; six times as many beacons may wait for "
        "the disk",
    )
    refused_days: int = _setting(
        30, "days that a refused call record is kept after it was last refused"
    )
    sessions_days: int = _setting(
        90, "days that sessions and their sightings are kept; those that calls point to stay"
    )
    calls_days: int = _setting(400, "days that calls, their keys and enrichments are kept")
    runs_days: int = _setting(90, "days that the lists of runs and batches are kept")
    counts_days: int = _setting(
        1100, "days that counts of beacons, and of what was removed, are kept"
    )
    purge_seconds: int = _setting(
        5,
        "seconds that a run of the job may take for each installation to remove what is older; "
        "0 leaves it to `collector purge`",
    )
    connections: int = _setting(
        8, "requests that `collector reconcile` has in flight at once, for all installations"
    )
    connections_per_installation: int = _setting(
        2, "of these, for one installation; halved for the rest of a run by an answer 429"
    )
    metrics_token: str = _setting(
        "", "who sends it as a bearer token may read `/metrics`; not set: only who asks from here"
    )
    metrics_folder: str = _setting(
        "",
        "a folder in which the processes of another WSGI server add up their metrics; "
        "`collector serve` needs none",
    )
    proxy_hops: int = _setting(
        0,
        "how many proxies stand in front, each of which appends its client's address to "
        "`X-Forwarded-For`; 0: that header is not believed",
    )
    limit_client: str = _setting(
        "3000/minute", "beacons that are taken of one client: N/second, /minute or /hour, or off"
    )
    limit_project: str = _setting("120000/minute", "the same for one project")
    limit_unauthorised: str = _setting(
        "300/minute",
        "how often one client may post calls with a wrong token or signature before it is not "
        "even looked at",
    )
    limit_exempt: tuple[str, ...] = _setting(
        (),
        "addresses or networks, comma-separated, of which nobody is limited as a client, such as "
        "a customer's server that posts for all its visitors",
    )
    limits_url: str = _setting(
        "memory://",
        "where limits are counted: memory://, or redis://HOST if several machines share them",
    )
    client_seconds: int = _setting(
        10,
        "seconds that a client may take to send the head of a request, and again its body; above "
        "64 KiB four times as many",
    )
    log_level: str = _setting("info", "debug, info, warning or error")
    log_format: str = _setting("console", "console or json")

    @property
    def refused_for(self) -> timedelta:
        """So long a refused call record is kept after it was last refused."""
        return timedelta(days=self.refused_days)

    def require_secret_key(self) -> tuple[str, ...]:
        """The encryption keys, newest first.

        Raises:
            SettingError: none is set.
        """
        if not self.secret_key:
            raise SettingError(
                "COLLECTOR_SECRET_KEY is not set: stored secrets cannot be encrypted or read. "
                'Make a key once and keep it: export COLLECTOR_SECRET_KEY="$(collector keys '
                'generate)"'
            )
        return self.secret_key

    def described(self) -> list[dict[str, str]]:
        """Every setting with its variable, value (secrets masked) and meaning."""
        described = [
            {
                "variable": PREFIX + item.name.upper(),
                "value": self._shown(item.name),
                "about": item.metadata["about"],
            }
            for item in fields(self)
        ]
        secrets = [
            {
                "variable": variable,
                "value": "hidden" if secret_argument(variable) else "not set",
                "about": about,
            }
            for variable, about in SECRET_ARGUMENTS.items()
        ]
        return [*described, *secrets]

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if name == "limit_exempt":
            return ", ".join(value) or "not set"
        if name in {"database_url", "report_database_url", "auth_url", "calls_url", "limits_url"}:
            return mask_url(value) or "not set"
        if name == "secret_key":
            return f"{len(value)} key(s), hidden" if value else "not set"
        if name == "metrics_token":
            return "hidden" if value else "not set"
        return "not set" if value == "" else str(value)


def mask_url(url: str) -> str:
    """The URL with its password hidden, fit for printing and logging.

    A password may hold any character, even those that end the host's part of a URL, so that
    everything up to the last ``@`` is hidden.
    """
    hidden = re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url)
    named = r"(?i)([?&][^=&]*(?:passw(?:or)?d|pwd|odbc_connect)=)[^&]*"
    return re.sub(named, r"\1***", hidden)


def load() -> Settings:
    """Read the settings. ``COLLECTOR_X_FILE`` may name a file that holds the value of X.

    Raises:
        SettingError: names the variable and a valid form.
    """
    env = FileAwareEnv(strip_whitespace=True)
    try:
        values = {
            item.name: _parsed(item.name, text)
            for item in fields(Settings)
            if (text := env.str(PREFIX + item.name.upper(), "").strip())
        }
    except ValueError as error:  # a file that X_FILE names and that cannot be read
        raise SettingError(str(error)) from error
    settings = Settings(**values)
    _check(settings)
    _check_counts_outlive(settings)
    return settings


def secret_argument(variable: str) -> str | None:
    """The secret of `SECRET_ARGUMENTS` that the environment carries, if it does.

    Raises:
        SettingError: the file that VARIABLE_FILE names cannot be read.
    """
    value: str | None
    try:
        value = FileAwareEnv(strip_whitespace=True).str(variable, None)
    except ValueError as error:
        raise SettingError(str(error)) from error
    return value or None


def _parsed(name: str, text: str) -> Any:
    """A variable's text as its setting's type; one that is empty counts as not set."""
    if name in {"secret_key", "limit_exempt"}:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name in _LIMITS:
        return re.sub(r"\s", "", text.lower())
    if name in _WHOLE_NUMBERS:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            low, high = _WHOLE_NUMBERS[name]
            raise SettingError(
                f"{PREFIX}{name.upper()} is {text!r}; it must be a whole number from {low} to "
                f"{high}."
            )
        return int(text)
    if name == "public_url":
        return text.rstrip("/")
    return text.lower() if name in _WORDS else text


def _check(settings: Settings) -> None:
    _check_database_urls(settings)
    for key in settings.secret_key:
        try:
            Fernet(key)
        except ValueError as error:
            raise SettingError(
                "COLLECTOR_SECRET_KEY holds a value that is not a key (32 bytes in URL-safe "
                "base64). Make one with: collector keys generate"
            ) from error
    if not _is_http_url(settings.auth_url):
        raise SettingError(
            f"COLLECTOR_AUTH_URL is {mask_url(settings.auth_url)!r}, which is not an http(s) URL. "
            f"Leave it unset for Contentsquare's own: {DOCUMENTED_AUTH_URL}"
        )
    if settings.public_url and not _is_plain_address(settings.public_url):
        raise SettingError(
            f"COLLECTOR_PUBLIC_URL is {mask_url(settings.public_url)!r}; it must be an address "
            "without user, query and fragment, such as https://collector.example.com"
        )
    _check_limits(settings)
    token = settings.metrics_token
    if token and not re.fullmatch(r"[\w.~+/=-]{16,}", token, re.ASCII):
        raise SettingError(
            "COLLECTOR_METRICS_TOKEN must have at least 16 characters, of letters, digits and "
            "-._~+/= only. Make one with: openssl rand -hex 32"
        )
    for name, (low, high) in _WHOLE_NUMBERS.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingError(
                f"{PREFIX}{name.upper()} is {value}; it must lie between {low} and {high}."
            )
    for name, allowed in _WORDS.items():
        value = getattr(settings, name)
        if value not in allowed:
            raise SettingError(
                f"{PREFIX}{name.upper()} is {value!r}; it must be one of {', '.join(allowed)}."
            )


def _check_limits(settings: Settings) -> None:
    for name in _LIMITS:
        value = getattr(settings, name)
        if not re.fullmatch(r"off|[1-9][0-9]{0,9}/(second|minute|hour)", value, re.ASCII):
            raise SettingError(
                f"{PREFIX}{name.upper()} is {value!r}; it must be a number for each second, minute "
                "or hour, such as 3000/minute, or off."
            )
    for text in settings.limit_exempt:
        try:
            ip_network(text, strict=False)
        except ValueError as error:
            raise SettingError(
                f"COLLECTOR_LIMIT_EXEMPT holds {text!r}, which is no address or network, such as "
                "192.0.2.10 or 2001:db8::/32."
            ) from error
    url = settings.limits_url
    if url == "memory://":
        return
    if not url.startswith(("redis://", "rediss://")):
        raise SettingError(
            "COLLECTOR_LIMITS_URL must be memory:// or redis://HOST:PORT/NUMBER (rediss:// with "
            "TLS), and is neither."  # what it is may be a secret
        )
    if not settings.secret_key:
        raise SettingError(
            "COLLECTOR_LIMITS_URL names a Redis, and COLLECTOR_SECRET_KEY is not set: without it "
            "no two machines count a client alike. Set the same key on all of them."
        )


def _check_counts_outlive(settings: Settings) -> None:
    for name in ("sessions_days", "calls_days"):
        if settings.counts_days < getattr(settings, name):
            raise SettingError(
                f"COLLECTOR_COUNTS_DAYS is {settings.counts_days}; counts have to outlive what "
                f"they count. Set it to {getattr(settings, name)} or more, as "
                f"{PREFIX}{name.upper()} is."
            )


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def _is_plain_address(url: str) -> bool:
    return _is_http_url(url) and url.isascii() and not set(url) & set("@?# ")


def _check_database_urls(settings: Settings) -> None:
    for variable, url in (
        ("COLLECTOR_DATABASE_URL", settings.database_url),
        (REPORT_DATABASE_VARIABLE, settings.report_database_url),
    ):
        scheme = url.partition("://")[0].partition("+")[0]
        if url and ("://" not in url or scheme not in {"sqlite", "postgresql", "postgres"}):
            raise SettingError(
                f"{variable} must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, and "
                "is neither."  # what it is may be a secret
            )


def unknown_variables() -> list[str]:
    """The names in the environment that look like a setting's, and are none."""
    known = {PREFIX + item.name.upper() for item in fields(Settings)} | set(SECRET_ARGUMENTS)
    known |= {f"{name}_FILE" for name in known}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def environment_with(**changes: str) -> dict[str, str]:
    """This process's environment for a child, its settings replaced by ``changes`` alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name.upper(): value for name, value in changes.items()}


def count_in(folder: Path) -> None:
    """Say to prometheus-client where processes count together; it asks the environment alone."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def log_level_number(settings: Settings) -> int:
    """The log level as the standard library's number."""
    return logging.getLevelNamesMapping()[settings.log_level.upper()]
