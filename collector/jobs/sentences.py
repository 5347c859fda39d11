"""What a run tells people of one installation: what has happened, and what to do about it."""

from __future__ import annotations

from datetime import datetime

from collector.domain.definition import Definition
from collector.domain.installation import Installation

PAUSED_MEANWHILE = "paused meanwhile, the rest was not sent"

EDITED_MEANWHILE = "its integration was changed meanwhile; the next run sends the rest by it"

NOT_PULLED = (
    "nothing was read from the provider's own database ([calls.sql]), which a run reads first; "
    "what is new there is not counted"
)


def version_not_defined(installation: Installation, definition: Definition) -> str:
    """The definition lacks the version that an installation is on."""
    known = ", ".join(str(number) for number in sorted(definition.versions))
    return (
        f"the installation is on integration version {installation.integration_version}, but the "
        f"definition has only {known}: add [versions.{installation.integration_version}] to it, or "
        f"go back: {_go_back(installation.project_id)}"
    )


def not_to_be_had(answered: str) -> str:
    """The API is away, or asks to come later."""
    return (
        f"the API is not to be had now ({answered}); what is pending stays so and is sent by the "
        "next run"
    )


def asked_to_wait(project_id: int, until: datetime) -> str:
    """The API has asked for it in an earlier run."""
    return (
        f"the API has asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC; what is pending "
        "is sent by the first run after that. To ask it now: "
        f"collector installation resume {project_id}"
    )


def moved_meanwhile(version: int) -> str:
    """The operator has changed the integration version while the job was sending."""
    return (
        f"moved to integration version {version} meanwhile; what is pending is rebuilt and sent by "
        "the next run"
    )


def not_registered(project_id: int, version: int) -> str:
    """The API answers that it does not know the version."""
    return (
        f"Contentsquare does not know integration version {version} of this installation; no "
        f"enrichment was blamed. Have the version registered, or go back: {_go_back(project_id)}"
    )


#: Beside each call of such a batch; it goes on from "it is to be sent again, since".
REFUSED_AS_ALL = "the API refused it, and all that was sent with it"


def all_refused(installation: Installation, number: int) -> str:
    """A batch was refused throughout, so that nothing shows where the fault is."""
    version = installation.integration_version
    return (
        f"the API refuses {'the only one' if number == 1 else f'all {number}'} of a batch built "
        f"for integration version {version}, and accepts nothing beside; no enrichment was blamed, "
        "and each run builds anew and tries a few. Compare the definition with the schema that is "
        "registered as that version (collector integration check), or go back: "
        f"{_go_back(installation.project_id)}"
    )


def too_many_refused(project_id: int) -> str:
    """So many culprits that it is no single enrichment that is at fault."""
    return (
        "the API refuses so many enrichments one after the other that the cause is no single "
        "record; the installation is paused. Compare the definition with the registered schema "
        f"(collector integration check), then: collector installation resume {project_id}; what "
        f"was rejected before is sent again by: collector retry --project-id {project_id}"
    )


def _go_back(project_id: int) -> str:
    return f"collector installation edit {project_id} --integration-version N"


def clause(error: Exception) -> str:
    """What an error says, to stand within a sentence."""
    return str(error).rstrip(".")
