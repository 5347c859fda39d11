"""The views that analysts read: a contract, while the tables may change."""

from alembic import op

revision = "0002"
down_revision = "0001"
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
        AND e.session_number = s.session_number AND e.accepted_revision > 0) AS enrichments
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
    e.accepted_at
FROM call c
LEFT JOIN enrichment e ON e.project_id = c.project_id AND e.call_id = c.call_id
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
    b.message
FROM enrichment e
LEFT JOIN batch b ON b.project_id = e.project_id AND b.batch_id = e.batch_id
"""

FUNNEL_DAILY = """
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


def _day(column: str) -> str:
    """The day in UTC, since each dialect keeps moments in its own way."""
    if op.get_bind().dialect.name == "postgresql":
        return f"({column} AT TIME ZONE 'UTC')::date"
    return f"date({column})"


def upgrade() -> None:
    op.execute(SESSIONS)
    op.execute(CALLS)
    op.execute(ENRICHMENTS)
    op.execute(
        FUNNEL_DAILY.format(
            session_day=_day("first_seen"),
            call_day=_day("started_at"),
            sums=", ".join(f"sum({verdict}) AS {verdict}" for verdict in VERDICTS),
            zeros=", ".join(f"0 AS {verdict}" for verdict in VERDICTS),
            counts=", ".join(
                f"sum(CASE WHEN verdict = '{verdict}' THEN 1 ELSE 0 END) AS {verdict}"
                for verdict in VERDICTS
            ),
        ).replace(":", "\\:")  # a colon is no parameter here
    )


def downgrade() -> None:
    for view in ("report_funnel_daily", "report_enrichments", "report_calls", "report_sessions"):
        op.execute(f"DROP VIEW {view}")
