"""What can keep a session from being stored or found, each on a page with that very fault."""

from __future__ import annotations

from time import monotonic

from collector.verify.texts import Code
from tests.browser.customer import Customer
from tests.browser.receiver import Receiver
from tests.browser.site import TAG_SCRIPT, USER, Site, inline, snippet
from tests.browser.verifying import (
    KEYED,
    LONG,
    PATIENT,
    TAG,
    Verifier,
    closed_port,
    expect,
    script,
    silent_port,
)

#: By when a page that is waited for two seconds has been left, however it behaves.
ENOUGH = 8

GPC = inline("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});")


# 7: the visitor's wish


def test_no_consent(verify: Verifier, site: Site, receiver: Receiver) -> None:
    asking = script(receiver.url + "/v1/snippet.js", "data-require-consent")
    expect(verify(site.add_page(TAG_SCRIPT, KEYED, asking)), Code.NO_CONSENT, "--click")
    assert receiver.beacons == []


def test_clicks_on_a_banner_in_a_frame_give_the_consent(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    give = 'parent.sessionCollector.push(["consent", true])'
    site.add_page(
        "<button id=more onclick='yes.hidden = false'>More</button>",
        f"<button id=yes hidden onclick='{give}'>Yes</button>",
        path="/banner",
    )
    asking = script(receiver.url + "/v1/snippet.js", "data-require-consent")
    address = site.add_page(TAG_SCRIPT, KEYED, asking, "<iframe src=/banner></iframe>")
    finding = verify(address, clicks=("#more", "#yes"), wait_seconds=LONG)
    assert finding.diagnosis.is_well
    assert [click.done for click in finding.observation.clicks] == [True, True]


def test_a_click_that_finds_nothing_is_told_in_time_however_many_frames_hang(
    verify: Verifier, site: Site
) -> None:
    site.add_page(inline("setTimeout(() => { for (;;); })"), path="/hanging")
    other = site.url.replace("127.0.0.1", "localhost")
    frames = f"<iframe src={other}/hanging></iframe>" * 12
    began = monotonic()
    finding = verify(site.add_page(frames), clicks=("#nowhere",))
    assert [click.done for click in finding.observation.clicks] == [False]
    assert finding.observation.responds
    assert monotonic() - began < ENOUGH


def test_a_page_that_has_opted_out(verify: Verifier, site: Site, receiver: Receiver) -> None:
    out = inline('window.sessionCollector = [["optOut"]];')
    expect(verify(site.add_page(TAG_SCRIPT, out, snippet(receiver.url))), Code.OPTED_OUT)
    assert receiver.beacons == []


def test_global_privacy_control(verify: Verifier, site: Site, receiver: Receiver) -> None:
    address = site.add_page(TAG_SCRIPT, GPC, snippet(receiver.url))
    expect(verify(address), Code.PRIVACY_CONTROL, "--ignore-gpc")
    assert receiver.beacons == []


def test_what_can_be_told_where_the_policy_lets_in_the_snippet_but_not_its_second_file(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    address = receiver.url + "/v1/snippet.js"
    policy = f"script-src 'self' 'unsafe-inline' {address}"
    asking = script(address, "data-require-consent data-gpc=ignore")
    finding = verify(site.add_page(TAG_SCRIPT, GPC, asking, policy=policy))
    seen = finding.observation
    assert not seen.debugged
    assert seen.script is not None
    assert (seen.gpc, seen.script.ignores_gpc, seen.script.requires_consent) == (True, True, True)
    expect(finding, Code.NO_CONSENT)


# 8: the request


def test_a_request_that_the_pages_policy_blocks(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    address = site.add_page(TAG_SCRIPT, snippet(receiver.url), policy="connect-src 'self'")
    told = f"connect-src 'self' {receiver.url}"
    expect(verify(address), Code.BEACON_BLOCKED_BY_CSP, "directive connect-src.", told)
    mended = site.add_page(TAG_SCRIPT, snippet(receiver.url), policy=told)
    assert verify(mended, keys_expected=False).diagnosis.is_well


def endpoint(port: int) -> str:
    address = f"http://127.0.0.1:{port}/v1/sessions"
    return inline(f'window.sessionCollector = [["endpoint", "{address}"]];')


def test_a_request_whose_host_is_down(verify: Verifier, site: Site, receiver: Receiver) -> None:
    with closed_port() as port:
        address = site.add_page(TAG_SCRIPT, endpoint(port), snippet(receiver.url))
        expect(verify(address), Code.BEACON_BLOCKED, "ERR_CONNECTION_REFUSED", str(port))


def test_a_request_that_is_never_answered(verify: Verifier, site: Site, receiver: Receiver) -> None:
    with silent_port() as port:
        address = site.add_page(TAG_SCRIPT, endpoint(port), snippet(receiver.url))
        expect(verify(address), Code.BEACON_UNANSWERED, str(port))


# 9: refused


def test_an_origin_that_is_not_allowed_is_that_of_the_page_to_which_another_leads(
    verify: Verifier, customer: Customer
) -> None:
    there = customer.page(TAG, customer.snippet(), path="/there").replace("127.0.0.1", "localhost")
    here = customer.site.add_page(inline(f"location.replace('{there}')"))
    told = f"collector installation edit {customer.project} --add-origin {there[: -len('/there')]}"
    found = verify(here, wait_seconds=PATIENT)
    expect(found, Code.BEACON_REFUSED, "origin_not_allowed (status 403)")
    assert found.diagnosis.remedy.endswith(told), found


def test_a_project_that_has_no_installation(verify: Verifier, customer: Customer) -> None:
    address = customer.page(inline("CS_CONF.projectId = 999999"), TAG, customer.snippet())
    told = "collector installation check 999999"
    found = verify(address, wait_seconds=PATIENT)
    expect(found, Code.BEACON_REFUSED, "unknown_project", told)


def test_an_answer_that_is_not_the_collectors(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    receiver.answers.append(503)
    address = site.add_page(TAG_SCRIPT, snippet(receiver.url))
    expect(verify(address, wait_seconds=PATIENT), Code.BEACON_REFUSED, "status 503")


# 10 and 11: stored


def test_a_key_that_the_collector_leaves_out(verify: Verifier, customer: Customer) -> None:
    bad = inline(f'window.sessionCollector = [["set", {{visitor_id: "{"x" * 201}"}}]];')
    finding = verify(customer.page(TAG, bad, customer.snippet()))
    expect(finding, Code.KEY_LEFT_OUT, "keys.visitor_id")
    assert len(customer.sessions) == 1


def test_a_session_without_a_key(verify: Verifier, customer: Customer) -> None:
    address = customer.page(TAG, customer.snippet("data-key-visitor_id=cookie:visitor"))
    told = "No visitor_id: cookie:visitor finds nothing."
    expect(verify(address), Code.STORED_WITHOUT_KEY, told, "the cookie visitor")
    assert len(customer.sessions) == 1
    assert verify(address, keys_expected=False).diagnosis.is_well


def test_a_key_that_comes_late_is_waited_for(verify: Verifier, customer: Customer) -> None:
    late = 'setTimeout(() => sessionCollector.push(["set", {reference: "r-1"}]), 700);'
    finding = verify(customer.page(TAG, customer.snippet(), inline(late)), wait_seconds=LONG)
    expect(finding, Code.STORED, "reference")
    assert [(kind, value) for _, kind, value in customer.sightings] == [("reference", "r-1")]


def test_a_session_with_a_key_is_told_with_all_that_was_seen(
    verify: Verifier, customer: Customer
) -> None:
    # A request of the page's own, to an address that looks alike, is none of the collector's.
    own = inline("fetch('/api/v1/sessions', {method: 'POST', body: 'login'})")
    finding = verify(customer.page(own, TAG, KEYED, customer.snippet()), wait_seconds=LONG)
    expect(finding, Code.STORED, "visitor_id")
    seen = finding.observation
    assert {item.address for item in seen.beacons} == {f"{customer.server.url}/v1/sessions"}
    assert seen.session is not None
    assert seen.session.project_id == customer.project
    assert seen.collector == customer.server.url
    ((user, number, beacons),) = customer.sessions
    assert (user, number) == (seen.session.user_id, seen.session.session_number)
    assert beacons >= 1


def test_a_session_that_goes_out_without_fetch_is_seen_too_on_a_page_that_breaks_much(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    breaks = inline("window.fetch = undefined; Set.prototype[Symbol.iterator] = () => { throw 1; }")
    address = site.add_page(breaks, TAG_SCRIPT, KEYED, snippet(receiver.url))
    finding = verify(address, wait_seconds=LONG)
    assert finding.diagnosis.is_well
    assert finding.observation.session is not None
    assert finding.observation.session.user_id == USER
    assert finding.observation.tag
