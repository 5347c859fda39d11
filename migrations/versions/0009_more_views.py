"""Views of days, verdicts, batches, runs and installations: all that the dashboard shows."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

VERDICTS = (
    "waiting",
    "unmatched",
    "ambiguous",
    "invalid",
    "over_limit",
    "pending",
    "rejected",
    "expired",
    "accepted",
)

SESSIONS = """
CREATE VIEW report_sessions AS
SELECT
    s.project_id,
    s.user_id,
    s.session_number,
    s.user_id || '.' || s.session_number AS session_key,
    s.first_seen,
    s.last_seen,
    s.beacons,
    (SELECT count(*) FROM sighting k
      WHERE k.project_id = s.project_id AND k.user_id = s.user_id
        AND k.session_number = s.session_number) AS match_keys,
    (SELECT count(*) FROM call c
      WHERE c.project_id = s.project_id AND c.user_id = s.user_id
        AND c.session_number = s.session_number) AS calls,
    (SELECT count(*) FROM enrichment e
      WHERE e.project_id = s.project_id AND e.user_id = s.user_id
        AND e.session_number = s.session_number AND e.accepted_revision > 0) AS enrichments{more}
FROM session s
"""

CALLS = """
CREATE VIEW report_calls AS
SELECT
    c.project_id,
    c.call_id,
    c.started_at,
    c.ended_at,
    c.received_at,
    c.changed_at,
    c.verdict,
    c.reason,
    c.detail,
    c.decided_at,
    c.rule,
    c.user_id,
    c.session_number,
    c.user_id || '.' || c.session_number AS session_key,
    e.enrichment_number,
    e.revision,
    e.accepted_revision,
    e.integration_version,
    e.deadline,
    e.accepted_at,
    c.source,
    c.answered,
    c.value,
    c.caller,
    c.caller_key{more}
FROM call c
LEFT JOIN enrichment e ON e.project_id = c.project_id AND e.call_id = c.call_id
    AND e.state <> 'superseded'
"""

ENRICHMENTS = """
CREATE VIEW report_enrichments AS
SELECT
    e.project_id,
    e.user_id,
    e.session_number,
    e.user_id || '.' || e.session_number AS session_key,
    e.enrichment_number,
    e.call_id,
    e.state,
    e.revision,
    e.accepted_revision,
    e.integration_version,
    e.payload,
    e.attempts,
    e.deadline,
    e.created_at,
    e.changed_at,
    e.accepted_at,
    b.sent_at,
    b.status,
    b.message{more}
FROM enrichment e
LEFT JOIN batch b ON b.project_id = e.project_id AND b.batch_id = e.batch_id
"""

FUNNEL_DAILY = """
CREATE VIEW report_funnel_daily AS
SELECT
    project_id,
    day,
    CAST(sum(sessions) AS bigint) AS sessions,
    CAST(sum(calls) AS bigint) AS calls,
    {sums}
FROM (
    SELECT project_id, {session_day} AS day, 0 AS beacons, count(*) AS sessions, 0 AS calls,
           0 AS matched, {zeros}
      FROM session GROUP BY project_id, {session_day}
    UNION ALL
    SELECT project_id, {call_day} AS day, 0 AS beacons, 0 AS sessions, count(*) AS calls,
           count(user_id) AS matched, {counts}
      FROM call GROUP BY project_id, {call_day}
    UNION ALL
    SELECT project_id, day, sum(beacons) AS beacons, 0 AS sessions, 0 AS calls,
           0 AS matched, {zeros}
      FROM beacon_count WHERE outcome = 'accepted' GROUP BY project_id, day
) AS counted
GROUP BY project_id, day
"""

FUNNEL_DAILY_BEFORE = """
CREATE VIEW report_funnel_daily AS
SELECT
    project_id,
    day,
    sum(sessions) AS sessions,
    sum(calls) AS calls,
    {sums}
FROM (
    SELECT project_id, {session_day} AS day, count(*) AS sessions, 0 AS calls,
           {zeros}
      FROM session GROUP BY project_id, {session_day}
    UNION ALL
    SELECT project_id, {call_day} AS day, 0 AS sessions, count(*) AS calls,
           {counts}
      FROM call GROUP BY project_id, {call_day}
) AS counted
GROUP BY project_id, day
"""

# Every combination that there is, so that any of them can be summed over.
VERDICTS_DAILY = """
CREATE VIEW report_verdicts_daily AS
SELECT
    project_id,
    {call_day} AS day,
    source,
    verdict,
    reason,
    rule,
    count(*) AS calls,
    sum(value) AS value
FROM call
GROUP BY project_id, {call_day}, source, verdict, reason, rule
"""

BATCHES = """
CREATE VIEW report_batches AS
SELECT
    project_id,
    batch_id,
    run_id,
    {batch_day} AS day,
    sent_at,
    integration_version,
    size AS enrichments,
    outcome,
    status,
    message,
    milliseconds
FROM batch
"""

RUNS = """
CREATE VIEW report_runs AS
SELECT
    run_id,
    job,
    started_at,
    finished_at,
    {run_seconds} AS seconds,
    outcome,
    counts
FROM run
"""

# Credentials are no concern of an analyst. A worker's name stays where its lease was given back.
INSTALLATIONS = """
CREATE VIEW report_installations AS
SELECT
    i.project_id,
    i.name,
    i.integration_id,
    i.integration_version,
    i.proven_version,
    i.region,
    i.origins,
    i.honour_gpc,
    CASE WHEN i.paused THEN 'paused' WHEN i.problem IS NOT NULL THEN 'problem'
         ELSE 'active' END AS state,
    i.problem,
    (SELECT max(b.last_at) FROM beacon_count b
      WHERE b.project_id = i.project_id AND b.outcome = 'accepted') AS last_beacon_at,
    i.searched_until AS worked_at,
    i.send_after,
    CASE WHEN i.lease_until IS NOT NULL THEN i.lease_owner END AS lease_owner,
    i.lease_until,
    p.pulled_at,
    p.pulled_until,
    p.problem AS pull_problem,
    i.created_at,
    i.changed_at
FROM installation i
LEFT JOIN pull p ON p.project_id = i.project_id
"""

CHANGED = ("report_funnel_daily", "report_enrichments", "report_calls", "report_sessions")
NEW = ("report_installations", "report_runs", "report_batches", "report_verdicts_daily")


def upgrade() -> None:
    _drop(CHANGED)
    _create(SESSIONS.format(more=f",\n    {_day('s.first_seen')} AS day"))
    _create(
        CALLS.format(
            more=f",\n    {_day('c.started_at')} AS day,\n    "
            f"{_seconds('coalesce(c.ended_at, c.started_at)', 'e.accepted_at')} "
            "AS seconds_to_acceptance"
        )
    )
    _create(
        ENRICHMENTS.format(
            more=",\n    e.batch_id,\n    e.accepted_version,\n    e.doubtful_revision,"
            "\n    e.doubtful_since"
        )
    )
    _create(_funnel(FUNNEL_DAILY, "CAST(sum({0}) AS bigint) AS {0}", ("matched", "beacons")))
    _create(VERDICTS_DAILY.format(call_day=_day("started_at")))
    _create(BATCHES.format(batch_day=_day("sent_at")))
    _create(RUNS.format(run_seconds=_seconds("started_at", "finished_at")))
    _create(INSTALLATIONS)


def downgrade() -> None:
    _drop((*NEW, *CHANGED))
    _create(SESSIONS.format(more=""))
    _create(CALLS.format(more=""))
    _create(ENRICHMENTS.format(more=""))
    _create(_funnel(FUNNEL_DAILY_BEFORE, "sum({0}) AS {0}"))


def _create(view: str) -> None:
    op.execute(view.replace(":", "\\:"))  # a colon is no parameter here


def _drop(views: tuple[str, ...]) -> None:
    for view in views:
        op.execute(f"DROP VIEW {view}")


def _funnel(view: str, form: str, more: tuple[str, ...] = ()) -> str:
    return view.format(
        session_day=_day("first_seen"),
        call_day=_day("started_at"),
        sums=",\n    ".join(form.format(name) for name in (*VERDICTS, *more)),
        zeros=", ".join(f"0 AS {verdict}" for verdict in VERDICTS),
        counts=", ".join(
            f"sum(CASE WHEN verdict = '{verdict}' THEN 1 ELSE 0 END) AS {verdict}"
            for verdict in VERDICTS
        ),
    )


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _day(column: str) -> str:
    """The day in UTC, since each dialect keeps moments in its own way."""
    return f"({column} AT TIME ZONE 'UTC')::date" if _is_postgresql() else f"date({column})"


def _seconds(since: str, until: str) -> str:
    """The seconds from one moment to another, to the millisecond."""
    if _is_postgresql():
        return f"round(extract(epoch FROM {until} - {since}), 3)::double precision"
    return f"round((julianday({until}) - julianday({since})) * 86400.0, 3)"
