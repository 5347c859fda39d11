"""A person who is forgotten is found in no table and no file, stays out, and hurts nobody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.call import OWN, Call
from collector.domain.person import MOST_VISITORS, Named, Reach
from collector.domain.reading import Readings, Refusal
from collector.jobs.forget import Forgetting
from collector.jobs.receipt import Receipt
from collector.storage import intake, leases, mentions
from collector.storage.calls import Stored
from collector.storage.secrets import SecretBox, generate_key
from tests.world import PROJECT, World

USER, VISITOR, NUMBER = "7f3e-gone-88Nn6od", "visitor-gone-5150", "+33199004321"
CALLS = ("call-gone-1", "call-gone-2", "call-gone-3")
ERASED = (USER, VISITOR, NUMBER, "0199004321", "01 99 00 43 21", *CALLS)


def forgetting(world: World, **changes: Any) -> Forgetting:
    return Forgetting(
        **{"database": world.database, "secrets": world.secrets, "clock": world.clock, **changes}
    )


def forget(
    world: World,
    *,
    follows: Iterable[str] = ("visitor_id",),
    calls_only: bool = False,
    **named: Iterable[Any],
) -> Receipt:
    asked = Named(**{kind: frozenset(values) for kind, values in named.items()})
    receipt = forgetting(world).run(
        PROJECT, asked, Reach(follows=frozenset(follows), calls_only=calls_only)
    )
    world.check()
    return receipt


def hashed(world: World, number: str = NUMBER) -> str:
    return world.secrets.callers(number)


def take_in(world: World, *calls: Call, refused: Iterable[Refusal] = ()) -> list[Stored]:
    with world.database.write() as connection:
        return intake.take_in(
            connection,
            PROJECT,
            Readings(calls=list(calls), refusals=list(refused)),
            source=OWN,
            origin="calls.csv",
            now=world.clock(),
            secrets=world.secrets,
        )


def told(world: World, call_id: str, caller: str | None = None, **keys: str) -> Call:
    """A record as it is read, of somebody who calls now."""
    return Call(
        call_id=call_id,
        started_at=world.clock(),
        ended_at=world.clock() + timedelta(seconds=75),
        updated_at=None,
        keys=keys,
        attributes={"status": "completed", "duration_s": "75", "call_center": "RENNES"},
        caller=caller and world.secrets.callers(caller),
        caller_key=caller and world.secrets.callers.key_id,
        older_callers=tuple(old(caller) for old in world.secrets.callers.older) if caller else (),
    )


def bad(record: str, call_id: str | None = None, number: int = 1) -> Refusal:
    return Refusal(
        number=number, call_id=call_id, code="no_start", message="no start", record=record
    )


def life(world: World) -> None:
    """A person with everything that there can be of one, and a neighbour."""
    world.visit(f"{USER}.1", visitor_id=VISITOR, reference="r-1")
    world.visit("stays.1", visitor_id="v-stays", reference="r-1")
    world.clock.forward(hours=1)
    world.visit(f"{USER}.2", visitor_id=VISITOR, tracking_number="+33199001234")
    world.visit("stays.1", reference="r-1")
    take_in(
        world,
        told(world, CALLS[0], NUMBER, visitor_id=VISITOR),
        told(world, "stays-1", visitor_id="v-stays"),
        told(world, "stays-2", reference="r-1"),
    )
    world.run()
    assert USER in str(world.report_call("stays-2")) + str(evidence(world, "stays-2"))
    take_in(
        world,
        told(world, CALLS[1], NUMBER, visitor_id=VISITOR),  # to be matched, and not yet
        refused=[
            bad(f'{{"id": "x", "visitor_id": "{VISITOR}"}}', number=1),
            bad(f'{{"id": "x", "session": "{USER}.2"}}', number=2),
            bad("a line of text; 01 99 00 43 21; and more", number=3),
            bad('{"id": "whoever", "from": "+33199009999"}', "whoever", number=4),
            bad("{}", CALLS[2], number=5),
        ],
    )
    say(world, f"session {USER}.2 is no session")


def evidence(world: World, call_id: str) -> Any:
    (row,) = world.rows("SELECT evidence FROM call WHERE call_id = :id", id=call_id)
    return row["evidence"]


def say(world: World, text: str) -> None:
    """The API has said so of something, beside whatever keeps its answers."""
    with world.database.write() as connection:
        for statement in (
            "UPDATE batch SET message = :text",
            "UPDATE installation SET problem = :text",
            "UPDATE call SET detail = :text, reason = 'postponed' WHERE call_id = 'stays-1'",
        ):
            connection.execute(sa.text(statement), {"text": text})
        counts = f'{{"projects": [{{"message": "{text}"}}]}}'
        run = sa.text(f"UPDATE run SET counts = '{counts}'")
        connection.exec_driver_sql(str(run))


def places(world: World) -> set[str]:
    """Every column of every table, and every file, in which anything of the person stands."""
    found = set()
    with world.database.read() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).mappings():
                found |= {
                    f"{table}.{name}" for name, value in row.items() if names(value, world.secrets)
                }
    if world.database.is_sqlite:
        path = Path(str(world.database.engine.url.database))
        for file in path.parent.glob(f"{path.name}*"):
            content = file.read_bytes()
            found |= {file.name for word in ERASED if word.encode() in content}
    return found


def names(value: object, secrets: SecretBox) -> bool:
    text = str(value)
    if text.startswith("gAAAA"):
        text = secrets.open(text)
    return any(word in text for word in ERASED)


EVERYWHERE = {
    "session.user_id", "sighting.user_id", "sighting.value", "call.call_id", "call.user_id",
    "call.evidence", "call.detail", "call_key.call_id", "call_key.value", "enrichment.user_id",
    "enrichment.call_id", "refused_record.record", "refused_record.call_id", "batch.message",
    "installation.problem", "run.counts",
}  # fmt: skip


def test_nothing_of_a_person_is_found_in_any_table_or_file(world: World) -> None:
    life(world)
    files = {"collector.db-wal"} if world.database.is_sqlite else set()
    assert places(world) >= EVERYWHERE | files
    receipt = forget(world, user_ids={USER}, callers={"01 99 00 43 21"}, call_ids={CALLS[2]})
    assert places(world) == set()
    (told_of,) = receipt.projects
    assert told_of.removed == {
        "enrichment": 1, "call_key": 2, "call": 2, "sighting": 4, "session": 2,
        "refused_record": 4,
    }  # fmt: skip
    (sent,) = told_of.sent
    assert (sent.session_key, sent.call_id, sent.in_doubt) == (f"{USER}.2", CALLS[0], False)
    assert receipt.rewritten is (True if world.database.is_sqlite else None)
    # Whoever shares something with them is as before, and the job goes on.
    assert {row["call_id"] for row in world.rows("SELECT call_id FROM call")} == {
        "stays-1", "stays-2",
    }  # fmt: skip
    assert "[forgotten]" in str(evidence(world, "stays-2"))
    assert world.rows("SELECT count(*) AS n FROM refused_record") == [{"n": 1}]
    posts = world.posts
    assert world.run().funnel.calls == 2
    assert world.posts == posts
    # What comes again stays out, however it comes, and whatever is new comes in.
    assert take_in(
        world,
        told(world, CALLS[1], visitor_id="v-other"),
        told(world, "new-1", NUMBER),
        told(world, "new-2", visitor_id=VISITOR),
        told(world, "new-3", session_key=f"{USER}.9"),
        told(world, "new-4", "+33199005555", visitor_id="v-other"),
        refused=[bad(f"{VISITOR} once more"), bad("", CALLS[0]), bad("whoever comes next")],
    ) == [Stored.FORGOTTEN] * 4 + [Stored.NEW]
    assert world.rows("SELECT count(*) AS n FROM refused_record") == [{"n": 2}]
    assert places(world) == set()
    world.check()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_is_forgotten_again_is_nothing_and_stays_out(world: World) -> None:
    life(world)
    forget(world, user_ids={USER})
    receipt = forget(world, user_ids={USER})
    assert not receipt.found
    assert take_in(world, told(world, CALLS[0])) == [Stored.FORGOTTEN]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_enrichment_that_was_not_sent_yet_never_is(world: World) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    world.edit(paused=True)
    take_in(world, told(world, CALLS[0], visitor_id=VISITOR))
    world.run()
    assert world.verdict(CALLS[0]) == "pending"
    forget(world, call_ids={CALLS[0]})
    world.edit(paused=False)
    world.run()
    assert not world.held


def test_the_sessions_that_calls_are_matched_to_are_their_callers(world: World) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    world.visit(f"{USER}.2")
    take_in(
        world,
        told(world, CALLS[0], NUMBER, visitor_id=VISITOR),
        told(world, CALLS[1], visitor_id=VISITOR),
    )
    world.run()
    receipt = forget(world, callers={"0033 1 99 00 43 21"})
    assert receipt.projects[0].removed["session"] == 2
    assert receipt.projects[0].removed["call"] == 2


def test_a_switchboards_number_takes_its_company_along_only_if_it_is_asked_to(
    world: World,
) -> None:
    for n in range(3):
        world.visit(f"user-{n}.1", visitor_id=f"visitor-{n}")
        take_in(world, told(world, f"call-{n}", NUMBER, visitor_id=f"visitor-{n}"))
    world.run()
    (first,) = forget(world, user_ids={"user-0"}).projects
    assert first.removed["call"] == 1
    assert first.sharing == {"caller": {"calls": 2, "visitors": 0}}
    (second,) = forget(world, user_ids={"user-1"}, follows={"caller"}).projects
    assert second.removed["call"] == 2
    assert second.visitors == 2
    assert take_in(world, told(world, "next", NUMBER)) == [Stored.FORGOTTEN]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_call_that_names_a_session_of_theirs_goes_though_it_was_never_seen(
    world: World,
) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    take_in(
        world,
        told(world, "unseen", session_key=f"{USER}.9"),
        told(world, "of-another", session_key=f"{USER}.other.9"),
        told(world, "of-a-third", session_key=f"{USER.upper()}.9"),
    )
    world.run()
    forget(world, user_ids={USER})
    left = {row["call_id"] for row in world.rows("SELECT call_id FROM call")}
    assert left == {"of-another", "of-a-third"}


def test_a_key_that_a_whole_site_shares_is_followed_to_nobody(world: World) -> None:
    for n in range(MOST_VISITORS + 1):
        world.visit(f"user-{n}.1", visitor_id="guest")
    (receipt,) = forget(world, user_ids={"user-0"}).projects
    assert receipt.removed["session"] == 1
    assert receipt.too_many_share == ["visitor_id"]
    assert receipt.sharing == {"visitor_id": {"calls": 0, "visitors": MOST_VISITORS}}


def test_the_number_of_a_forgotten_call_is_never_given_again(world: World) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    take_in(world, told(world, CALLS[0], visitor_id=VISITOR))
    world.run()
    forget(world, call_ids={CALLS[0]}, follows=(), calls_only=True)
    assert world.rows("SELECT count(*) AS n FROM session") == [{"n": 1}]
    take_in(world, told(world, CALLS[1], visitor_id=VISITOR))
    world.run()
    assert world.report_call(CALLS[1])["enrichment_number"] == 2
    assert len(world.held) == 2


def lease(world: World, owner: str = "a worker") -> leases.Lease | None:
    with world.database.write() as connection:
        return leases.take(connection, PROJECT, owner, world.clock())


def test_while_a_worker_is_at_it_nothing_is_forgotten_and_it_is_told(world: World) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    assert lease(world)
    before = world.everything()
    receipt = forget(world, user_ids={USER})
    assert receipt.busy == [PROJECT]
    assert "as asked" not in str(receipt.out_of_reach())
    assert world.everything() == before
    world.clock.forward(minutes=6)  # it was killed
    assert forget(world, user_ids={USER}).found
    assert lease(world)  # and the next worker need not wait


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_worker_is_waited_for(world: World) -> None:
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    held = lease(world)
    assert held

    def end(_: float) -> None:
        with world.database.write() as connection:
            leases.release(connection, held)

    patient = forgetting(world, patience=2.0, sleep=end)
    assert patient.run(PROJECT, Named(user_ids=frozenset({USER})), Reach()).found


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_beacon_that_is_just_being_stored_goes_too(world: World) -> None:
    """Its statement began before anybody was forgotten, and is not done when all is removed."""
    insert = (
        "INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons) "
        f"VALUES ({PROJECT}, '{USER}', 9, now(), now(), 1)"
    )
    with world.database.engine.connect() as late:
        late.exec_driver_sql(insert)
        slept: list[float] = []

        def arrive(seconds: float) -> None:
            if not slept:
                late.commit()
            slept.append(seconds)

        asked = Named(user_ids=frozenset({USER}))
        receipt = forgetting(world, sleep=arrive).run(PROJECT, asked, Reach())
    assert slept
    assert receipt.projects[0].removed["session"] == 1
    assert world.rows("SELECT * FROM session") == []


def test_a_refused_record_that_comes_while_somebody_is_forgotten_goes_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook keeps it after the others were looked through, and before the tombstones."""
    world.visit(f"{USER}.1", visitor_id=VISITOR)
    find = mentions.find

    def meanwhile(*asked: Any) -> Any:
        take_in(world, refused=[bad(f"{VISITOR} has called"), bad("somebody else", number=2)])
        return find(*asked)

    monkeypatch.setattr(mentions, "find", meanwhile)
    (receipt,) = forget(world, user_ids={USER}).projects
    assert receipt.removed["refused_record"] == 1
    assert world.rows("SELECT count(*) AS n FROM refused_record") == [{"n": 1}]
    assert places(world) == set()


def with_keys(world: World, *keys: str) -> None:
    world.secrets = SecretBox(keys)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_whoever_was_forgotten_stays_out_as_long_as_the_key_of_then_is_known(
    world: World,
) -> None:
    old, new = generate_key(), generate_key()
    with_keys(world, old)
    forget(world, callers={NUMBER}, call_ids={CALLS[0]})
    with_keys(world, new, old)
    again = [told(world, CALLS[0]), told(world, CALLS[1], NUMBER)]
    assert take_in(world, *again) == [Stored.FORGOTTEN] * 2
    # A caller of whom only the hash by the old key is stored, too.
    assert take_in(world, told(world, "c-9", "+33199007777")) == [Stored.NEW]
    with_keys(world, new)
    assert take_in(world, told(world, CALLS[1], NUMBER)) == [Stored.NEW]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_calls_that_were_hashed_by_an_older_key_are_found_by_their_number(world: World) -> None:
    old, new = generate_key(), generate_key()
    with_keys(world, old)
    take_in(world, told(world, CALLS[0], NUMBER))
    with_keys(world, new, old)
    assert forget(world, callers={NUMBER}).projects[0].removed["call"] == 1


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_dry_run_changes_nothing_and_tells_all_that_is_stored(world: World) -> None:
    life(world)
    before = world.everything()
    asked = Named(user_ids=frozenset({USER}), callers=frozenset({NUMBER}))
    (receipt,) = forgetting(world).look(PROJECT, asked, Reach(), with_data=True).projects
    assert world.everything() == before
    assert receipt.removed["call"] == 2
    assert receipt.data is not None
    assert {name: len(rows) for name, rows in receipt.data.items()} == receipt.removed
    records = [row["record"] for row in receipt.data["refused_record"]]
    assert any(VISITOR in record for record in records)
    assert hashed(world) not in str(receipt.data)
    assert world.secrets.callers.key_id not in str(receipt.data)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_refused_record_that_no_key_opens_is_told(world: World) -> None:
    take_in(world, refused=[bad(f"{VISITOR} has called")])
    with_keys(world, generate_key())
    (receipt,) = forget(world, keys={("visitor_id", VISITOR)}).projects
    assert receipt.unopened == 1
    assert receipt.removed["refused_record"] == 0


def test_other_projects_are_left_alone(world: World) -> None:
    other = PROJECT + 1
    world.install(other, 43)
    for project_id in (PROJECT, other):
        world.visit(f"{USER}.1", project_id=project_id, visitor_id=VISITOR)
    forget(world, user_ids={USER})
    assert world.rows("SELECT project_id FROM session") == [{"project_id": other}]
    forgetting(world).run(None, Named(user_ids=frozenset({USER})), Reach())
    assert world.rows("SELECT * FROM session") == []
