"""Integration versions: batches never mix, and a new one is tried on a few before it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collector.cli.installation import RESUMED
from collector.domain.batching import CANARY, MAX_CULPRITS
from collector.jobs.report import ProjectOutcome
from collector.sandbox import Sandbox, SandboxInstallation
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA
from tests.world import PROJECT, Clock, World

#: As registered for version 2: the rating is gone.
SCHEMA_2 = {
    "fields": [
        field for field in PHONE_CALL_SCHEMA["fields"] if field["name"] != "call_client_rating"
    ]
}

OTHER = SandboxInstallation(
    project_id=163,
    integration_id=43,
    client_id=PHONE_CALL_INSTALLATION.client_id,
    client_secret=PHONE_CALL_INSTALLATION.client_secret,
    schemas={1: PHONE_CALL_SCHEMA, 2: SCHEMA_2},
)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Two customers; version 2 is registered for the second one only, and version 3 for nobody."""
    clock = Clock()
    with Sandbox([PHONE_CALL_INSTALLATION, OTHER], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        made.install()
        made.install(project_id=163, integration_id=43)
        one = made.definition.versions[1]
        recipes = {
            name: recipe for name, recipe in one.recipes.items() if name != "call_client_rating"
        }
        two = replace(one, number=2, recipes=recipes)
        versions = {1: one, 2: two, 3: replace(two, number=3)}
        made.definition = replace(made.definition, versions=versions)
        yield made


def calls(world: World, number: int, *, project_id: int = PROJECT, **attributes: str) -> list[str]:
    made = []
    for index in range(number):
        key = f"v{index}-{len(world.rows('SELECT 1 FROM call'))}"
        world.visit(f"{key}.1", project_id=project_id, visitor_id=key)
        made.append(world.call(project_id=project_id, visitor_id=key, attributes=attributes))
    return made


def sent(world: World) -> list[tuple[int, int, str]]:
    rows = world.rows("SELECT integration_version, size, outcome FROM batch ORDER BY size, outcome")
    return [(row["integration_version"], row["size"], row["outcome"]) for row in rows]


def test_two_customers_on_two_versions_are_served_in_one_run(world: World) -> None:
    world.edit(163, integration_version=2)
    (first,) = calls(world, 1, rating="4")
    (second,) = calls(world, 1, project_id=163, rating="4")
    world.run()
    assert (world.verdict(first), world.verdict(second)) == ("accepted", "accepted")
    assert {
        (key[0], stored.integration_version, "call_client_rating" in stored.fields)
        for key, stored in world.held.items()
    } == {(PROJECT, 1, True), (163, 2, False)}


def test_a_new_version_rebuilds_what_is_pending_and_leaves_what_was_accepted(
    world: World,
) -> None:
    (accepted,) = calls(world, 1, project_id=163, rating="4")
    world.run()
    world.edit(163, paused=True)
    (pending,) = calls(world, 1, project_id=163, rating="4")
    world.run()
    world.edit(163, paused=False, integration_version=2)
    world.run()
    rows = [world.report_call(call_id) for call_id in (accepted, pending)]
    assert [
        (row["verdict"], row["integration_version"], row["revision"], row["accepted_revision"])
        for row in rows
    ] == [("accepted", 1, 1, 1), ("accepted", 2, 2, 2)]
    assert world.posts == 2
    world.call(accepted, project_id=163, visitor_id="v0-0", attributes={"call_center": "LYON"})
    world.run()
    row = world.report_call(accepted)
    assert (row["integration_version"], row["accepted_revision"]) == (2, 2)


def test_a_version_that_is_not_registered_yet_costs_one_request_of_a_few(world: World) -> None:
    world.prove()
    world.edit(integration_version=3)
    calls(world, CANARY + 20)
    report = world.run()
    assert sent(world) == [(3, CANARY, "bad_version")]
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert "does not know integration version 3" in report.attention[0]
    assert report.funnel.verdicts["pending"] == CANARY + 20
    world.edit(integration_version=1)
    assert world.run().funnel.verdicts["accepted"] == CANARY + 20


def test_a_version_registered_with_another_schema_blames_nobody_and_tries_others_next_time(
    world: World,
) -> None:
    world.edit(163, integration_version=3)
    found = calls(world, 2 * CANARY, project_id=163)
    refusing = replace(OTHER, schemas={3: {"fields": [SCHEMA_2["fields"][0]]}})
    with Sandbox([refusing], now=world.clock) as sandbox:
        good, world.sandbox = world.sandbox, sandbox
        report = world.run(163)
        assert report.projects[0].outcome is ProjectOutcome.PROBLEM
        assert "built for integration version 3, and accepts nothing" in report.attention[0]
        assert "all 5 of a batch" in report.attention[0]
        assert report.funnel.verdicts["pending"] == 2 * CANARY
        world.run(163)
    attempts = world.rows("SELECT attempts FROM enrichment")
    assert [row["attempts"] for row in attempts] == [1] * 2 * CANARY
    row = world.report_call(found[0])
    assert (row["reason"], "all that was sent with it" in row["detail"]) == ("postponed", True)
    world.sandbox = good
    world.edit(163, integration_version=2)
    assert world.run(163).funnel.verdicts["accepted"] == 2 * CANARY


def test_a_bad_one_among_the_first_few_of_a_version_is_isolated(world: World) -> None:
    found = calls(world, CANARY + 1)
    spoil(world, found[2])
    report = world.run()
    assert world.verdict(found[2]) == "rejected"
    assert report.funnel.verdicts["accepted"] == CANARY
    assert world.rows("SELECT proven_version FROM installation WHERE project_id = 162") == [
        {"proven_version": 1}
    ]


def test_the_very_first_enrichment_being_refused_blames_it_only_once_another_was_accepted(
    world: World,
) -> None:
    (bad,) = calls(world, 1)
    spoil(world, bad)
    report = world.run()
    assert (world.verdict(bad), report.projects[0].outcome) == ("pending", ProjectOutcome.PROBLEM)
    calls(world, 1)
    report = world.run()
    assert (world.verdict(bad), report.funnel.verdicts["accepted"]) == ("rejected", 1)
    assert world.rows("SELECT problem FROM installation WHERE project_id = 162") == [
        {"problem": None}
    ]


def spoil(world: World, *call_ids: str) -> None:
    """Have them built by a definition that has drifted, while nothing is sent."""
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    for call_id in call_ids:
        with world.database.write() as connection:
            connection.exec_driver_sql(
                'UPDATE enrichment SET payload = \'{"call_duration": "long"}\' '
                f"WHERE call_id = '{call_id}'"
            )


def test_a_small_batch_that_is_refused_throughout_blames_nobody_even_in_a_proven_version(
    world: World,
) -> None:
    world.prove()
    found = calls(world, 3)
    spoil(world, *found)
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert "refuses all 3 of a batch" in report.attention[0]
    assert report.funnel.verdicts["pending"] == 3
    (good,) = calls(world, 1)
    report = world.run()
    assert world.verdict(good) == "accepted"
    assert report.funnel.verdicts["rejected"] == 3


def test_refusals_one_by_one_over_many_runs_hold_the_installation_in_the_end(
    world: World,
) -> None:
    world.prove()
    world.edit(refused_in_row=MAX_CULPRITS - 1)
    (blamed,) = calls(world, 1)
    spoil(world, blamed)
    assert world.run().projects[0].outcome is ProjectOutcome.DONE
    assert world.verdict(blamed) == "rejected"
    (last,) = calls(world, 1)
    spoil(world, last)
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert "installation resume 162" in report.attention[0]
    assert (world.verdict(blamed), world.verdict(last)) == ("rejected", "pending")
    world.edit(**RESUMED)
    world.run()
    assert world.verdict(last) == "pending"
    calls(world, 1)
    world.run()
    assert world.verdict(last) == "rejected"


def test_an_acceptance_in_between_ends_the_row_of_refusals(world: World) -> None:
    world.prove()
    world.edit(refused_in_row=MAX_CULPRITS)
    bad, _good = calls(world, 2)
    spoil(world, bad)
    assert world.run().projects[0].outcome is ProjectOutcome.DONE
    assert world.verdict(bad) == "rejected"
    (row,) = world.rows("SELECT refused_in_row FROM installation WHERE project_id = 162")
    assert row["refused_in_row"] == 0


def test_a_version_that_changes_while_the_job_sends_is_obeyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.domain.limits.MAX_BATCH", 2)
    world.prove(project_id=163)
    calls(world, 3, project_id=163)

    class Moving:
        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, *arguments: Any) -> Any:
            world.edit(163, integration_version=2)
            return self.api.send(*arguments)

    report = world.run(163, sender=Moving())
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert "moved to integration version 2" in str(report.projects[0].message)
    assert report.funnel.verdicts["accepted"] == 2
    assert world.run(163).funnel.verdicts["accepted"] == 3
    assert sorted({item.integration_version for item in world.held.values()}) == [1, 2]


def test_another_integration_has_to_prove_its_version_anew(world: World) -> None:
    world.prove()
    world.edit(integration_id=42, name="the same")
    assert proven(world) == 1
    world.edit(integration_id=44)
    assert proven(world) is None


def proven(world: World) -> int | None:
    (row,) = world.rows("SELECT proven_version FROM installation WHERE project_id = 162")
    value: int | None = row["proven_version"]
    return value


def test_a_dry_run_counts_the_canary_as_a_batch(world: World) -> None:
    calls(world, CANARY + 1)
    assert world.dry_run().projects[0].to_send_batches == 2
    world.prove()
    assert world.dry_run().projects[0].to_send_batches == 1
