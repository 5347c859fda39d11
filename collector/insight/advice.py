"""What to do about a call, and why it does not stand where one would expect, in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from collector.domain.verdicts import Reason, Verdict

_RETRY = "collector retry --reason {reason} --project-id {project_id} --call-id {call_id}"

#: By reason. If there is a command to run, the text ends with it, after a colon and a blank.
_NEXT_STEPS: Mapping[str, str] = {
    Reason.NEW: "The next run of the job looks at it: collector reconcile",
    Reason.NO_KEYS: "No session can be found for a record without a match key. Let the platform "
    "tell one, and import the record again: the same call id with other content is an update.",
    Reason.NO_SESSION_YET: "Nothing to do: each run looks again, while a beacon may still come.",
    Reason.NO_SESSION: "Nothing to do: a beacon that comes late revives it. Where many are like "
    "it, see whether other rules would find more: collector simulate --project-id {project_id}",
    Reason.SEVERAL_USERS: "Nothing to do: a wrong enrichment could not be taken back. Where many "
    "are like it, fewer visitors have to share a number (docs/matching.md).",
    Reason.KEY_FLOODED: "Nothing to do for this call: nobody can tell which of them led to it. See "
    "what has come, and what to do about it: collector installation check {project_id}",
    Reason.FIELDS_INVALID: "Mend the record and import it again; or mend the definition, and: "
    + _RETRY,
    Reason.SESSION_FULL: "Nothing to do: Contentsquare takes three enrichments of a session.",
    Reason.TO_SEND: "{pending}",
    Reason.POSTPONED: "{pending}",
    Reason.RETRIED: "{pending}",
    Reason.REFUSED_BY_API: "Compare the definition with the schema that is registered (collector "
    "integration check). Once the cause is mended: " + _RETRY,
    Reason.DEADLINE_PASSED: "Nothing to do: Contentsquare drops what comes seven days after the "
    "session's start.",
    Reason.DELIVERED: "Nothing to do: Contentsquare holds its newest content.",
}


def next_step(reason: str, project_id: int, call_id: str, *, pending: str) -> str:
    """What to do about a call that stands where it stands for this reason.

    Args:
        pending: what keeps pending enrichments of its installation from being sent, and what to
            do about that.
    """
    return _NEXT_STEPS[reason].format(
        reason=reason, project_id=project_id, call_id=quoted(call_id), pending=pending
    )


def command(call_id: str, project_id: int) -> str:
    """The command that tells the same as a call's page."""
    return f"collector explain --project-id {project_id} {quoted(call_id, alone=True)}"


def quoted(call_id: str, *, alone: bool = False) -> str:
    """A call's id as a shell takes it; ``alone`` if it is no option's value."""
    mark = "-- " if alone and call_id.startswith("-") else ""
    return mark + shlex.quote(call_id)


def why_not_as_the_rules_say(document: Mapping[str, Any]) -> str | None:
    """Where the rules would put an explained call now, and why it does not stand there.

    None if it does stand there.
    """
    answer, match = document["by_the_rules_now"], document["match"]
    now = answer.get("session_key") or answer["verdict"]
    if now == (match["session_key"] if match else document["verdict"]):
        return None
    return f"{now}. {_why_not(document)}"


def _why_not(document: Mapping[str, Any]) -> str:
    if document["enrichment"]:
        return "A call that has an enrichment stays in its session while its record says the same."
    if document["verdict"] == Verdict.WAITING:
        return "The next run of the job looks at it."
    if document["match"]:
        return "The job has not looked at the call since; it does when its record changes."
    return (
        "The job has not looked at the call since; it does when a key of it is seen newly, or "
        f"after: collector retry --reason {document['reason']} "
        f"--call-id {quoted(document['call_id'])}"
    )


def doubt(enrichment: Mapping[str, Any]) -> str | None:
    """What is to be known of a revision that was sent and never answered."""
    if enrichment["doubtful_revision"] <= enrichment["accepted_revision"]:
        return None
    before = "what was accepted before" if enrichment["accepted_revision"] else "nothing"
    return (
        f"Revision {enrichment['doubtful_revision']} was sent without an answer: Contentsquare "
        f"may hold it, or {before}."
    )
