"""``GET /``: where everything stands, for all installations or one, over some days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.blueprints import BlueprintSetupState

from collector.domain.ledger import MARGIN
from collector.domain.verdicts import MEANING, Verdict
from collector.storage.reports import fates, overview, refusals, standing, traffic
from collector.storage.reports.asking import Period, Question
from collector.storage.reports.overview import Read
from collector.web import state
from collector.web.dashboard import asked, charts, counted, guard, reading, refused, wording
from collector.web.dashboard import standing as standing_now
from collector.web.dashboard.reading import Shown
from collector.web.dashboard.recent import Recent

_NAME = "collector_overviews"

blueprint = Blueprint("overview", __name__)
guard.protect(blueprint)


@blueprint.record
def keep(setup: BlueprintSetupState) -> None:
    """Each application remembers by itself what it has read."""
    setup.app.extensions[_NAME] = Recent[Shown]()


@blueprint.get("/")
def show() -> Response:
    """The page. It only reads."""
    database, now = state.current().database, datetime.now(UTC)
    installed = overview.installations(database)
    known = tuple(one.project_id for one in installed)
    wanted = asked.read(request.args, known, now.date())
    if not installed:
        return _page("dashboard/no_installation.html")
    period = Period(
        projects=known if wanted.project is None else (wanted.project,),
        first=wanted.first,
        last=wanted.last,
    )
    recent: Recent[Shown] = current_app.extensions[_NAME]
    shown = recent.get(period, lambda: reading.read(state.current(), period, now))
    return _page("dashboard/overview.html", asked=wanted, shown=shown, **_shaped(shown.read))


def _page(template: str, **values: Any) -> Response:
    return make_response(render_template(template, words=wording, **values))


def _shaped(read: Read) -> dict[str, Any]:
    """What the templates lay out."""
    sums = counted.count(read)
    by_day = {one.day: one for one in read.seconds}
    return {
        "read": read,
        "counted": sums,
        "verdicts": [(verdict.value, MEANING[verdict]) for verdict in Verdict],
        "seconds": by_day,
        "presets": asked.PRESETS,
        "expiring": standing_now.expiring(read),
        "installations": standing_now.installations(read),
        "runs": standing_now.runs(read),
        "names": {one.project_id: one.name for one in read.installed},
        "refused_beacons": refused.beacons(read),
        "refused_records": refused.records(read.refused_records),
        "refused_calls": refused.calls(read.refused_calls),
        "refused_batches": refused.batches(read.refused_batches),
        "batches": {one.outcome: one for one in read.batch_totals},
        "charts": charts.document(sums, read.seconds),
        "queries": _queries(read),
    }


def _queries(read: Read) -> dict[str, list[str]]:
    """By part of the page, the queries by which anybody who may read the views repeats it."""
    values = read.period.values(
        soonest=read.at + MARGIN, latest=read.at + overview.SOON, most=overview.RUNS
    )
    beacons = traffic.with_no_project(read.period).values()

    def shown(*questions: Question) -> list[str]:
        return [question.shown(values) for question in questions]

    return {
        "funnel": [
            traffic.BEACONS.shown(beacons),
            *shown(traffic.SESSIONS, fates.FATES),
        ],
        "sum": shown(fates.CALLS, fates.FATES),
        "calls": shown(fates.FATES),
        "seconds": shown(fates.SECONDS),
        "expiring": shown(standing.EXPIRING),
        "beacons": [traffic.BEACONS.shown(beacons)],
        "records": shown(refusals.RECORDS),
        "refused_calls": shown(refusals.CALLS),
        "batches": shown(refusals.BATCHES, refusals.BATCH_TOTALS),
        "installations": shown(standing.INSTALLATIONS),
        "runs": shown(standing.RUNS),
    }
