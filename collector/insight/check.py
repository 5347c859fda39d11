"""Whether an installation works, and if not, why, and what to do: credentials, beacons, keys.

Pages that are not the customer's are refused every day: translated ones, archived ones, those of
strangers. What they send decides nothing here while the customer's own pages are heard. So each
refusal is told with its remedy, and a person is asked for only where something stays as it is
until somebody does something. (Who forges the customer's origin, as no browser does, is taken
for the customer.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from collector.contentsquare import Credentials, EnrichmentApi, Grant
from collector.domain import outcomes
from collector.domain.installation import Installation, is_akin, is_web_origin
from collector.domain.outcomes import (
    ACCEPTED,
    OPTED_OUT,
    ORIGIN_NOT_ALLOWED,
    REMEDIES,
    Remedy,
)
from collector.errors import (
    CollectorError,
    ContentsquareError,
    CredentialsRefusedError,
    OtherProjectError,
    SecretError,
    UnavailableError,
)
from collector.storage import beacon_counts, installations, key_shares, sessions
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED, BeaconCount
from collector.storage.database import Database
from collector.storage.key_shares import KeyShares
from collector.storage.secrets import SecretBox

#: Refusals of so many UTC days are told, today among them.
DAYS = 7

#: A refusal asks for a person while its last beacon is not older than this.
RECENT = timedelta(hours=24)

#: A site that was heard and then is not for so long has lost its snippet.
SILENCE = timedelta(hours=48)

#: So many kinds of keys are told, the most frequent: a page can invent any number.
MAX_KINDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Beacons that were refused for one reason, or stored without a key.

    ``of_project`` is false for those that were refused before they could be told to be the
    project's, but came from a page of the installation's origins. ``origins`` are the most
    frequent, beside ``more_origins`` that are not named. ``detail`` is what the last of them was
    answered.
    """

    outcome: str
    of_project: bool
    beacons: int
    last_at: datetime
    origins: tuple[str, ...]
    more_origins: int
    detail: str
    remedy: str
    needs_person: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Everything about one installation, at one moment.

    ``endpoint`` is the address that enrichments go to.
    """

    installation: Installation
    now: datetime
    endpoint: str | None
    credentials_error: CollectorError | None
    last_beacon: datetime | None
    beacons_today: int
    sessions_today: int
    keys: KeyShares | None
    findings: list[Finding]

    @property
    def credentials_work(self) -> bool | None:
        """None if nobody could ask, or the answer was none."""
        if self.credentials_error is None:
            return True
        known = isinstance(self.credentials_error, CredentialsRefusedError | OtherProjectError)
        return False if known else None

    @property
    def first_page(self) -> str:
        """A page of the customer, to look at."""
        return f"{_first_origin(self.installation)}/"

    @property
    def kinds(self) -> Mapping[str, int]:
        """The most frequent kinds of keys."""
        return {} if self.keys is None else dict(islice(self.keys.kinds.items(), MAX_KINDS))

    @property
    def more_kinds(self) -> int:
        """How many kinds there are besides."""
        return 0 if self.keys is None else len(self.keys.kinds) - len(self.kinds)

    @property
    def silence(self) -> str | None:
        """What to do when beacons came once and come no more."""
        if self.last_beacon is None or self.now - self.last_beacon <= SILENCE:
            return None
        return (
            f"No beacon has come for {(self.now - self.last_beacon).days} days. See what a page "
            f"does: collector verify {self.first_page}"
        )

    @property
    def needs_person(self) -> list[str]:
        """What a person has to look at, one sentence each."""
        error = self.credentials_error
        found = [None if error is None else str(error), self.installation.problem, self.silence]
        found += [item.remedy for item in self.findings if item.needs_person]
        return [sentence for sentence in found if sentence]

    def as_json(self) -> dict[str, Any]:
        problem = self.credentials_error
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "paused": self.installation.paused,
            "credentials": {
                "work": self.credentials_work,
                "problem": None if problem is None else str(problem),
                "endpoint": self.endpoint,
            },
            "last_beacon": self.last_beacon,
            "today": {"beacons": self.beacons_today, "sessions": self.sessions_today},
            "keys": self.keys
            and {**asdict(self.keys), "kinds": self.kinds, "more_kinds": self.more_kinds},
            "findings": [asdict(item) for item in self.findings],
            "needs_person": self.needs_person,
        }


def check(
    database: Database, api: EnrichmentApi, box: SecretBox, project_id: int, now: datetime
) -> Check:
    """Ask for a token, and read what came of the installation's beacons.

    Credentials that do not work, or cannot be tried, are part of the answer, not an error.

    Raises:
        NotFoundError: the project has no installation.
    """
    with database.read() as connection:
        installation = installations.get(connection, project_id)
        sealed = installations.sealed_secret(connection, project_id)
    grant, error = _authenticate(api, box, installation, sealed)
    today = now.date()
    with database.read() as connection:
        day = key_shares.last_day(connection, project_id)
        keys = None if day is None else key_shares.of_day(connection, project_id, day)
        counts = beacon_counts.since(
            connection, (NO_PROJECT, project_id), today - timedelta(days=DAYS - 1)
        )
        last_beacon = sessions.last_beacon(connection, project_id)
    sessions_today = keys.sessions if keys is not None and keys.day == today else 0
    return Check(
        installation=installation,
        now=now,
        endpoint=None if grant is None else f"{grant.endpoint}/v1/enrichments",
        credentials_error=error,
        last_beacon=last_beacon,
        # Beacons are counted a moment after they are stored, and each new session came by one.
        beacons_today=max(_accepted(counts, project_id, today), sessions_today),
        sessions_today=sessions_today,
        keys=keys,
        findings=_findings(counts, installation, now),
    )


def _authenticate(
    api: EnrichmentApi, box: SecretBox, installation: Installation, sealed: str
) -> tuple[Grant | None, CollectorError | None]:
    try:
        credentials = Credentials(
            project_id=installation.project_id,
            integration_id=installation.integration_id,
            client_id=installation.client_id,
            client_secret=box.open(sealed),
        )
        return api.authenticate(credentials), None
    except UnavailableError as error:
        advice = "check COLLECTOR_AUTH_URL, and that this machine may reach it, or try again later"
        return None, UnavailableError(f"{error}; {advice}")
    except (ContentsquareError, SecretError) as error:
        return None, error


def _accepted(counts: Iterable[BeaconCount], project_id: int, day: date) -> int:
    return sum(
        count.beacons
        for count in counts
        if (count.project_id, count.outcome, count.day) == (project_id, ACCEPTED, day)
    )


def _findings(
    counts: list[BeaconCount], installation: Installation, now: datetime
) -> list[Finding]:
    """What went wrong, by reason; origins that are not allowed by what to do about them."""
    is_heard = any(count.outcome == ACCEPTED and now - count.last_at <= RECENT for count in counts)
    by_origin: dict[tuple[str, bool, str | None], list[BeaconCount]] = defaultdict(list)
    for count in _of_interest(counts, installation):
        origin = count.origin if count.outcome == ORIGIN_NOT_ALLOWED else None
        by_origin[count.outcome, count.project_id != NO_PROJECT, origin].append(count)
    groups: dict[tuple[str, bool, str | None, Remedy], list[BeaconCount]] = defaultdict(list)
    for (outcome, of_project, origin), group in by_origin.items():
        is_recent = any(now - count.last_at <= RECENT for count in group)
        if origin is None:
            remedy = _remedy(outcome, installation)
        else:
            remedy = _remedy_for_origin(origin, installation, needed=is_recent and not is_heard)
        # The command of that remedy names one origin.
        apart = origin if remedy == REMEDIES[ORIGIN_NOT_ALLOWED] else None
        groups[outcome, of_project, apart, remedy] += group
    found = [_finding(group, remedy, installation, now) for (*_, remedy), group in groups.items()]
    return sorted(found, key=lambda item: (not item.needs_person, -item.beacons, item.outcome))


def _of_interest(
    counts: Iterable[BeaconCount], installation: Installation
) -> Iterator[BeaconCount]:
    for count in counts:
        is_its_own = count.project_id != NO_PROJECT or count.origin in installation.origins
        if is_its_own and count.outcome != ACCEPTED:
            yield count


def _finding(
    group: list[BeaconCount], remedy: Remedy, installation: Installation, now: datetime
) -> Finding:
    last = max(group, key=lambda count: count.last_at)
    origins: Counter[str] = Counter()
    for count in group:
        if count.origin != UNNAMED:
            origins[count.origin] += count.beacons
    named = tuple(origin for origin, _ in origins.most_common(beacon_counts.MAX_NAMED))
    page = last.origin if is_web_origin(last.origin) else _first_origin(installation)
    return Finding(
        outcome=last.outcome,
        of_project=last.project_id != NO_PROJECT,
        beacons=sum(count.beacons for count in group),
        last_at=last.last_at,
        origins=named,
        more_origins=len(origins) - len(named),
        detail=last.detail,
        remedy=remedy.text.format(project_id=installation.project_id, origin=page),
        needs_person=remedy.needs_person and now - last.last_at <= RECENT,
    )


def _first_origin(installation: Installation) -> str:
    return next(iter(installation.origins), "https://...")


def _remedy(outcome: str, installation: Installation) -> Remedy:
    if outcome == OPTED_OUT and not installation.honour_gpc:
        return outcomes.IGNORED_SINCE
    return REMEDIES.get(outcome, outcomes.UNKNOWN)


def _remedy_for_origin(origin: str, installation: Installation, *, needed: bool) -> Remedy:
    """What to do about an origin that was refused.

    Args:
        needed: the customer's pages may be missing, so that a stranger's may be one of them.
    """
    if origin in installation.origins:
        return outcomes.ADDED_SINCE
    if origin != UNNAMED and not is_web_origin(origin):
        return outcomes.NO_WEB_ORIGIN
    if origin == UNNAMED:
        return replace(outcomes.UNNAMED_ORIGINS, needs_person=needed)
    if not needed and not is_akin(origin, installation.origins):
        return outcomes.STRANGE_ORIGINS
    return REMEDIES[ORIGIN_NOT_ALLOWED]
