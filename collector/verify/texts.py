"""Everything that ``collector verify`` concludes: the codes, what each means, and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: How long the page itself has for its first byte; what comes after it has --timeout.
OPEN_SECONDS = 20
NO_ANSWER_IN_TIME = f"no answer within {OPEN_SECONDS} s"


class Code(StrEnum):
    """What was found. Stable: programs read it."""

    PAGE_NOT_OPENED = "page_not_opened"
    SNIPPET_ABSENT = "snippet_absent"
    SNIPPET_HELD_BACK = "snippet_held_back"
    SNIPPET_BLOCKED_BY_CSP = "snippet_blocked_by_csp"
    SNIPPET_BLOCKED = "snippet_blocked"
    SNIPPET_NOT_SERVED = "snippet_not_served"
    SNIPPET_INTEGRITY_FAILED = "snippet_integrity_failed"
    SNIPPET_DID_NOT_RUN = "snippet_did_not_run"
    TAG_ABSENT = "tag_absent"
    NO_PAGE_VIEW = "no_page_view"
    SESSION_UNREADABLE = "session_unreadable"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    PRIVACY_CONTROL = "privacy_control"
    NOTHING_SENT = "nothing_sent"
    BEACON_BLOCKED_BY_CSP = "beacon_blocked_by_csp"
    BEACON_BLOCKED = "beacon_blocked"
    BEACON_UNANSWERED = "beacon_unanswered"
    BEACON_REFUSED = "beacon_refused"
    KEY_LEFT_OUT = "key_left_out"
    STORED_WITHOUT_KEY = "stored_without_key"
    STORED = "stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """``explains`` and ``remedy`` are templates. ``lasting``: waiting would not change it."""

    explains: str
    remedy: str
    lasting: bool = False


TEXTS = {
    Code.PAGE_NOT_OPENED: Text(
        explains="The page cannot be opened: {why}.",
        remedy="{how}",
        lasting=True,
    ),
    Code.SNIPPET_ABSENT: Text(
        explains="The page has no snippet: no script of it has an address that ends in "
        "/v1/snippet.js.",
        remedy="Put the tag that `collector snippet` prints on this page, or publish the tag "
        "manager's container. If a consent banner brings it: --click SELECTOR. If it comes "
        "later: --timeout SECONDS.",
    ),
    Code.SNIPPET_HELD_BACK: Text(
        explains="The snippet's tag {snippet} is on the page, but something holds it back, as "
        "consent tools do.",
        remedy="Give the consent with --click SELECTOR. If the snippet is to wait by itself: a "
        "plain script tag with data-require-consent.",
    ),
    Code.SNIPPET_BLOCKED_BY_CSP: Text(
        explains="The page's Content Security Policy blocks the snippet {snippet}, by its "
        "directive {directive}.",
        remedy="{how}",
        lasting=True,
    ),
    Code.SNIPPET_BLOCKED: Text(
        explains="The snippet {snippet} does not arrive: {failure}.",
        remedy="Open that address from this machine. Is the host right, is `collector serve` up "
        "behind its proxy, is its certificate valid, does a blocker or a firewall stand between?",
        lasting=True,
    ),
    Code.SNIPPET_NOT_SERVED: Text(
        explains="The snippet {snippet} is answered with the status {status}.",
        remedy="Correct the address to the one that `collector snippet` prints, or make the proxy "
        "pass /v1/ on to `collector serve`.",
        lasting=True,
    ),
    Code.SNIPPET_INTEGRITY_FAILED: Text(
        explains="The browser refuses the snippet {snippet} by its integrity attribute: {why}.",
        remedy="{how}",
        lasting=True,
    ),
    Code.SNIPPET_DID_NOT_RUN: Text(
        explains="The snippet {snippet} is on the page, but does not run.{complaints}",
        remedy="Open the browser's console on the page. Usual causes: the address answers with "
        "something else than the script, an optimiser has changed or delayed the tag, the page "
        "has made something of its own of window.sessionCollector.",
    ),
    Code.TAG_ABSENT: Text(
        explains="The snippet runs, but Contentsquare's tag is absent: nothing has taken over "
        "window._uxa.{tag}",
        remedy="Install Contentsquare's tag on this page; without it there is no session. If it "
        "waits for consent: --click SELECTOR. If it comes later: --timeout SECONDS.",
    ),
    Code.NO_PAGE_VIEW: Text(
        explains="Contentsquare's tag is there, but has not called afterPageView.",
        remedy="Is the page in the project's tracked domains, its visitors sampled in, and is "
        "consent given (--click SELECTOR)? The tag may ignore a headless browser: --user-agent. "
        "The page must not set window._uxa anew after the snippet.",
    ),
    Code.SESSION_UNREADABLE: Text(
        explains="Contentsquare's tag called afterPageView, but told no session that can be "
        "read{flaw}.{problems}",
        remedy="Open the page with ?csqDebuggerEnabled=true and read the console; then ask "
        "Contentsquare why its context has no projectId, or no sessionKey that is a user id, a "
        "dot and a number.",
    ),
    Code.NO_CONSENT: Text(
        explains="Nothing is sent, because the tag has data-require-consent and no consent was "
        "given.",
        remedy="Give it here with --click SELECTOR. On the page, the consent tool has to run: "
        'sessionCollector.push(["consent", true]).',
    ),
    Code.OPTED_OUT: Text(
        explains='Nothing is sent, because the page has opted out: it gave the command "optOut".',
        remedy='Find out where the page gives it. Its reverse: sessionCollector.push(["optIn"]).',
    ),
    Code.PRIVACY_CONTROL: Text(
        explains="Nothing is sent, because the browser asks for privacy by Global Privacy Control.",
        remedy="For that visitor it is right. An installation that need not honour it has "
        'data-gpc="ignore" on the tag, and: collector installation edit {project_id} --ignore-gpc',
        lasting=True,
    ),
    Code.NOTHING_SENT: Text(
        explains="Contentsquare's tag called afterPageView, but the snippet sent "
        "nothing.{problems}",
        remedy="Open the page with ?csqDebuggerEnabled=true and read the console. Two causes it "
        "cannot tell. The snippet does not know its address, as where a tag manager holds its "
        'code: load it by src, or give sessionCollector.push(["endpoint", '
        '"https://HOST/v1/sessions"]). Or a script has replaced fetch by something that neither '
        "sends nor fails: find it, and correct or remove it.",
    ),
    Code.BEACON_BLOCKED_BY_CSP: Text(
        explains="The page's Content Security Policy blocks the request to {beacon}, by its "
        "directive {directive}.",
        remedy="{how}",
        lasting=True,
    ),
    Code.BEACON_BLOCKED: Text(
        explains="The request to {beacon} does not arrive: {failure}.",
        remedy="Is that address right and `collector serve` up behind its proxy? Does a blocker "
        "or a firewall stand between, or does the page replace fetch?",
        lasting=True,
    ),
    Code.BEACON_UNANSWERED: Text(
        explains="The request to {beacon} was sent, but not answered.",
        remedy="Look at the collector's /readyz and at its proxy's log. With a longer --timeout "
        "the answer may still come.",
    ),
    Code.BEACON_REFUSED: Text(
        explains="The request to {beacon} was refused: {refusal}.",
        remedy="{how}",
        lasting=True,
    ),
    Code.KEY_LEFT_OUT: Text(
        explains="The session is stored, but the collector left a key out: {ignored}.",
        remedy="Correct that key on the page: its kind has at most 30 of a-z, 0-9 and _, its "
        "value at most 200 characters, and there are at most 10 of them.",
    ),
    Code.STORED_WITHOUT_KEY: Text(
        explains="The session is stored, but without a match key, so that no call finds it."
        "{unfound}{problems}",
        remedy="{how} If it comes later: --timeout SECONDS. If the calls name their session "
        "themselves: --without-keys.",
    ),
    Code.STORED: Text(
        explains="The session is stored{keys}.",
        remedy="Nothing to do.",
        lasting=True,
    ),
}

#: What the browser says of a page that it cannot open: its words, ours, and the remedy.
PAGE_FAILURES = (
    (
        "ERR_NAME_NOT_RESOLVED",
        "its host is unknown",
        "Correct the address, or look at the name in DNS.",
    ),
    (
        "ERR_CONNECTION_REFUSED",
        "nothing listens there",
        "Correct the host and port, or start the site.",
    ),
    (
        "ERR_CERT_",
        "its certificate is not valid",
        "Renew or correct the site's certificate: visitors are warned too.",
    ),
    (
        "ERR_SSL_",
        "it does not speak TLS",
        "Correct the address: perhaps http:// or another port.",
    ),
    (
        NO_ANSWER_IN_TIME,
        f"there was {NO_ANSWER_IN_TIME}",
        "Open it in a browser on this machine; a firewall may stand between.",
    ),
    (
        "TIMED_OUT",
        "its host does not answer",
        "Open it in a browser on this machine; a firewall may stand between.",
    ),
    (
        "ownload is starting",
        "it is a download",
        "Give the address of a page.",
    ),
)

PAGE_UNRESPONSIVE = (
    "its own scripts keep it from answering",
    "Open it in a browser: a script runs without end.",
)

PAGE_GONE = (
    "it does not stay long enough to be looked at",
    "Open it in a browser: it crashes, or loads itself or another page without end.",
)

PAGE_STATUS_REMEDY = (
    "Open it in a browser. If it is well there, the site keeps robots out, "
    "and may let --user-agent TEXT in; a page behind a login cannot be verified."
)

PAGE_OTHER_REMEDY = "Open it in a browser on this machine."

#: Where a click was to give the consent that is missing.
CLICK_FOUND_NOTHING = (
    "--click {selector} found nothing: correct the selector. If what it names comes later: "
    "--timeout SECONDS."
)

NO_KEY_TOLD = (
    'Tell a key, by data-key-KIND on the tag or by sessionCollector.push(["set", {KIND: VALUE}]).'
)
KEY_NOT_FOUND = (
    "Not there for this visitor, or empty: {things}. Let the page bring it, or correct the "
    "data-key attribute."
)

#: What a data-key attribute reads, by its source.
SOURCES = {
    "cookie": "the cookie {place} (an HttpOnly one cannot be read)",
    "meta": "the meta element {place}",
    "js": "the variable {place}",
    "text": "the element {place}",
}

INTEGRITY_WITHOUT_CORS = (
    "an integrity hash needs crossorigin on the tag as well",
    'Add crossorigin="anonymous" to the tag, as `collector snippet` prints it.',
)

INTEGRITY_MISMATCH = (
    "the script has another hash",
    (
        "Take the tag with the hash of the present version from `collector snippet`. The address "
        "/v1/snippet.js changes with each version; only the one with a hash in its name stays."
    ),
)

#: How a policy can let the collector in, with and without lists of hosts.
POLICY_BY_HOST = "The line has to be: {line}"
POLICY_BY_NONCE = (
    "It has 'strict-dynamic', beside which hosts do not count: give the tag the page's nonce, or "
    "let a trusted script add it."
)
#: Where the browser tells no more than that it was a policy.
POLICY_UNREAD = "Add {origin} to its script-src, as `collector snippet` prints it."

#: What to do about a code that the collector refused this page's beacon with, where it is not
#: what `collector.domain.outcomes` says of many.
REFUSALS = {
    "unknown_project": "The session is of project {project_id}, by Contentsquare's tag, and that "
    "has no installation on this collector. Correct the tag or the snippet's address, or add one: "
    "collector installation add --project-id {project_id}",
    "opted_out": "The browser asks for privacy by Global Privacy Control. Where it need not be "
    "honoured: collector installation edit {project_id} --ignore-gpc",
    "invalid_beacon": "The collector's answer says which field is wrong: hold what this page sends "
    "against docs/http.md, and look at scripts that replace fetch.",
    "malformed_body": "Something between the page and the collector changes what is sent: look "
    "at the proxy, and at scripts that replace fetch.",
}

REFUSAL_BY_LOAD = "The collector is asked too often: try again later."
REFUSAL_OF_OTHERS = (
    "The answer is not the collector's: make the proxy pass POST {path} on to `collector serve`, "
    "or correct the snippet's address."
)
REFUSAL_CHECK = "What else was refused: `collector installation check {project_id}`. "
