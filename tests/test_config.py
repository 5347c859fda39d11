"""The settings: read from the environment, named when malformed, never giving a secret away."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from collector import config
from collector.errors import SettingError
from collector.storage.database import Database
from collector.storage.secrets import generate_key

SECRET = "s3cret-of-the-database"
KEY = "A" * 43 + "="  # 32 bytes, all zero


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("COLLECTOR_"):
            monkeypatch.delenv(name)


def test_without_any_variable_the_defaults_hold() -> None:
    assert config.load() == config.Settings(
        database_url="sqlite:///collector.db",
        secret_key=(),
        auth_url="https://api.contentsquare.com/v1/oauth/token",
        integration="integration.toml",
        calls_url="",
        report_database_url="",
        host="127.0.0.1",
        port=8000,
        public_url="",
        processes=0,
        threads=0,
        refused_days=30,
        sessions_days=90,
        calls_days=400,
        runs_days=90,
        counts_days=1100,
        purge_seconds=5,
        connections=8,
        connections_per_installation=2,
        metrics_token="",
        metrics_folder="",
        proxy_hops=0,
        limit_client="3000/minute",
        limit_project="120000/minute",
        limit_unauthorised="300/minute",
        limit_exempt=(),
        limits_url="memory://",
        client_seconds=10,
        log_level="info",
        log_format="console",
    )


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate_key()
    values: dict[str, tuple[str, object]] = {
        "DATABASE_URL": (" postgresql://u:p@db.example/collector ", None),
        "SECRET_KEY": (key, (key,)),
        "AUTH_URL": ("http://127.0.0.1:9000/v1/oauth/token", None),
        "INTEGRATION": ("/etc/collector/phone.toml", None),
        "CALLS_URL": ("mysql://u:p@db.example/calls", None),
        "REPORT_DATABASE_URL": ("postgresql://u:p@replica.example/collector", None),
        "HOST": ("0.0.0.0", None),  # noqa: S104
        "PORT": (" 8443 ", 8443),
        "PUBLIC_URL": ("https://collector.example.com/", "https://collector.example.com"),
        "PROCESSES": ("4", 4),
        "THREADS": ("16", 16),
        "REFUSED_DAYS": ("90", 90),
        "SESSIONS_DAYS": ("60", 60),
        "CALLS_DAYS": ("90", 90),
        "RUNS_DAYS": ("30", 30),
        "COUNTS_DAYS": ("800", 800),
        "PURGE_SECONDS": ("0", 0),
        "CONNECTIONS": ("16", 16),
        "CONNECTIONS_PER_INSTALLATION": ("4", 4),
        "METRICS_TOKEN": ("0123456789abcdef", None),
        "METRICS_FOLDER": ("/run/collector", None),
        "PROXY_HOPS": ("2", 2),
        "LIMIT_CLIENT": (" 50 / Second", "50/second"),
        "LIMIT_PROJECT": ("OFF", "off"),
        "LIMIT_UNAUTHORISED": ("9/hour", None),
        "LIMIT_EXEMPT": ("192.0.2.10, 2001:db8::/32", ("192.0.2.10", "2001:db8::/32")),
        "LIMITS_URL": ("rediss://u:p@redis.example:6379/1", None),
        "CLIENT_SECONDS": ("20", 20),
        "LOG_LEVEL": ("WARNING", "warning"),
        "LOG_FORMAT": ("JSON", "json"),
    }
    for name, (text, _) in values.items():
        monkeypatch.setenv(f"COLLECTOR_{name}", text)
    settings = config.load()
    for name, (text, value) in values.items():
        expected = text.strip() if value is None else value
        assert getattr(settings, name.lower()) == expected, name
    assert config.log_level_number(settings) == logging.WARNING
    assert {item["variable"] for item in settings.described()} == {
        f"COLLECTOR_{name}"
        for name in [*values, "CLIENT_SECRET", "WEBHOOK_SECRET", "USER_PASSWORD", "READER_PASSWORD"]
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "collector.db", "sqlite:///FILE"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@db.example/x", "postgresql://USER:PASSWORD@HOST"),
        ("DATABASE_URL", f"mongodb://:{SECRET}@db.example/x", "postgresql://USER:PASSWORD@HOST"),
        ("SECRET_KEY", SECRET, "collector keys generate"),
        ("SECRET_KEY", f"{SECRET}é", "collector keys generate"),
        ("SECRET_KEY", f"{KEY},{SECRET}", "collector keys generate"),
        ("SECRET_KEY", KEY[:-2], "collector keys generate"),
        ("AUTH_URL", "api.contentsquare.com", "not an http(s) URL"),
        ("AUTH_URL", "ftp://api.contentsquare.com/v1", "not an http(s) URL"),
        ("AUTH_URL", "https:///v1/oauth/token", "not an http(s) URL"),
        ("PROXY_HOPS", "11", "between 0 and 10"),
        ("CLIENT_SECONDS", "0", "between 1 and 600"),
        ("LIMIT_CLIENT", "600", "such as 3000/minute, or off"),
        ("LIMIT_PROJECT", "0/minute", "such as 3000/minute, or off"),
        ("LIMIT_UNAUTHORISED", "9/fortnight", "such as 3000/minute, or off"),
        ("LIMIT_EXEMPT", "192.0.2.10,shop.example", "'shop.example', which is no address"),
        ("LIMITS_URL", f"mongodb://:{SECRET}@redis.example", "memory:// or redis://HOST"),
        ("LIMITS_URL", f"redis://:{SECRET}@redis.example", "COLLECTOR_SECRET_KEY is not set"),
        ("METRICS_TOKEN", SECRET[:15], "openssl rand -hex 32"),
        ("METRICS_TOKEN", f"{SECRET} and more", "openssl rand -hex 32"),
        ("PORT", "http", "whole number"),
        ("PORT", "80.5", "whole number"),
        ("PORT", "-1", "between 0 and 65535"),
        ("PORT", "65536", "between 0 and 65535"),
        ("PUBLIC_URL", "collector.example.com", "https://collector.example.com"),
        ("PUBLIC_URL", "https://collector.example.com/?a=b", "without user, query"),
        ("PUBLIC_URL", f"https://u:{SECRET}@collector.example.com", "without user, query"),
        ("PROCESSES", "-1", "between 0 and 256"),
        ("PROCESSES", "257", "between 0 and 256"),
        ("PROCESSES", "many", "whole number"),
        ("THREADS", "-1", "between 0 and 1024"),
        ("THREADS", "1025", "between 0 and 1024"),
        ("THREADS", "1e3", "whole number"),
        ("LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("LOG_FORMAT", "xml", "console, json"),
    ],
)
def test_a_malformed_variable_is_named_with_a_valid_form_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"COLLECTOR_{name}", value)
    with pytest.raises(SettingError) as error:
        config.load()
    message = str(error.value)
    assert f"COLLECTOR_{name}" in message
    assert said in message
    assert SECRET not in message
    assert "\n" not in message
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65535"),
        ("PROCESSES", "256"),
        ("THREADS", "1024"),
        ("LOG_LEVEL", "debug"),
        ("DATABASE_URL", "sqlite:////var/lib/collector.db"),
        ("DATABASE_URL", "postgres://u:p@db.example/x"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@db.example/x"),
    ],
)
def test_values_at_the_edge_are_read(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"COLLECTOR_{name}", value)
    assert str(getattr(config.load(), name.lower())) == value


def test_several_keys_are_kept_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = generate_key(), generate_key()
    monkeypatch.setenv("COLLECTOR_SECRET_KEY", f" {new} , {old},")
    settings = config.load()
    assert settings.require_secret_key() == (new, old)
    (shown,) = [
        item["value"] for item in settings.described() if item["variable"].endswith("SECRET_KEY")
    ]
    assert shown == "2 key(s), hidden"


@pytest.mark.parametrize("value", [None, "", " , "])
def test_a_key_that_is_needed_and_not_set_is_told_with_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("COLLECTOR_SECRET_KEY", value)
    settings = config.load()
    with pytest.raises(SettingError, match=r"COLLECTOR_SECRET_KEY is not set.*keys generate"):
        settings.require_secret_key()
    assert "not set" in [item["value"] for item in settings.described()]


def test_a_value_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = generate_key()
    for name, value in {"SECRET_KEY": key, "DATABASE_URL": "sqlite:///x.db"}.items():
        path = tmp_path / name
        path.write_text(f"{value}\n")
        monkeypatch.setenv(f"COLLECTOR_{name}_FILE", str(path))
    settings = config.load()
    assert settings.secret_key == (key,)
    assert settings.database_url == "sqlite:///x.db"


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "PORT"])
@pytest.mark.parametrize("target", ["missing", "."])
def test_a_file_that_cannot_be_read_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, target: str
) -> None:
    monkeypatch.setenv(f"COLLECTOR_{name}_FILE", str(tmp_path / target))
    with pytest.raises(SettingError, match=f"COLLECTOR_{name}_FILE"):
        config.load()


def test_a_malformed_value_from_a_file_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET)
    monkeypatch.setenv("COLLECTOR_SECRET_KEY_FILE", str(path))
    with pytest.raises(SettingError, match="COLLECTOR_SECRET_KEY") as error:
        config.load()
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///collector.db", "sqlite:///collector.db"),
        ("postgresql://u@db.example/x", "postgresql://u@db.example/x"),
        (f"postgresql://u:{SECRET}@db.example/x", "postgresql://u:***@db.example/x"),
        (f"postgresql://:{SECRET}@db.example/x", "postgresql://:***@db.example/x"),
        (f"postgresql://u:a@{SECRET}@db.example/x", "postgresql://u:***@db.example/x"),
        (f"postgresql://u:%2F{SECRET}@db.example/x", "postgresql://u:***@db.example/x"),
        (
            f"postgresql://u:{SECRET}@[::1]:5433/x?sslmode=require",
            "postgresql://u:***@[::1]:5433/x?sslmode=require",
        ),
    ],
)
def test_a_url_is_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    assert config.mask_url(url) == shown
    monkeypatch.setenv("COLLECTOR_DATABASE_URL", url)
    settings = config.load()
    assert settings.database_url == url
    described = {item["variable"]: item["value"] for item in settings.described()}
    assert described["COLLECTOR_DATABASE_URL"] == shown
    assert SECRET not in str(described)


def test_a_client_secret_comes_from_its_variable_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config.secret_argument(config.CLIENT_SECRET_VARIABLE) is None
    path = tmp_path / "secret"
    path.write_text("from the file\n")
    monkeypatch.setenv("COLLECTOR_CLIENT_SECRET_FILE", str(path))
    assert config.secret_argument(config.CLIENT_SECRET_VARIABLE) == "from the file"
    monkeypatch.delenv("COLLECTOR_CLIENT_SECRET_FILE")
    monkeypatch.setenv("COLLECTOR_CLIENT_SECRET", "from the variable")
    assert config.secret_argument(config.CLIENT_SECRET_VARIABLE) == "from the variable"
    monkeypatch.setenv("COLLECTOR_CLIENT_SECRET", "")
    assert config.secret_argument(config.CLIENT_SECRET_VARIABLE) is None


def test_each_setting_says_what_it_is_for() -> None:
    for item in config.Settings().described():
        assert item["variable"].startswith("COLLECTOR_")
        assert len(item["about"]) > 10, item["variable"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3/cret@h/x",
        "postgresql://u:s3#cret@h/x",
        "postgresql://u:s3?cret@h/x",
        "postgresql://u:s3@cret@h/x",
        "postgresql://h/x?user=u&password=cret",
        "postgresql://h/x?Password=cret&sslmode=require",
        "postgresql://h/x?sslpassword=cret",
        "mysql://u@h/x?charset=utf8&passwd=cret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dcret",
    ],
)
def test_a_password_of_any_form_is_masked(url: str) -> None:
    assert "cret" not in config.mask_url(url)
    assert "***" in config.mask_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/u:cret@h/x",
        "u:cret@h/x",
        "mysql://u:cret@[::1/x",
        "postgresql://u:cret@[::1/x",
        "postgresql://u:cret@h:port/x",
    ],
)
def test_a_malformed_database_url_gives_no_password_away(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_DATABASE_URL", url)
    with pytest.raises(SettingError, match="COLLECTOR_DATABASE_URL") as error:
        Database(config.load().database_url)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize("url", ["https://[::1/v1", "https://api.example.com:abc/v1"])
def test_a_malformed_token_endpoint_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_AUTH_URL", url)
    with pytest.raises(SettingError, match="COLLECTOR_AUTH_URL"):
        config.load()


def test_credentials_in_the_token_endpoint_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_AUTH_URL", "https://u:cret@api.example.com/v1")
    assert "cret" not in str(config.load().described()).replace("secret", "")


def test_a_client_secret_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLLECTOR_CLIENT_SECRET_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingError, match="COLLECTOR_CLIENT_SECRET_FILE"):
        config.secret_argument(config.CLIENT_SECRET_VARIABLE)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "SECRET_KEY", "INTEGRATION", "HOST", "PORT", "LOG_LEVEL"):
        monkeypatch.setenv(f"COLLECTOR_{name}", " ")
    assert config.load() == config.Settings()
