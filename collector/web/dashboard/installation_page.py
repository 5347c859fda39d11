"""``GET /installations/…``: how one installation does; while no beacon came, how it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, jsonify, render_template
from flask.typing import ResponseReturnValue

from collector.domain.next_steps import LONG
from collector.domain.verdicts import Verdict
from collector.errors import NotFoundError
from collector.insight import flooding
from collector.insight import wording as told_as
from collector.insight.hearing import MAX_KINDS, hear
from collector.storage.database import Connection
from collector.storage.reports import installations, keys, sessions
from collector.storage.reports.asking import Period
from collector.storage.reports.installations import Installed
from collector.web import state
from collector.web.dashboard import beginning, presenting, tagging

blueprint = presenting.blueprint("installation_page")

#: What expires within this time is told.
SOON = timedelta(hours=24)


@blueprint.get("/installations/<int:project_id>")
def show(project_id: int) -> ResponseReturnValue:
    """The page. It asks nobody but the database."""
    now = datetime.now(UTC)
    with presenting.reading() as connection:
        installed = presenting.installation(connection, project_id)
    try:
        heard = hear(state.current().database, project_id, now)
    except NotFoundError as error:
        raise presenting.MissingError("unknown_project", str(error)) from None
    with presenting.reading() as connection:
        told = _told(connection, installed, now)
        begun = beginning.read(connection, installed, now)
        shares = heard.keys and keys.of_day(connection, project_id, heard.keys.day)
    if shares is not None:
        day = Period(projects=(project_id,), first=shares.day, last=shares.day).values()
        told["queries"]["keys"] = [
            keys.KEYS.shown(day),
            keys.WITHOUT_KEY.shown(day),
        ]
    return render_template(
        "dashboard/installation.html",
        installed=installed,
        begun=begun,
        heard=heard,
        findings=[(one, told_as.how_often(one, now)) for one in heard.findings],
        floods=[
            (flooding.told(one), flooding.remedy(one, heard.installation)) for one in heard.floods
        ],
        shares=shares,
        most_kinds=MAX_KINDS,
        tag=tagging.of(installed),
        next_step=_next_step(installed, told["verdicts"][Verdict.PENDING], now),
        **told,
    )


@blueprint.get("/installations/<int:project_id>/heard")
def heard(project_id: int) -> Response:
    """Whether a beacon came, and what was refused: asked again and again by the page itself."""
    now = datetime.now(UTC)
    with presenting.reading() as connection:
        installed = presenting.installation(connection, project_id)
        return jsonify(beginning.read(connection, installed, now).as_json())


def _told(connection: Connection, installed: Installed, now: datetime) -> dict[str, Any]:
    period = presenting.last_days(installed.project_id, now)
    expiring = installations.expiring(connection, installed.project_id, now + SOON)
    return {
        "verdicts": installations.verdicts(connection, period),
        "since": {"from": period.first, "to": period.last},
        "sessions": installations.sessions(connection, period),
        "beacons": installations.beacons(connection, period),
        "refused": installations.refused(connection, period),
        "expiring": expiring[: installations.MOST],
        "more_expiring": len(expiring) > installations.MOST,
        "batches": installations.last_batches(connection, installed.project_id),
        "queries": _queries(installed.project_id, period, now),
    }


def _next_step(installed: Installed, pending: int, now: datetime) -> str | None:
    """What keeps what is pending from being sent, if anything is, or would keep it."""
    is_at_work = installed.worked_at is not None and installed.worked_at > now - LONG
    may_send = installed.send_after is None or installed.send_after <= now
    if installed.state == "active" and is_at_work and may_send and not pending:
        return None
    return presenting.what_keeps(installed, now)


def _queries(project_id: int, period: Period, now: datetime) -> dict[str, list[str]]:
    values = period.values(project=project_id, latest=now + SOON, most=installations.MOST)
    return {
        "installation": [installations.INSTALLATION.shown(values)],
        "beacons": [installations.BEACONS.shown(values), installations.SESSIONS.shown(values)],
        "refusals": [installations.REFUSALS.shown(values)],
        "verdicts": [installations.VERDICTS.shown(values)],
        "expiring": [installations.EXPIRING.shown(values)],
        "refused": [installations.REFUSED.shown(values)],
        "batches": [installations.BATCHES.shown(values)],
        "first": [sessions.FIRST.shown(values)],
    }
