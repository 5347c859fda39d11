"""Installations: added once, edited, and removed with all that they hold or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.identifiers import parse_session_key
from collector.domain.installation import Installation
from collector.domain.ledger import Draft, Judgement
from collector.domain.reading import Refusal
from collector.domain.retention import Kind
from collector.domain.verdicts import Reason, Verdict
from collector.errors import NotFoundError, UsageError
from collector.storage import (
    beacon_counts,
    calls,
    daily_counts,
    enrichments,
    examining,
    installations,
    purged,
    refusals,
    runs,
    sessions,
    tokens,
    tombstones,
)
from collector.storage.beacon_counts import BeaconCount
from collector.storage.daily_counts import Gone
from collector.storage.database import Connection, Database
from collector.storage.enrichments import Written
from collector.storage.examining import Decision
from collector.storage.purged import Mark
from collector.storage.tables import Base, InstallationRow, PullRow, WebhookRow
from collector.storage.tables_privacy import SpentNumberRow
from tests.domain.samples import NOON, SECOND, a_beacon, a_call

SHOP = Installation(
    project_id=162,
    integration_id=42,
    name="Example shop",
    client_id="client",
    integration_version=1,
    origins=("https://shop.example", "https://m.shop.example"),
    region="FR",
)


def add(database: Database, *added: Installation) -> None:
    with database.write() as connection:
        for installation in added:
            installations.add(connection, installation, f"sealed {installation.name}", NOON)


def edit(database: Database, project_id: int = 162, at: datetime = NOON, **changes: Any) -> None:
    with database.write() as connection:
        installations.edit(connection, project_id, changes, at)


def get(database: Database, project_id: int = 162) -> Installation:
    with database.read() as connection:
        return installations.get(connection, project_id)


def held(database: Database, project_id: int) -> dict[str, int]:
    """How many rows each table holds of one project, where it holds any."""
    with database.read() as connection:
        counted = {
            table.name: connection.execute(
                sa.select(sa.func.count())
                .select_from(table)
                .where(table.c.project_id == project_id)
            ).scalar_one()
            for table in Base.metadata.sorted_tables
            if "project_id" in table.c
        }
    return {name: number for name, number in counted.items() if number}


def keep_refused(connection: Connection, project_id: int) -> None:
    refusals.keep(
        connection,
        project_id,
        [Refusal(number=1, call_id="c", code="no_start", message="", record="{}")],
        source="own",
        origin="calls.csv",
        now=NOON,
        secrets=None,
    )


def fill(database: Database, project_id: int) -> None:
    """One row in every table of the project."""
    beacon = a_beacon("u.1", project_id=project_id, visitor_id="v")
    sessions.record(database, beacon, NOON)
    written = Written(
        call_id="call-1",
        session=parse_session_key("u.1"),
        draft=Draft(enrichment_number=1, revision=1, payload_hash="0" * 32),
        fields={"answered": True},
        integration_version=1,
        deadline=NOON + timedelta(days=7),
        is_new=True,
    )
    batch = runs.Batch(
        project_id=project_id,
        batch_id="b",
        run_id="r",
        sent_at=NOON,
        integration_version=1,
        size=1,
        outcome="accepted",
        status=200,
        message="",
        milliseconds=5,
    )
    gone = Gone(
        started_at=NOON, source="own", verdict="unmatched", reason="no_keys", rule=None,
        is_matched=False, value=None,
    )  # fmt: skip
    with database.write() as connection:
        daily_counts.add_sessions(connection, project_id, [NOON])
        daily_counts.add_calls(connection, project_id, [gone])
        purged.note(connection, project_id, Kind.CALLS, Mark(before=NOON))
    counted = BeaconCount(
        project_id=project_id,
        day=NOON.date(),
        outcome="accepted",
        origin="",
        beacons=1,
        last_at=NOON,
    )
    beacon_counts.add(database, [counted])
    with database.write() as connection:
        calls.store(connection, project_id, [a_call(keys={"visitor_id": "v"})], NOON)
        enrichments.write_drafts(connection, project_id, [written], NOON)
        runs.note_batch(connection, batch)
        keep_refused(connection, project_id)
        tombstones.add(connection, project_id, [("user_id", "ab" * 32, "0a1b2c3d")], NOON)
        spent = {"project_id": project_id, "user_id": "u", "session_number": 1}
        connection.execute(sa.insert(SpentNumberRow).values(**spent, enrichment_number=2))
        connection.execute(
            sa.insert(WebhookRow).values(
                project_id=project_id, preset="twilio", secret="", created_at=NOON
            )
        )
        connection.execute(sa.insert(PullRow).values(project_id=project_id, pulled_at=NOON))
        tokens.create(connection, project_id=project_id, scope="calls", name="pbx", now=NOON)


def test_an_installation_comes_back_as_it_was_added_without_its_secret(
    database: Database,
) -> None:
    other = replace(
        SHOP, project_id=2**53 - 1, name="é" * 200, origins=(), region=None, honour_gpc=False
    )
    add(database, SHOP, other)
    assert get(database) == SHOP
    assert get(database, 2**53 - 1) == other
    assert "sealed" not in repr(get(database))
    with database.read() as connection:
        assert installations.sealed_secret(connection, 162) == "sealed Example shop"
        assert installations.find(connection, 163) is None


def test_two_projects_may_share_an_account_and_are_listed_by_project(database: Database) -> None:
    other = replace(SHOP, project_id=7, name="Other shop")
    add(database, SHOP, other)
    with database.read() as connection:
        assert installations.list_all(connection) == [other, SHOP]


def test_what_is_edited_changes_and_nothing_else(database: Database) -> None:
    add(database, SHOP, replace(SHOP, project_id=7))
    edit(
        database,
        at=NOON + SECOND,
        name="New name",
        origins=["https://new.example"],
        region=None,
        paused=True,
        honour_gpc=False,
        client_secret="sealed anew",
    )
    assert get(database) == replace(
        SHOP,
        name="New name",
        origins=("https://new.example",),
        region=None,
        paused=True,
        honour_gpc=False,
    )
    assert get(database, 7) == replace(SHOP, project_id=7)
    with database.read() as connection:
        assert installations.sealed_secret(connection, 162) == "sealed anew"
        times = connection.execute(
            sa.select(InstallationRow.created_at, InstallationRow.changed_at).where(
                InstallationRow.project_id == 162
            )
        ).one()
    assert tuple(times) == (NOON, NOON + SECOND)


def test_a_new_integration_version_has_the_job_rebuild_what_was_not_accepted_yet(
    database: Database,
) -> None:
    add(database, SHOP)
    with database.write() as connection:
        calls.store(connection, 162, [a_call(verdict.value) for verdict in Verdict], NOON)
        decisions = [
            Decision(
                call_id=verdict.value,
                judgement=Judgement(verdict=verdict, reason=Reason.NEW, detail=""),
                match=None,
                examine_again=False,
            )
            for verdict in Verdict
        ]
        examining.write_decisions(connection, 162, decisions, NOON)
    edit(database, integration_version=1, name="the same version")
    with database.read() as connection:
        assert examining.count_to_examine(connection, 162) == 0
    edit(database, integration_version=2)
    with database.read() as connection:
        page = examining.to_examine(connection, 162, after=None, limit=20, lock=False)
    assert {examined.call.call_id for examined in page} == {"pending", "invalid", "rejected"}
    assert get(database).integration_version == 2


def test_a_problem_is_remembered_until_all_went_well(database: Database) -> None:
    add(database, SHOP)
    for problem in ("the credentials are refused", "another one", None):
        with database.write() as connection:
            installations.note_problem(connection, 162, problem)
        assert get(database).problem == problem


def test_an_installation_that_is_not_there_is_told_with_how_to_list_them(
    database: Database,
) -> None:
    with pytest.raises(NotFoundError, match=r"Project 162.*collector installation list"):
        get(database)
    with pytest.raises(NotFoundError, match="Project 162"):
        edit(database, name="New name")
    with pytest.raises(NotFoundError, match="Project 162"), database.write() as connection:
        installations.remove(connection, 162, with_data=True)


def test_an_installation_without_data_is_removed_with_its_tokens(database: Database) -> None:
    add(database, SHOP)
    with database.write() as connection:
        tokens.create(connection, project_id=162, scope="calls", name="pbx", now=NOON)
        installations.remove(connection, 162, with_data=False)
    assert held(database, 162) == {}


def test_an_installation_with_data_is_removed_with_all_of_it_or_not_at_all(
    database: Database,
) -> None:
    everything = {table.name: 1 for table in Base.metadata.sorted_tables if "project_id" in table.c}
    for project_id in (162, 163):
        add(database, replace(SHOP, project_id=project_id))
        fill(database, project_id)
    assert held(database, 162) == everything
    with (
        pytest.raises(UsageError, match=r"1 session, 1 call, 1 refused record, .*--with-data"),
        database.write() as connection,
    ):
        installations.remove(connection, 162, with_data=False)
    assert held(database, 162) == everything
    with database.write() as connection:
        installations.remove(connection, 162, with_data=True)
    assert held(database, 162) == {}
    assert held(database, 163) == everything


def test_refused_records_are_data_too(database: Database) -> None:
    add(database, SHOP)
    with database.write() as connection:
        keep_refused(connection, 162)
    with (
        pytest.raises(
            UsageError, match=r"0 sessions, 0 calls and 1 refused record\. .*--with-data"
        ),
        database.write() as connection,
    ):
        installations.remove(connection, 162, with_data=False)
    assert held(database, 162) == {"installation": 1, "refused_record": 1}


def test_whoever_was_forgotten_and_what_was_purged_are_data_too(database: Database) -> None:
    add(database, SHOP)
    with database.write() as connection:
        tombstones.add(connection, 162, [("user_id", "ab" * 32, "0a1b2c3d")], NOON)
        daily_counts.add_sessions(connection, 162, [NOON])
    with (
        pytest.raises(UsageError, match=r"1 tombstone and 1 session count\. .*--with-data"),
        database.write() as connection,
    ):
        installations.remove(connection, 162, with_data=False)
    assert held(database, 162) == {"installation": 1, "tombstone": 1, "session_count": 1}


def test_a_project_has_one_installation(database: Database) -> None:
    add(database, SHOP)
    with pytest.raises(UsageError, match="collector installation edit 162"):
        add(database, replace(SHOP, integration_id=43))
    with database.read() as connection:
        assert installations.get(connection, 162).integration_id == 42


def test_the_origins_of_all_installations_are_told_together(database: Database) -> None:
    assert origins(database) == set()
    add(database, SHOP, replace(SHOP, project_id=163, origins=("https://other.example",)))
    assert origins(database) == {*SHOP.origins, "https://other.example"}


def origins(database: Database) -> frozenset[str]:
    with database.read() as connection:
        return installations.origins(connection)
