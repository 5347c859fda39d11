"""The script that a data engineer would write in an hour instead of the job; run as a process.

    python -m bench.job_script DATABASE_URL AUTH_URL CLIENT_ID CLIENT_SECRET SINCE PROJECT:ID ...

It reads the sightings and the new calls with pandas, joins them key by key with ``merge_asof``,
builds the payloads in memory and posts them with one HTTP session, 200 at a time. It remembers
nothing: a second run sends all again, and whoever kills it does not know what was sent. Nor does
it see two visitors behind one number. It is written to be quick: only the days that can matter
are read, and only the columns that are needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import requests
import sqlalchemy as sa

KEYS = {
    "visitor_id": timedelta(days=7),
    "reference": timedelta(days=7),
    "tracking_number": timedelta(minutes=30),
}

BATCH = 200

CALLS = """
SELECT c.call_id, c.started_at, c.attributes, k.kind, k.value
FROM call c JOIN call_key k ON k.project_id = c.project_id AND k.call_id = c.call_id
WHERE c.project_id = :project AND c.received_at >= :since
"""

SIGHTINGS = """
SELECT kind, value, user_id, session_number, first_seen
FROM sighting WHERE project_id = :project AND last_seen >= :since
"""


def main() -> None:
    url, auth_url, client_id, secret, since, *projects = sys.argv[1:]
    received = datetime.fromisoformat(since)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    for project in projects:
        project_id, _, integration_id = project.partition(":")
        keys = read(engine, CALLS, int(project_id), received, "started_at")
        oldest = keys["started_at"].min().to_pydatetime() - timedelta(days=7)
        sightings = read(engine, SIGHTINGS, int(project_id), oldest, "first_seen")
        matched = match(keys, sightings)
        with requests.Session() as http:
            send(http, authorise(http, auth_url, client_id, secret, int(integration_id)), matched)


def read(
    engine: sa.Engine, query: str, project_id: int, since: datetime, moment: str
) -> pd.DataFrame:
    """The rows of one project since then, by their moment."""
    bound = since if engine.dialect.name == "postgresql" else f"{since:%Y-%m-%d %H:%M:%S.%f}"
    with engine.connect() as connection:
        found = pd.read_sql(
            sa.text(query), connection, params={"project": project_id, "since": bound}
        )
    found[moment] = pd.to_datetime(found[moment], utc=True)
    return found.sort_values(moment)


def match(keys: pd.DataFrame, sightings: pd.DataFrame) -> pd.DataFrame:
    """One row for each call with a session: by the strongest key, the session last begun."""
    found = []
    done: set[str] = set()
    for kind, window in KEYS.items():
        left = keys[(keys["kind"] == kind) & ~keys["call_id"].isin(done)]
        joined = pd.merge_asof(
            left,
            sightings.loc[
                sightings["kind"] == kind, ["value", "user_id", "session_number", "first_seen"]
            ],
            left_on="started_at",
            right_on="first_seen",
            by="value",
            direction="backward",
            tolerance=window,
        ).dropna(subset="user_id")
        done.update(joined["call_id"])
        found.append(joined)
    matched = pd.concat(found).sort_values("started_at")
    matched["number"] = matched.groupby(["user_id", "session_number"]).cumcount() + 1
    return matched[matched["number"] <= 3]


def payloads(matched: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The enrichments as the API takes them."""
    columns = ["user_id", "session_number", "number", "started_at", "attributes"]
    for user_id, session_number, number, started, told in matched[columns].itertuples(index=False):
        call = told if isinstance(told, dict) else json.loads(told)
        yield {
            "userId": user_id,
            "sessionNumber": int(session_number),
            "enrichmentNumber": number,
            "enrichment": {
                "answered": call["status"] == "completed",
                "call_duration": call["duration_s"] * 1000,
                "call_client_rating": float(call["rating"]),
                "call_center_name": call["call_center"][:50],
                "call_datetime": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        }


def authorise(
    http: requests.Session, auth_url: str, client_id: str, secret: str, integration_id: int
) -> dict[str, Any]:
    """A token, with where to send."""
    answer = http.post(
        auth_url,
        json={
            "client_id": client_id,
            "client_secret": secret,
            "grant_type": "client_credentials",
            "scope": "enrichment",
            "integration_id": integration_id,
        },
    )
    answer.raise_for_status()
    return dict(answer.json())


def send(http: requests.Session, token: dict[str, Any], matched: pd.DataFrame) -> None:
    """Post all, one batch after the other."""
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    enrichments = list(payloads(matched))
    for start in range(0, len(enrichments), BATCH):
        body = {
            "integrationVersion": 1,
            "projectId": token["project_id"],
            "enrichments": enrichments[start : start + BATCH],
        }
        http.post(f"{token['endpoint']}/v1/enrichments", json=body).raise_for_status()
    print(f"{datetime.now(UTC):%H:%M:%S} sent {len(enrichments)}")


if __name__ == "__main__":
    main()
