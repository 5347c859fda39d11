"""From what was seen to what is the matter: pure, the rules in the order in which they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from collector.domain import outcomes
from collector.domain.installation import is_web_origin, origin_name
from collector.verify import policy
from collector.verify.observation import (
    BEACON_PATH,
    Beacon,
    Observation,
    Script,
    Violation,
    beacons_of,
    is_snippet,
    origin_of,
    parts_of,
)
from collector.verify.texts import (
    CLICK_FOUND_NOTHING,
    INTEGRITY_MISMATCH,
    INTEGRITY_WITHOUT_CORS,
    KEY_NOT_FOUND,
    NO_KEY_TOLD,
    PAGE_FAILURES,
    PAGE_GONE,
    PAGE_OTHER_REMEDY,
    PAGE_STATUS_REMEDY,
    PAGE_UNRESPONSIVE,
    POLICY_BY_HOST,
    POLICY_BY_NONCE,
    POLICY_UNREAD,
    REFUSAL_BY_LOAD,
    REFUSAL_CHECK,
    REFUSAL_OF_OTHERS,
    REFUSALS,
    SOURCES,
    TEXTS,
    Code,
)

NOT_ANSWERED = "no answer came"


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """One finding, in words. ``lasting``: waiting longer would not change it."""

    code: Code
    explanation: str
    remedy: str
    lasting: bool

    @property
    def is_well(self) -> bool:
        """Whether sessions of this page can be matched with calls."""
        return self.code is Code.STORED


def diagnose(seen: Observation, *, keys_expected: bool = True) -> Diagnosis:
    """What holds of the page, the same for the same observation.

    Args:
        keys_expected: False where the calls name their session themselves, so that a session
            without a match key is as good.
    """
    if not seen.is_open:
        return _page(seen)
    answered = seen.answered
    if answered and answered.status is not None:
        return _outcome(seen, answered, keys_expected=keys_expected)
    for rule in _RULES:
        found = rule(seen)
        if found is not None:
            return found
    return _say(Code.NOTHING_SENT, seen)


def _page(seen: Observation) -> Diagnosis:
    status, failure = seen.opening.status, seen.opening.failure or ""
    if (status or 200) >= 400:
        why, how = f"it is answered with the status {status}", PAGE_STATUS_REMEDY
    elif not failure and not seen.responds:
        why, how = PAGE_UNRESPONSIVE
    elif not failure:
        why, how = PAGE_GONE
        # A redirect by script looks the same for a moment.
        return _say(Code.PAGE_NOT_OPENED, seen, lasting=False, why=why, how=how)
    else:
        known = (told[1:] for told in PAGE_FAILURES if told[0] in failure)
        why, how = next(known, (failure, PAGE_OTHER_REMEDY))
    return _say(Code.PAGE_NOT_OPENED, seen, why=why, how=how)


def _outcome(seen: Observation, beacon: Beacon, *, keys_expected: bool) -> Diagnosis:
    """What the newest beacon that was answered has come to."""
    session, keys = seen.judged
    if beacon.status != 204:
        if beacon.code and session and session.flaw:
            return _say(Code.SESSION_UNREADABLE, seen, lasting=True)
        return _refused(seen, beacon)
    if beacon.ignored:
        return _say(Code.KEY_LEFT_OUT, seen, ignored=beacon.ignored)
    kinds = sorted(kind for kind, value in keys.items() if value)
    if keys_expected and not kinds:
        return _say(Code.STORED_WITHOUT_KEY, seen, how=_key_remedy(seen))
    return _say(Code.STORED, seen, keys=f", with {', '.join(kinds)}" if kinds else "")


def _key_remedy(seen: Observation) -> str:
    things = []
    for rule in seen.unfound.values():
        source, _, place = rule.partition(":")
        things.append(SOURCES.get(source, rule).format(place=place))
    return KEY_NOT_FOUND.format(things=", ".join(things)) if things else NO_KEY_TOLD


def _refused(seen: Observation, beacon: Beacon) -> Diagnosis:
    status, code = beacon.status or 0, beacon.code
    if code:
        refusal = f"{code} (status {status})"
    else:
        refusal = f"status {status}, without a code of the collector"
    origin = origin_name(beacon.origin)
    how = (REFUSAL_CHECK + _refusal_remedy(status, code)).format(
        project_id=_project(seen),
        # It goes into a command, so nothing stands there but what can be an origin.
        origin=origin if is_web_origin(origin) else "ORIGIN",
        path=parts_of(beacon.address).path or BEACON_PATH,
    )
    return _say(Code.BEACON_REFUSED, seen, refusal=refusal, how=how)


def _refusal_remedy(status: int, code: str | None) -> str:
    if code in REFUSALS:
        return REFUSALS[code]
    if code:
        return outcomes.REMEDIES.get(code, outcomes.UNKNOWN).text
    return REFUSAL_BY_LOAD if status == 429 else REFUSAL_OF_OTHERS


def _beacon_policy(seen: Observation) -> Diagnosis | None:
    blocked = next((item for item in seen.violations if _is_beacon(item, seen)), None)
    if blocked is None:
        return None
    directive, how = _advice(blocked)
    return _say(
        Code.BEACON_BLOCKED_BY_CSP, seen, beacon=blocked.address, directive=directive, how=how
    )


def _is_beacon(violation: Violation, seen: Observation) -> bool:
    """Whether it is a beacon that was blocked, and no request of the page's own."""
    if violation.directive != "connect-src":
        return False
    if is_snippet(violation.source):
        return True
    if seen.live and not seen.scripts:
        # A tag manager holds the snippet's code itself: only the path tells a beacon then.
        return parts_of(violation.address).path.endswith(BEACON_PATH)
    return violation.address in {beacons_of(script.address) for script in seen.scripts}


def _beacon_failed(seen: Observation) -> Diagnosis | None:
    beacon = seen.answered
    return _say(Code.BEACON_BLOCKED, seen, failure=beacon.failure) if beacon else None


def _beacon_pending(seen: Observation) -> Diagnosis | None:
    return _say(Code.BEACON_UNANSWERED, seen) if seen.beacons else None


def _snippet(seen: Observation) -> Diagnosis | None:
    """Why it does not run; None if it does."""
    script = seen.script
    if seen.live:
        return None
    if script is None:
        return _say(Code.SNIPPET_ABSENT, seen)
    if script.held_back:
        return _without_consent(Code.SNIPPET_HELD_BACK, seen)
    for violation in seen.violations:
        if violation.directive.startswith("script-src") and violation.address == script.address:
            directive, how = _advice(violation)
            return _say(Code.SNIPPET_BLOCKED_BY_CSP, seen, directive=directive, how=how)
    if seen.download and seen.download.failure == "csp":
        how = POLICY_UNREAD.format(origin=origin_of(script.address))
        return _say(Code.SNIPPET_BLOCKED_BY_CSP, seen, directive="script-src", how=how)
    return _download(seen, script)


def _download(seen: Observation, script: Script) -> Diagnosis:
    download = seen.download
    if download is None:
        return _say(Code.SNIPPET_DID_NOT_RUN, seen)
    if download.status is None:
        return _say(
            Code.SNIPPET_BLOCKED,
            seen,
            lasting=bool(download.failure),
            failure=download.failure or NOT_ANSWERED,
        )
    if download.status >= 400:
        return _say(Code.SNIPPET_NOT_SERVED, seen, status=download.status)
    if script.failed and script.has_integrity:
        why, how = INTEGRITY_MISMATCH if script.has_crossorigin else INTEGRITY_WITHOUT_CORS
        return _say(Code.SNIPPET_INTEGRITY_FAILED, seen, why=why, how=how)
    return _say(Code.SNIPPET_DID_NOT_RUN, seen, lasting=script.failed)


def _withheld(seen: Observation) -> Diagnosis | None:
    withheld = seen.withheld
    script = seen.script
    if not seen.debugged and script:
        # The snippet's second file was not let in: the page tells as much as this.
        if seen.gpc and not script.ignores_gpc:
            withheld = "gpc"
        elif script.requires_consent and seen.called:
            withheld = "consent"
    if withheld == "consent":
        return _without_consent(Code.NO_CONSENT, seen)
    code = {"opt_out": Code.OPTED_OUT, "gpc": Code.PRIVACY_CONTROL}.get(withheld or "")
    return _say(code, seen) if code else None


def _without_consent(code: Code, seen: Observation) -> Diagnosis:
    """A click that was to give it, and found nothing, is what there is to correct first."""
    found = _say(code, seen)
    missed = next((click.selector for click in seen.clicks if not click.done), None)
    if missed is None:
        return found
    return replace(found, remedy=CLICK_FOUND_NOTHING.format(selector=repr(missed)))


def _tag(seen: Observation) -> Diagnosis | None:
    return None if seen.tag else _say(Code.TAG_ABSENT, seen)


def _page_view(seen: Observation) -> Diagnosis | None:
    return None if seen.called else _say(Code.NO_PAGE_VIEW, seen)


def _session(seen: Observation) -> Diagnosis | None:
    if seen.session and not seen.session.flaw:
        return None
    if seen.session is None and not seen.debugged:
        return None
    return _say(Code.SESSION_UNREADABLE, seen)


_RULES: tuple[Callable[[Observation], Diagnosis | None], ...] = (
    _beacon_policy,
    _beacon_failed,
    _beacon_pending,
    _snippet,
    _withheld,
    _tag,
    _page_view,
    _session,
)


def _advice(violation: Violation) -> tuple[str, str]:
    """The directive that blocks, and what to do about it."""
    advice = policy.advise(violation.policy, violation.directive, origin_of(violation.address))
    words = POLICY_BY_NONCE if advice.by_nonce else POLICY_BY_HOST.format(line=advice.line)
    return advice.directive, words


def _project(seen: Observation) -> str:
    session, _ = seen.judged
    return str(session.project_id) if session and session.project_id else "PROJECT_ID"


def _say(
    code: Code, seen: Observation, *, lasting: bool | None = None, **facts: object
) -> Diagnosis:
    """The finding in the table's words; ``facts`` fill them."""
    text = TEXTS[code]
    session, _ = seen.judged
    known = {
        "snippet": seen.script.address if seen.script else "",
        "beacon": (seen.beacons[-1].address if seen.beacons else "") or "the collector",
        "project_id": _project(seen),
        "complaints": _listed("The browser says", seen.complaints),
        "flaw": f": {session.flaw}" if session and session.flaw else "",
        "unfound": "".join(
            f" No {kind}: {rule} finds nothing." for kind, rule in seen.unfound.items()
        ),
        "problems": _listed("The snippet says", seen.problems),
        "tag": _tag_failure(seen),
    } | facts
    return Diagnosis(
        code=code,
        explanation=text.explains.format(**known),
        remedy=text.remedy.format(**known),
        lasting=text.lasting if lasting is None else lasting,
    )


def _listed(who: str, told: tuple[str, ...]) -> str:
    return f" {who}: {'; '.join(told)}" if told else ""


def _tag_failure(seen: Observation) -> str:
    """Contentsquare's own script, if the page asks for it and does not get it."""
    for download in reversed(seen.tag_downloads):
        if download.status is not None and download.status >= 400:
            return f" {download.address} is answered with the status {download.status}."
        if download.failure:
            return f" {download.address} does not arrive: {download.failure}."
    return ""
