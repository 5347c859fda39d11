"""One row for each thing that can be the matter with a page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.domain import outcomes
from collector.verify.diagnosis import diagnose
from collector.verify.observation import Click, Download, Observation, Script
from collector.verify.texts import TEXTS, Code
from tests.verify.pages import (
    BEACON,
    DOWNLOAD,
    ORIGIN,
    SESSION,
    SESSIONS,
    SNIPPET,
    UNSENT,
    WELL,
    answered,
    blocked,
    not_running,
    opening,
)

OWN_SOURCES = "default-src 'none'; script-src 'self'; connect-src 'self'"
HELD = Script(address=SNIPPET, held_back=True)
BROKEN = Script(address=SNIPPET, failed=True)
REFUSED_BY_HASH = replace(BROKEN, has_integrity=True, has_crossorigin=True)
FLAWED = replace(SESSION, project_id=0, flaw="it has no projectId")
TAG = "https://t.contentsquare.net/uxa/abc.js"

#: What was seen, the code, words of the explanation, words of the remedy.
CASES: list[tuple[Observation, Code, str, str]] = [
    (opening(failure="net::ERR_NAME_NOT_RESOLVED"), Code.PAGE_NOT_OPENED, "host is unknown", "DNS"),
    (opening(failure="net::ERR_CONNECTION_REFUSED"), Code.PAGE_NOT_OPENED, "listens", "port"),
    (
        opening(failure="net::ERR_CERT_DATE_INVALID"),
        Code.PAGE_NOT_OPENED,
        "not valid",
        "certificate",
    ),
    (opening(failure="net::ERR_SSL_PROTOCOL_ERROR"), Code.PAGE_NOT_OPENED, "TLS", "http://"),
    (
        opening(failure="no answer within 20 s"),
        Code.PAGE_NOT_OPENED,
        "there was no answer within 20 s",
        "firewall",
    ),
    (
        opening(failure="net::ERR_CONNECTION_TIMED_OUT"),
        Code.PAGE_NOT_OPENED,
        "does not answer",
        "firewall",
    ),
    (opening(failure="Download is starting"), Code.PAGE_NOT_OPENED, "a download", "a page"),
    (opening(failure="net::ERR_ODD"), Code.PAGE_NOT_OPENED, "net::ERR_ODD", "in a browser"),
    (opening(status=404), Code.PAGE_NOT_OPENED, "status 404", "--user-agent"),
    (
        opening(status=500, failure="net::ERR_HTTP_RESPONSE_CODE_FAILURE"),
        Code.PAGE_NOT_OPENED,
        "status 500",
        "in a browser",
    ),
    (replace(UNSENT, responds=False), Code.PAGE_NOT_OPENED, "own scripts", "without end"),
    (replace(UNSENT, stays=False), Code.PAGE_NOT_OPENED, "does not stay", "loads itself"),
    (not_running(scripts=()), Code.SNIPPET_ABSENT, "/v1/snippet.js", "--click"),
    (not_running(script=HELD), Code.SNIPPET_HELD_BACK, SNIPPET, "--click"),
    (
        not_running(
            violations=(blocked("script-src-elem", SNIPPET, OWN_SOURCES),),
            downloads=(replace(DOWNLOAD, status=None, failure="csp"),),
        ),
        Code.SNIPPET_BLOCKED_BY_CSP,
        "directive script-src.",
        "script-src 'self' https://collector.example.com",
    ),
    (
        not_running(
            violations=(blocked("script-src-elem", SNIPPET, "script-src 'strict-dynamic'"),)
        ),
        Code.SNIPPET_BLOCKED_BY_CSP,
        "script-src",
        "nonce",
    ),
    (
        not_running(downloads=(replace(DOWNLOAD, status=None, failure="csp"),)),
        Code.SNIPPET_BLOCKED_BY_CSP,
        "directive script-src.",
        "Add https://collector.example.com to its script-src",
    ),
    (
        not_running(
            downloads=(replace(DOWNLOAD, status=None, failure="net::ERR_BLOCKED_BY_CLIENT"),)
        ),
        Code.SNIPPET_BLOCKED,
        "net::ERR_BLOCKED_BY_CLIENT",
        "blocker",
    ),
    (
        not_running(downloads=(replace(DOWNLOAD, status=None),)),
        Code.SNIPPET_BLOCKED,
        "no answer came",
        "collector serve",
    ),
    (
        not_running(downloads=(replace(DOWNLOAD, status=404, failure="net::ERR_ABORTED"),)),
        Code.SNIPPET_NOT_SERVED,
        "status 404",
        "collector snippet",
    ),
    (
        not_running(script=REFUSED_BY_HASH),
        Code.SNIPPET_INTEGRITY_FAILED,
        "another hash",
        "collector snippet",
    ),
    (
        not_running(script=replace(REFUSED_BY_HASH, has_crossorigin=False)),
        Code.SNIPPET_INTEGRITY_FAILED,
        "crossorigin",
        'crossorigin="anonymous"',
    ),
    (
        not_running(script=BROKEN, complaints=("its MIME type is not executable",)),
        Code.SNIPPET_DID_NOT_RUN,
        "its MIME type",
        "console",
    ),
    (not_running(downloads=()), Code.SNIPPET_DID_NOT_RUN, SNIPPET, "console"),
    (not_running(), Code.SNIPPET_DID_NOT_RUN, SNIPPET, "window.sessionCollector"),
    (replace(UNSENT, tag=False), Code.TAG_ABSENT, "_uxa", "--click"),
    (
        replace(UNSENT, tag=False, tag_downloads=(Download(address=TAG, status=404),)),
        Code.TAG_ABSENT,
        f"{TAG} is answered with the status 404",
        "Install",
    ),
    (
        replace(UNSENT, tag=False, tag_downloads=(Download(address=TAG, failure="csp"),)),
        Code.TAG_ABSENT,
        f"{TAG} does not arrive: csp",
        "Install",
    ),
    (replace(UNSENT, called=0), Code.NO_PAGE_VIEW, "afterPageView", "--user-agent"),
    (
        replace(UNSENT, session=None, problems=("no sessionKey",)),
        Code.SESSION_UNREADABLE,
        "no sessionKey",
        "csqDebuggerEnabled",
    ),
    (
        replace(UNSENT, session=FLAWED),
        Code.SESSION_UNREADABLE,
        "can be read: it has no projectId.",
        "csqDebuggerEnabled",
    ),
    (
        answered(status=400, code="invalid_beacon", session=FLAWED),
        Code.SESSION_UNREADABLE,
        "can be read: it has no projectId.",
        "why its context has no projectId",
    ),
    (replace(UNSENT, withheld="consent"), Code.NO_CONSENT, "data-require-consent", "--click"),
    (
        replace(UNSENT, withheld="consent", tag=False, called=0),
        Code.NO_CONSENT,
        "data-require-consent",
        "--click",
    ),
    (replace(UNSENT, withheld="opt_out"), Code.OPTED_OUT, "optOut", "optIn"),
    (
        replace(UNSENT, withheld="gpc"),
        Code.PRIVACY_CONTROL,
        "Global Privacy Control",
        "collector installation edit 162 --ignore-gpc",
    ),
    (UNSENT, Code.NOTHING_SENT, "sent nothing", "csqDebuggerEnabled"),
    (UNSENT, Code.NOTHING_SENT, "sent nothing", '["endpoint", "https://'),
    (UNSENT, Code.NOTHING_SENT, "sent nothing", "replaced fetch"),
    (
        replace(UNSENT, violations=(blocked("connect-src", SESSIONS, OWN_SOURCES),)),
        Code.BEACON_BLOCKED_BY_CSP,
        "directive connect-src.",
        "connect-src 'self' https://collector.example.com",
    ),
    (
        replace(
            UNSENT,
            violations=(blocked("connect-src", "https://in.example.com/x", "", source=SNIPPET),),
        ),
        Code.BEACON_BLOCKED_BY_CSP,
        "https://in.example.com/x",
        "connect-src https://in.example.com",
    ),
    (
        replace(
            answered(failure="Failed to fetch"),
            violations=(blocked("connect-src", SESSIONS, OWN_SOURCES),),
        ),
        Code.BEACON_BLOCKED_BY_CSP,
        SESSIONS,
        "connect-src",
    ),
    (
        answered(failure="net::ERR_CONNECTION_REFUSED"),
        Code.BEACON_BLOCKED,
        f"{SESSIONS} does not arrive: net::ERR_CONNECTION_REFUSED",
        "collector serve",
    ),
    (answered(), Code.BEACON_UNANSWERED, SESSIONS, "--timeout"),
    (
        answered(status=403, code="origin_not_allowed"),
        Code.BEACON_REFUSED,
        "origin_not_allowed (status 403)",
        "--add-origin https://www.shop.example",
    ),
    (
        answered(status=404, code="unknown_project"),
        Code.BEACON_REFUSED,
        "unknown_project",
        "collector installation add --project-id 162",
    ),
    (answered(status=403, code="opted_out"), Code.BEACON_REFUSED, "opted_out", "--ignore-gpc"),
    (answered(status=400, code="brand_new"), Code.BEACON_REFUSED, "brand_new", "docs/http.md"),
    (answered(status=429), Code.BEACON_REFUSED, "status 429", "later"),
    (answered(status=405), Code.BEACON_REFUSED, "without a code", "POST /v1/sessions"),
    (answered(status=200), Code.BEACON_REFUSED, "status 200", "not the collector's"),
    (
        answered(status=204, ignored="keys.visitor_id is too long"),
        Code.KEY_LEFT_OUT,
        "keys.visitor_id is too long",
        "200 characters",
    ),
    (
        replace(answered(status=204, keys={}), problems=("data-key-x: no such cookie",)),
        Code.STORED_WITHOUT_KEY,
        "data-key-x: no such cookie",
        '["set", {KIND: VALUE}]',
    ),
    (
        replace(answered(status=204, keys={}), missing={"visitor_id": "cookie:visitor"}),
        Code.STORED_WITHOUT_KEY,
        "finds it. No visitor_id: cookie:visitor finds nothing.",
        "the cookie visitor",
    ),
    (
        replace(answered(status=204, keys={}), missing={"a": "text:#a", "b": "js:b.{c}"}),
        Code.STORED_WITHOUT_KEY,
        "No a: text:#a finds nothing. No b: js:b.{c} finds nothing.",
        "the element #a, the variable b.{c}. ",
    ),
    (WELL, Code.STORED, "with tracking_number, visitor_id", "Nothing"),
]


@pytest.mark.parametrize(
    ("seen", "code", "explanation", "remedy"),
    CASES,
    ids=[f"{case[1]}-{number}" for number, case in enumerate(CASES)],
)
def test_each_fault_is_named_with_its_remedy(
    seen: Observation, code: Code, explanation: str, remedy: str
) -> None:
    found = diagnose(seen)
    assert found.code is code
    assert explanation in found.explanation
    assert remedy in found.remedy
    assert found.is_well is (code is Code.STORED)


def test_every_code_has_its_words_and_a_case() -> None:
    assert set(TEXTS) == set(Code) == {case[1] for case in CASES}


@pytest.mark.parametrize("code", sorted(outcomes.REMEDIES))
def test_each_refusal_of_the_collector_has_a_remedy_and_the_command_that_tells_more(
    code: str,
) -> None:
    found = diagnose(answered(status=400, code=code))
    assert outcomes.UNKNOWN.text not in found.remedy
    assert "collector installation check 162" in found.remedy
    assert "{" not in found.remedy


@pytest.mark.parametrize(
    "seen", [replace(UNSENT, session=FLAWED), answered(status=400, code="x", session=FLAWED)]
)
def test_where_no_project_is_told_nobody_is_sent_to_one(seen: Observation) -> None:
    assert "PROJECT_ID" not in diagnose(seen).remedy


@pytest.mark.parametrize("seen", [replace(UNSENT, withheld="consent"), not_running(script=HELD)])
def test_a_click_that_found_nothing_is_what_to_correct_where_consent_is_missing(
    seen: Observation,
) -> None:
    clicks = (Click(selector="#more", done=True), Click(selector="#{no}"))
    found = diagnose(replace(seen, clicks=clicks))
    assert found.remedy.startswith("--click '#{no}' found nothing: correct the selector.")
    assert "found nothing" not in diagnose(replace(seen, clicks=clicks[:1])).remedy


def test_without_keys_expected_a_session_without_one_is_as_good() -> None:
    assert diagnose(answered(status=204, keys={}), keys_expected=False).code is Code.STORED


def test_the_newest_outcome_counts_and_a_request_under_way_does_not_hide_it() -> None:
    without = replace(BEACON, keys={})
    under_way = replace(BEACON, status=None)
    assert diagnose(replace(WELL, beacons=(without, BEACON))).code is Code.STORED
    seen = replace(WELL, beacons=(without, under_way))
    assert diagnose(seen).code is Code.STORED_WITHOUT_KEY


@pytest.mark.parametrize("unread", [{"responds": False}, {"stays": False}])
def test_a_stored_session_counts_though_its_page_cannot_be_asked(unread: dict[str, bool]) -> None:
    seen = replace(WELL, scripts=(), tag=False, called=0, debugged=False, **unread)  # type: ignore[arg-type]
    assert diagnose(seen).code is Code.STORED
    failed = replace(seen, beacons=(replace(BEACON, status=None, failure="net::ERR_ODD"),))
    assert diagnose(failed).code is Code.PAGE_NOT_OPENED


@pytest.mark.parametrize(
    "origin", ["", "null", "https://", "https://shop.example; rm", "https://\x1b[2J", "http://["]
)
def test_what_is_no_origin_does_not_get_into_a_command(origin: str) -> None:
    found = diagnose(answered(status=403, code="origin_not_allowed", origin=origin))
    assert "--add-origin ORIGIN" in found.remedy


@pytest.mark.parametrize("address", [f"{ORIGIN}/v1/sessions", "http://["])
def test_a_blocked_request_of_the_pages_own_is_no_blocked_beacon(address: str) -> None:
    seen = replace(UNSENT, violations=(blocked("connect-src", address, OWN_SOURCES),))
    assert diagnose(seen).code is Code.NOTHING_SENT


def test_a_blocked_beacon_of_a_snippet_without_an_address_is_told_by_its_path() -> None:
    violations = (blocked("connect-src", SESSIONS, OWN_SOURCES),)
    seen = replace(UNSENT, scripts=(), violations=violations)
    assert diagnose(seen).code is Code.BEACON_BLOCKED_BY_CSP
    assert diagnose(replace(seen, live=False)).code is Code.SNIPPET_ABSENT


def test_a_tag_that_is_held_back_does_not_hide_one_that_is_meant_to_load() -> None:
    seen = not_running(scripts=(HELD, Script(address=SNIPPET, failed=True)))
    assert diagnose(seen).code is Code.SNIPPET_DID_NOT_RUN


def test_a_blocked_second_file_of_the_snippet_is_no_blocked_snippet() -> None:
    debug = SNIPPET.replace("snippet.js", "debug.js")
    seen = replace(WELL, violations=(blocked("script-src-elem", debug, OWN_SOURCES),))
    assert diagnose(seen).code is Code.STORED


@pytest.mark.parametrize(
    ("script", "changes", "code"),
    [
        (Script(address=SNIPPET), {"gpc": True}, Code.PRIVACY_CONTROL),
        (Script(address=SNIPPET, ignores_gpc=True), {"gpc": True}, Code.NOTHING_SENT),
        (Script(address=SNIPPET, requires_consent=True), {}, Code.NO_CONSENT),
        (Script(address=SNIPPET, requires_consent=True), {"called": 0}, Code.NO_PAGE_VIEW),
        (Script(address=SNIPPET), {}, Code.NOTHING_SENT),
    ],
)
def test_where_the_snippet_cannot_tell_the_page_itself_is_read(
    script: Script, changes: dict[str, object], code: Code
) -> None:
    silent = replace(UNSENT, debugged=False, session=None, scripts=(script,))
    assert diagnose(replace(silent, **changes)).code is code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "lasting"),
    [
        (opening(status=404), True),
        (replace(UNSENT, stays=False), False),
        (not_running(scripts=()), False),
        (not_running(), False),
        (not_running(script=BROKEN), True),
        (not_running(downloads=(replace(DOWNLOAD, status=None),)), False),
        (not_running(downloads=(replace(DOWNLOAD, status=None, failure="x"),)), True),
        (replace(UNSENT, tag=False), False),
        (replace(UNSENT, withheld="consent"), False),
        (replace(UNSENT, withheld="gpc"), True),
        (answered(), False),
        (answered(status=404, code="unknown_project"), True),
        (answered(status=204, keys={}), False),
    ],
)
def test_waiting_ends_only_for_what_waiting_cannot_change(seen: Observation, lasting: bool) -> None:
    assert diagnose(seen).lasting is lasting
