"""Whether an installation works, and if not, why, and what to do: credentials, beacons, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.contentsquare import Credentials, EnrichmentApi, Grant
from collector.domain.installation import Installation
from collector.errors import (
    CollectorError,
    ContentsquareError,
    CredentialsRefusedError,
    OtherProjectError,
    SecretError,
    UnavailableError,
)
from collector.insight.hearing import Hearing, hear
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.secrets import SecretBox


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Everything about one installation, at one moment.

    ``endpoint`` is the address that enrichments go to.
    """

    hearing: Hearing
    endpoint: str | None
    credentials_error: CollectorError | None

    @property
    def credentials_work(self) -> bool | None:
        """None if nobody could ask, or the answer was none."""
        if self.credentials_error is None:
            return True
        known = isinstance(self.credentials_error, CredentialsRefusedError | OtherProjectError)
        return False if known else None

    @property
    def needs_person(self) -> list[str]:
        """What a person has to look at, one sentence each."""
        error = self.credentials_error
        return [*([] if error is None else [str(error)]), *self.hearing.needs_person]

    def as_json(self) -> dict[str, Any]:
        problem = self.credentials_error
        return {
            **self.hearing.as_json(),
            "credentials": {
                "work": self.credentials_work,
                "problem": None if problem is None else str(problem),
                "endpoint": self.endpoint,
            },
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
    return Check(
        hearing=hear(database, project_id, now),
        endpoint=None if grant is None else f"{grant.endpoint}/v1/enrichments",
        credentials_error=error,
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
