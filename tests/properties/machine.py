"""The machine: any sequence of imports, changes, beacons, runs, faults and jumps of the clock.

Hypothesis makes up the sequences, and shortens one that breaks a truth. The rules are sentences;
what must be true after each of them is in `truths`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.cli.installation import RESUMED
from collector.contentsquare import EnrichmentApi
from collector.jobs.retry import RETRIABLE, retry
from collector.sandbox import Fault
from collector.storage.database import Database
from collector.storage.retries import Selection
from tests.properties import choices
from tests.properties.choices import Keys, News, Told
from tests.properties.databases import forget_to_sync
from tests.properties.recording import SEVEN_DAYS, Recording
from tests.properties.scene import (
    CALL_IDS,
    REGISTERED,
    Record,
    Scene,
    integration_of,
    with_two_versions,
)
from tests.properties.sending import Fate, Sending, crash_at
from tests.properties.truths import Truths
from tests.world import World


class Ledger(RuleBasedStateMachine):
    """Two customers, their calls and sessions, and all that can happen."""

    scene: ClassVar[Scene]
    tried: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.scene.start_anew()
        self.clocks, self.sandbox = self.scene.clocks, self.scene.sandbox
        self.database = self._open.enter_context(
            Database(self._open.enter_context(self.scene.copy_of_database()))
        )
        forget_to_sync(self.database)
        self.world = World(self.database, self.sandbox, self.clocks)
        self.world.definition = with_two_versions(self.world.definition)
        self.recording = Recording(world=self.world)
        self.truths = Truths(self.world, self.recording)
        self.projects: tuple[int, ...] = ()
        self.api = self._new_api()
        self.straggler = self._new_api(attempts=1)
        self.runs = 0
        self.tried["examples"] += 1

    @initialize(projects=choices.customers, first=choices.first_calls, run=st.booleans())
    def two_customers_have_had_a_few_calls(
        self, projects: tuple[int, int], first: list[tuple[Keys, Told]], run: bool
    ) -> None:
        self.projects = projects
        for which, project_id in enumerate(projects):
            self.world.install(project_id, integration_of(project_id))
            self.a_visitor_is_seen(which, "u.1", {"visitor_id": "v1", "reference": "r1"})
            self.a_visitor_is_seen(which, "w.1", {"visitor_id": "v2", "reference": "r2"})
            for call_id, (keys, told) in zip(CALL_IDS, first, strict=False):
                self.a_record_comes(News(which=which, call_id=call_id, keys=keys, told=told))
        if run:
            self._run()

    @rule(which=choices.which, session_key=choices.session_keys, keys=choices.keys_on_pages)
    def a_visitor_is_seen(self, which: int, session_key: str, keys: Keys) -> None:
        project_id = self.projects[which]
        if self.recording.saw(project_id, session_key, keys):
            user_id, _, number = session_key.rpartition(".")
            self.sandbox.session_started(project_id, user_id, int(number), self.clocks.right)
        self.world.visit(session_key, project_id=project_id, **keys)

    @rule(news=choices.news)
    def a_record_comes(self, news: News) -> None:
        """Of a new call, or of one that is known, with changes or without."""
        project_id = self.projects[news.which]
        unheard = Record(started_at=self.clocks(), keys={"visitor_id": "v1"}, told={})
        record = news.changed(self.recording.records.get((project_id, news.call_id), unheard))
        self.recording.heard(project_id, news.call_id, record)
        self.world.call(
            news.call_id,
            project_id=project_id,
            ago=self.clocks() - record.started_at,
            attributes={"call_center": news.call_id, **record.told},
            updated_at=None,
            **record.keys,
        )

    @rule(news=choices.some_news, which=st.none() | choices.which)
    def the_job_runs(self, news: list[News], which: int | None) -> None:
        self._hear(news)
        self._run(None if which is None else self.projects[which])

    @rule(
        news=choices.some_news,
        fate=choices.fates,
        meanwhile=choices.some_news,
        found_after=choices.found_after,
    )
    def a_request_of_the_job_meets_its_fate(
        self, news: list[News], fate: Fate, meanwhile: list[News], found_after: timedelta
    ) -> None:
        """More records may come meanwhile, and another worker take over from one that stalls."""
        self._hear(news)
        if self._run(fate=fate, meanwhile=meanwhile):
            self.time_passes(found_after)

    @rule(news=choices.some_news, statement=st.integers(1, 90), found_after=choices.found_after)
    def the_job_dies_before_a_statement(
        self, news: list[News], statement: int, found_after: timedelta
    ) -> None:
        self._hear(news)
        if self._run(statement=statement):
            self.time_passes(found_after)

    @rule(news=choices.some_news, faults=choices.some_faults)
    def the_job_meets_an_api_that_misbehaves(self, news: list[News], faults: list[Fault]) -> None:
        self._hear(news)
        self.sandbox.add(*faults)
        self._run()

    @rule(which=choices.which, changes=choices.edits)
    def an_operator_edits_an_installation(self, which: int, changes: Mapping[str, Any]) -> None:
        """Or, without changes, has tried again what was refused and what could not be built."""
        if changes:
            self.world.edit(self.projects[which], **changes)
            return
        retry(
            self.database,
            self.projects[which],
            RETRIABLE,
            Selection(),
            now=self.clocks(),
            dry_run=False,
        )

    @rule(duration=choices.durations)
    def time_passes(self, duration: timedelta) -> None:
        self.clocks.forward(seconds=duration.total_seconds())

    @precondition(lambda self: self.runs > 5)  # later on, so that much can be sent before
    @rule(wrong_by=choices.wrong_by, after=choices.near_deadlines)
    def a_deadline_is_near(self, wrong_by: int, after: timedelta) -> None:
        """And the clock was set, rightly or not."""
        self.clocks.be_wrong_by(wrong_by)
        since = self.clocks() - SEVEN_DAYS - after
        ahead = [began - since for began in self.recording.began.values() if began > since]
        self.time_passes(min(ahead, default=timedelta(0)))

    @invariant()
    def everything_is_true(self) -> None:
        self.tried["steps"] += 1
        self.truths.check()

    def teardown(self) -> None:
        with self._open, self.api, self.straggler:
            # After a broken truth, what becomes of the rest is of no interest.
            if sys.exc_info()[0] is None and self.projects:
                self._settle()
            self.tried["requests"] += self.world.posts
            self.tried["mishaps"] += self.recording.mishaps

    def _settle(self) -> None:
        """Once all troubles are over, what can be sent is sent, and then nothing more is."""
        self.sandbox.clear()
        for project_id in self.projects:
            self.world.edit(project_id, **RESUMED)
            if self._installation(project_id)["integration_version"] not in REGISTERED[project_id]:
                self.world.edit(project_id, integration_version=1)
        for _ in range(3):
            self.clocks.forward(minutes=6)
            before = Counter(self.recording.requests)
            self._run()
            self.truths.check()
        held = {project_id for project_id in self.projects if self._is_held(project_id)}
        for project_id in {*self.projects} - held:
            assert before[project_id] == self.recording.requests[project_id], "still sending"
        self.truths.check_in_the_end(held)

    def _hear(self, news: Sequence[News]) -> None:
        for each in news:
            self.a_record_comes(each)

    def _run(
        self,
        project_id: int | None = None,
        *,
        fate: Fate | None = None,
        meanwhile: Sequence[News] = (),
        statement: int | None = None,
    ) -> bool:
        """Whether it has died."""
        self.runs += 1
        self.tried["runs"] += 1
        sending = Sending(
            self.api,
            self.recording,
            self.clocks,
            straggler=self.straggler,
            fate=fate,
            meanwhile=lambda: self._hear(meanwhile),
            successor=lambda: self._take_over(meanwhile),
        )
        with crash_at(self.database, statement) as crashes:
            report = self.world.run(project_id, sender=sending, monotonic=self.clocks.monotonic)
            assert not any("nobody foresaw" in str(one.message) for one in report.projects)
        if crashes:
            self.tried["deaths"] += 1
            self.recording.unread()
            self.api.close()
            self.api = self._new_api()  # with no token at hand, as a new process has none
        return bool(crashes)

    def _take_over(self, meanwhile: Sequence[News]) -> None:
        """Another worker finds the lease lapsed."""
        self.clocks.forward(minutes=6)
        try:
            self._hear(meanwhile)
            self._run()
        except AssertionError as wrong:  # the worker that stalls would take it for its own
            self.recording.objections.append(f"the successor: {wrong}")

    def _new_api(self, attempts: int = 4) -> EnrichmentApi:
        return EnrichmentApi(
            self.sandbox.auth_url,
            sleep=lambda seconds: self.clocks.forward(seconds=seconds),
            monotonic=self.clocks.monotonic,
            random=lambda: 0.5,
            attempts=attempts,
        )

    def _is_held(self, project_id: int) -> bool:
        """Whether a person is needed: it is paused, or all is refused under a new version."""
        row = self._installation(project_id)
        return bool(row["paused"]) or row["proven_version"] != row["integration_version"]

    def _installation(self, project_id: int) -> dict[str, Any]:
        (row,) = self.world.rows(
            "SELECT * FROM installation WHERE project_id = :project_id", project_id=project_id
        )
        return row
