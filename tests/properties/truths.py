"""What is true after every step, whatever came before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.domain.ledger import payload_hash
from collector.sandbox import EnrichmentKey
from collector.sandbox.records import SessionKey
from tests.properties.recording import MARGIN, SEVEN_DAYS, Recording
from tests.properties.scene import CAN_BE_REFUSED
from tests.world import World

#: The clock is wrong by less.
MINUTE = timedelta(minutes=1)


class Truths:
    """Checks the ledger, the sandbox and what was sent against each other, step after step."""

    def __init__(self, world: World, recording: Recording) -> None:
        self._world = world
        self._recording = recording
        self._records = recording.records
        self._owners: dict[EnrichmentKey, str] = {}
        self._homes: dict[tuple[int, str], tuple[str, Any]] = {}

    def check(self) -> None:
        """After every step."""
        rows = self._rows()
        assert not self._recording.objections, self._recording.objections
        self._world.check()
        self._every_call_has_a_verdict_and_none_a_wrong_one(rows)
        self._no_session_has_more_than_three(rows)
        self._no_number_changes_hands(rows)
        self._no_call_leaves_its_session_without_cause(rows)
        self._the_sandbox_holds_what_the_ledger_says(rows)
        self._what_was_left_behind_is_reported(rows)
        assert not self._world.sandbox.dropped

    def check_in_the_end(self, held: set[int]) -> None:
        """Once all troubles are over and the job has run: nothing is left to do.

        For the projects that are ``held``, a person is needed first.
        """
        rows = self._rows()
        for call in self._calls():
            project_id, call_id = call["project_id"], call["call_id"]
            record = self._records[project_id, call_id]
            assert call["reason"] != "new"
            if call["verdict"] == "pending" and project_id not in held:
                deadline = self._deadline(call, record.started_at)
                assert self._world.clock() + MARGIN >= deadline, f"{call_id} is pending"
            if call["verdict"] == "accepted":
                key = EnrichmentKey(
                    project_id,
                    call["user_id"],
                    call["session_number"],
                    call["enrichment_number"],
                )
                assert rows[key]["call_id"] == call_id
                assert record.is_told_by(self._world.held[key].fields), f"{call_id} is outdated"
            if call["session_key"] is not None:
                assert self._recording.points_to(project_id, call["session_key"], record), call_id
            is_recent = self._world.clock() < record.started_at + SEVEN_DAYS
            if call["verdict"] in {"waiting", "unmatched"} and is_recent:
                assert not self._recording.led_to(project_id, record), f"{call_id} has no session"

    def _rows(self) -> dict[EnrichmentKey, dict[str, Any]]:
        return {
            EnrichmentKey(
                row["project_id"], row["user_id"], row["session_number"], row["enrichment_number"]
            ): row
            for row in self._world.rows("SELECT * FROM enrichment")
        }

    def _calls(self) -> list[dict[str, Any]]:
        return self._world.rows("SELECT * FROM report_calls")

    def _deadline(self, call: Mapping[str, Any], began: datetime) -> datetime:
        return self._recording.deadline(call["project_id"], call["session_key"], began)

    def _every_call_has_a_verdict_and_none_a_wrong_one(
        self, rows: Mapping[EnrichmentKey, dict[str, Any]]
    ) -> None:
        calls = self._calls()
        assert {(call["project_id"], call["call_id"]) for call in calls} == set(self._records)
        in_use = Counter(key.session for key in rows)
        for call in calls:
            project_id, call_id = call["project_id"], call["call_id"]
            match call["verdict"]:
                case "expired":
                    # By an earlier record, perhaps; and the clock may have been set back since.
                    deadline = self._deadline(call, self._recording.earliest[project_id, call_id])
                    assert self._world.clock() + MINUTE >= deadline, f"{call_id} expired early"
                case "over_limit":
                    session = (project_id, call["user_id"], call["session_number"])
                    assert in_use[SessionKey(*session)] == 3, f"{call_id} had a number to take"
                case "rejected":
                    assert project_id in CAN_BE_REFUSED, f"{call_id} was blamed"

    def _no_session_has_more_than_three(self, rows: Mapping[EnrichmentKey, Any]) -> None:
        for keys in (rows, self._world.held):
            assert all(number <= 3 for number in Counter(key.session for key in keys).values())

    def _no_number_changes_hands(self, rows: Mapping[EnrichmentKey, dict[str, Any]]) -> None:
        owners = {key: str(row["call_id"]) for key, row in rows.items()}
        assert owners.items() >= self._owners.items()
        self._owners = owners
        for key, stored in self._world.held.items():
            assert stored.fields["call_center_name"] == owners[key]

    def _no_call_leaves_its_session_without_cause(
        self, rows: Mapping[EnrichmentKey, dict[str, Any]]
    ) -> None:
        homes: dict[tuple[int, str], tuple[str, Any]] = {}
        for key, row in rows.items():
            if row["state"] != "superseded":
                call = row["project_id"], row["call_id"]
                homes[call] = f"{key.user_id}.{key.session_number}", self._records[call].points
        # A record changed before the job has looked at it points elsewhere from its home.
        for call, (session, points) in homes.items():
            before, pointed = self._homes.get(call, (session, points))
            assert session == before or points != pointed, f"{call} left {before} for {session}"
        self._homes = {
            call: self._homes[call] if self._homes.get(call, ("",))[0] == home[0] else home
            for call, home in homes.items()
        }

    def _the_sandbox_holds_what_the_ledger_says(
        self, rows: Mapping[EnrichmentKey, dict[str, Any]]
    ) -> None:
        held = {key: payload_hash(stored.fields) for key, stored in self._world.held.items()}
        assert held.keys() <= rows.keys()
        for key, row in rows.items():
            accepted = row["accepted_hash"] if row["accepted_revision"] else None
            if row["doubtful_revision"] > row["accepted_revision"]:
                may_stand = {accepted} | self._recording.possible.get(key, set())
                assert held.get(key) in may_stand, f"{tuple(key)} is not what is in doubt"
            else:
                assert held.get(key) == accepted, f"{tuple(key)} is not what was accepted"

    def _what_was_left_behind_is_reported(
        self, rows: Mapping[EnrichmentKey, dict[str, Any]]
    ) -> None:
        reported = {
            EnrichmentKey(
                row["project_id"], row["user_id"], row["session_number"], row["enrichment_number"]
            ): row["stands"]
            for row in self._world.rows("SELECT * FROM report_superseded")
        }
        for key in self._world.held:
            if rows[key]["state"] == "superseded":
                assert key in reported
        assert all(key in self._world.held for key, stands in reported.items() if stands == "yes")
