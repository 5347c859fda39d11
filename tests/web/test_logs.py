"""What the logs show, in which form, and what they never show."""

from __future__ import annotations

import json
import logging
import re

import pytest
import structlog
from flask.testing import FlaskClient

from collector import logs
from collector.config import Settings
from collector.web import receiving
from tests.web.conftest import before_sql

pytestmark = pytest.mark.usefixtures("restored_logs")


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "values",
    [
        {"client_secret": "hush-hush"},
        {"access_token": "hush-hush"},
        {"Authorization": "Bearer hush-hush"},
        {"token": "hush-hush"},
        {"secret_key": "hush-hush"},
        {"body": {"client-secret": "hush-hush", "inner": {"token": "hush-hush"}}},
    ],
)
def test_values_that_are_secret_by_their_name_are_masked(
    capsys: pytest.CaptureFixture[str], form: str, values: dict[str, object]
) -> None:
    logs.configure(Settings(log_format=form))
    structlog.get_logger("collector.test").info("asked", **values)
    shown = capsys.readouterr().err
    assert "asked" in shown
    assert logs.MASKED in shown
    assert "hush-hush" not in shown


def test_extra_values_of_libraries_are_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("some.library").warning("asked", extra={"token": "hush-hush"})
    shown = capsys.readouterr().err
    assert json.loads(shown)["token"] == logs.MASKED
    assert "hush-hush" not in shown


def test_json_lines_hold_level_time_and_name_of_our_own_and_of_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(Settings(log_format="json"))
    structlog.get_logger("collector.test").warning("ours", number=1)
    logging.getLogger("alembic").warning("%s", "theirs")
    captured = capsys.readouterr()
    ours, theirs = (json.loads(line) for line in captured.err.splitlines())
    assert captured.out == ""
    assert (ours["event"], ours["level"], ours["number"]) == ("ours", "warning", 1)
    assert (theirs["event"], theirs["logger"]) == ("theirs", "alembic")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_the_level_is_that_of_the_settings(
    capsys: pytest.CaptureFixture[str], level: str, shown: int
) -> None:
    logs.configure(Settings(log_level=level))
    log = structlog.get_logger("collector.test")
    for each in (log.debug, log.info, log.warning, log.error):
        each("event")
    assert len(capsys.readouterr().err.splitlines()) == shown


@pytest.mark.parametrize("name", ["sqlalchemy.engine", "werkzeug", "urllib3"])
def test_libraries_that_would_tell_of_visitors_stay_quiet_at_every_level(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logs.configure(Settings(log_level="debug"))
    logging.getLogger(name).info("203.0.113.7 asked for a page")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_the_lines_but_no_values(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    logs.configure(Settings(log_format=form))
    try:
        _fail("-".join(["hush", "hush"]))
    except ValueError as error:
        structlog.get_logger("collector.test").error("failed", exc_info=error)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "_fail" in shown
    assert "hush-hush" not in shown


def _fail(value: str) -> None:
    raise ValueError(len(value))


def test_setting_up_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings())
    logs.configure(Settings(log_format="json"))
    structlog.get_logger("collector.test").info("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "once"


@before_sql
def test_lines_of_a_request_carry_its_id_and_nothing_of_what_was_sent(
    client: FlaskClient,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(Settings(log_format="json", log_level="debug"))
    number = "+33 1 99 00 43 21"

    def fail(*_arguments: object) -> None:
        raise ValueError(f"{number} is odd")

    monkeypatch.setattr(receiving, "reader", fail)
    given = "0123456789abcdef0123456789abcdef"
    for request_id in (given, number, given[1:]):
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": request_id}
        assert client.post("/v1/calls", json=[{"from": number}], headers=headers).status_code == 500
    structlog.get_logger("collector.test").info("afterwards")
    *errors, afterwards = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in errors] == ["internal_error"] * 3
    ids = [line["request_id"] for line in errors]
    assert ids[0] == given
    assert re.fullmatch("[0-9a-f]{16}", ids[1])
    assert len(set(ids)) == 3
    assert "request_id" not in afterwards
    for line in errors:
        assert line["exception"].endswith("ValueError: [number hidden] is odd")
        assert token not in json.dumps(line)
        assert number not in json.dumps(line)


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_value_begins_a_line_of_its_own_or_moves_the_cursor(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    evil = "x\n2026-03-01T12:00:00Z [info     ] logged_in user=root\x1b[2J\x9b\r"
    logs.configure(Settings(log_format=form))
    log = structlog.get_logger("collector.test")
    log.warning("asked", call=evil, error=evil, inner={"a": evil})
    logging.getLogger("library").warning("It said %s", evil)
    try:
        json.loads(evil)
    except ValueError as error:
        error.args = (evil,)
        log.exception("failed")
    shown = capsys.readouterr().err
    lines = shown.splitlines()
    assert all(line.isprintable() for line in lines)
    begun = [line for line in lines if line.startswith(("{", "2026-03-01", "20"))]
    assert len(begun) == 3
    assert not any(line.startswith("2026-03-01T12") for line in lines)
