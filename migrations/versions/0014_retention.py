"""What is removed by its age stays counted by day, and the views of days count both."""

import sqlalchemy as sa
from alembic import op

from collector.storage import comments

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

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
{more}) AS counted
GROUP BY project_id, day
"""

PURGED = """\
    UNION ALL
    SELECT project_id, day, 0 AS beacons, sessions, 0 AS calls, 0 AS matched, {zeros}
      FROM session_count
    UNION ALL
    SELECT project_id, day, 0 AS beacons, 0 AS sessions, sum(calls) AS calls,
           sum(matched) AS matched, {purged}
      FROM call_count GROUP BY project_id, day
"""

VERDICTS_DAILY = """
CREATE VIEW report_verdicts_daily AS
SELECT project_id, day, source, verdict, reason, rule,
       CAST(sum(calls) AS bigint) AS calls, sum(value) AS value
FROM (
    SELECT project_id, {call_day} AS day, source, verdict, reason, rule, count(*) AS calls,
           sum(value) AS value
      FROM call GROUP BY project_id, {call_day}, source, verdict, reason, rule
    UNION ALL
    SELECT project_id, day, source, verdict, reason, nullif(rule, '') AS rule, calls, value
      FROM call_count
) AS counted
GROUP BY project_id, day, source, verdict, reason, rule
"""

VERDICTS_DAILY_BEFORE = """
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

REPORT_PURGED = """
CREATE VIEW report_purged AS
SELECT project_id, kind, before
FROM purged
"""


def upgrade() -> None:
    op.create_table(
        "session_count",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", name="session_count_pk"),
    )
    op.create_table(
        "call_count",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=30), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("rule", sa.String(length=30), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "project_id", "day", "source", "verdict", "reason", "rule", name="call_count_pk"
        ),
    )
    op.create_table(
        "purged",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("before", MOMENT, nullable=False),
        sa.Column("swept", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "kind", name="purged_pk"),
    )
    _drop("report_funnel_daily", "report_verdicts_daily")
    op.execute(_filled(FUNNEL_DAILY.replace("{more}", PURGED)))
    op.execute(_filled(VERDICTS_DAILY))
    op.execute(REPORT_PURGED)
    comments.write(op.get_bind(), revision)


def downgrade() -> None:
    _drop("report_purged", "report_verdicts_daily", "report_funnel_daily")
    op.execute(_filled(FUNNEL_DAILY.replace("{more}", "")))
    op.execute(_filled(VERDICTS_DAILY_BEFORE))
    for table in ("purged", "call_count", "session_count"):
        op.drop_table(table)
    comments.write(op.get_bind(), down_revision)


def _drop(*views: str) -> None:
    for view in views:
        op.execute(f"DROP VIEW {view}")


def _filled(view: str) -> str:
    filled = view.format(
        session_day=_day("first_seen"),
        call_day=_day("started_at"),
        sums=",\n    ".join(
            f"CAST(sum({name}) AS bigint) AS {name}" for name in (*VERDICTS, "matched", "beacons")
        ),
        zeros=", ".join(f"0 AS {verdict}" for verdict in VERDICTS),
        counts=_by_verdict("1"),
        purged=_by_verdict("calls"),
    )
    return filled.replace(":", "\\:")  # a colon is no parameter here


def _by_verdict(calls: str) -> str:
    return ", ".join(
        f"sum(CASE WHEN verdict = '{verdict}' THEN {calls} ELSE 0 END) AS {verdict}"
        for verdict in VERDICTS
    )


def _day(column: str) -> str:
    """The day in UTC, since each dialect keeps moments in its own way."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    return f"({column} AT TIME ZONE 'UTC')::date" if is_postgresql else f"date({column})"
