"""What can be the matter with a page, its snippet and its tag, each on a page with that fault."""

from __future__ import annotations

from time import monotonic

import pytest

from collector.errors import SettingError
from collector.verify.texts import Code
from tests.browser.receiver import Receiver
from tests.browser.site import (
    LATE_TAG,
    PROJECT,
    TAG_SCRIPT,
    Document,
    Site,
    inline,
    silent_tag,
    snippet,
)
from tests.browser.verifying import KEYED, LONG, Verifier, closed_port, expect, script, silent_port

#: By when a page that is waited for a second or two has been left, however it behaves.
ENOUGH = 8

WRONG_HASH = f'integrity="sha384-{"A" * 64}"'


# 1: the page


def test_a_page_where_nothing_listens(verify: Verifier) -> None:
    with closed_port() as port:
        address = f"http://127.0.0.1:{port}/"
        expect(verify(address), Code.PAGE_NOT_OPENED, "nothing listens there")


def test_a_page_that_speaks_no_tls(verify: Verifier, site: Site) -> None:
    expect(verify(site.url.replace("http:", "https:")), Code.PAGE_NOT_OPENED, "TLS")


def test_a_page_that_is_answered_with_an_error(verify: Verifier, site: Site) -> None:
    expect(verify(site.url + "/nowhere"), Code.PAGE_NOT_OPENED, "status 404")


def test_a_page_whose_scripts_never_end(verify: Verifier, site: Site) -> None:
    address = site.add_page(inline("setTimeout(() => { for (;;); })"))
    expect(verify(address), Code.PAGE_NOT_OPENED, "own scripts")


def test_a_page_that_loads_itself_anew_for_ever_is_not_called_hanging(
    verify: Verifier, site: Site
) -> None:
    finding = verify(site.add_page(inline("location.reload()")))
    assert finding.observation.responds
    assert not finding.diagnosis.is_well


def test_a_page_that_floods_its_console_is_not_listened_to_for_long(
    verify: Verifier, site: Site
) -> None:
    flood = "for (let n = 0; n < 2000; n++) console.error('/v1/snippet' + n + 'x'.repeat(1000))"
    address = site.add_page(inline(f"setInterval(() => {{ {flood} }}, 1)"))
    began = monotonic()
    assert len(verify(address, wait_seconds=1).observation.complaints) == 10
    assert monotonic() - began < ENOUGH


def test_a_user_agent_that_the_browser_refuses_is_named(verify: Verifier, site: Site) -> None:
    with pytest.raises(SettingError, match=r"Invalid characters .* --user-agent"):
        verify(site.add_page(), user_agent="a\nb")


# 2 to 4: the snippet


def test_a_page_without_snippet(verify: Verifier, site: Site) -> None:
    expect(verify(site.add_page(TAG_SCRIPT)), Code.SNIPPET_ABSENT)


def test_a_snippet_that_a_consent_tool_holds_back(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    ways = ('type="text/plain" src', 'type="text/javascript" data-src')
    held = [f'<script {way}="{receiver.url}/v1/snippet.js"></script>' for way in ways]
    finding = verify(site.add_page(TAG_SCRIPT, *held))
    expect(finding, Code.SNIPPET_HELD_BACK, receiver.url)
    assert [script.held_back for script in finding.observation.scripts] == [True, True]


def test_a_snippet_that_the_pages_policy_blocks(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    head = (TAG_SCRIPT, snippet(receiver.url))
    address = site.add_page(*head, policy="default-src 'self'")
    told = f"script-src 'self' {receiver.url}"
    expect(verify(address), Code.SNIPPET_BLOCKED_BY_CSP, "default-src.", f"has to be: {told}")
    mended = site.add_page(*head, policy=told)
    assert verify(mended, keys_expected=False).diagnosis.is_well


def test_a_password_in_the_address_is_not_told_and_does_not_hide_what_the_policy_blocks(
    verify: Verifier, site: Site
) -> None:
    # An address without a host takes over the password of the page.
    address = site.add_page(script("/v1/snippet.js"), policy="script-src 'unsafe-inline'")
    finding = verify(address.replace("//", "//me:hunter2@"))
    expect(finding, Code.SNIPPET_BLOCKED_BY_CSP, f"script-src 'unsafe-inline' {site.url}")
    assert "hunter2" not in str(finding)
    assert finding.observation.opening.status == 200


def test_a_policy_that_only_reports_blocks_nothing(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    address = site.add_page(TAG_SCRIPT, snippet(receiver.url))
    page = site.documents["/"]
    site.documents["/"] = Document(
        body=page.body, headers={"Content-Security-Policy-Report-Only": "script-src 'self'"}
    )
    assert verify(address, keys_expected=False).diagnosis.is_well


def test_a_snippet_whose_host_is_down(verify: Verifier, site: Site) -> None:
    with closed_port() as port:
        address = site.add_page(TAG_SCRIPT, snippet(f"http://127.0.0.1:{port}"))
        expect(verify(address), Code.SNIPPET_BLOCKED, "ERR_CONNECTION_REFUSED")


def test_a_snippet_that_never_comes(verify: Verifier, site: Site) -> None:
    with silent_port() as port:
        address = site.add_page(TAG_SCRIPT, snippet(f"http://127.0.0.1:{port}"))
        expect(verify(address), Code.SNIPPET_BLOCKED, "no answer came")


def test_a_snippet_that_is_answered_with_an_error(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    address = site.add_page(TAG_SCRIPT, script(receiver.url + "/v1/snippet.0123456789abcdef.js"))
    expect(verify(address), Code.SNIPPET_NOT_SERVED, "status 404")


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (f'{WRONG_HASH} crossorigin="anonymous"', "another hash"),
        (WRONG_HASH, 'crossorigin="anonymous"'),
    ],
)
def test_a_snippet_that_its_integrity_refuses(
    verify: Verifier, site: Site, receiver: Receiver, attributes: str, why: str
) -> None:
    address = site.add_page(TAG_SCRIPT, script(receiver.url + "/v1/snippet.js", attributes))
    expect(verify(address), Code.SNIPPET_INTEGRITY_FAILED, why)


def test_a_snippet_address_that_answers_with_something_else(verify: Verifier, site: Site) -> None:
    site.documents["/v1/snippet.js"] = Document(
        body=b"<!doctype html>", headers={"X-Content-Type-Options": "nosniff"}
    )
    address = site.add_page(TAG_SCRIPT, script("/v1/snippet.js"))
    expect(verify(address), Code.SNIPPET_DID_NOT_RUN, "MIME type")


def test_a_snippet_address_that_answers_with_another_script(verify: Verifier, site: Site) -> None:
    site.add_script("/v1/snippet.js", "window.somethingElse = true;")
    address = site.add_page(TAG_SCRIPT, script("/v1/snippet.js"))
    expect(verify(address), Code.SNIPPET_DID_NOT_RUN, "console")


def test_a_snippet_that_a_tag_manager_adds_late_and_takes_away_is_found(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    manager = inline(
        f"""setTimeout(() => {{
          const added = document.createElement("script");
          added.src = "{receiver.url}/v1/snippet.js";
          added.onload = () => added.remove();
          document.head.append(added);
        }}, 700);"""
    )
    finding = verify(site.add_page(TAG_SCRIPT, KEYED, manager), wait_seconds=LONG)
    expect(finding, Code.STORED, "visitor_id")
    assert finding.observation.script is not None


def test_a_page_that_goes_on_to_another_is_looked_at_there(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    there = site.add_page(TAG_SCRIPT, KEYED, snippet(receiver.url), path="/there")
    here = site.add_page(inline(f"setTimeout(() => location.replace('{there}'), 300)"))
    assert verify(here, wait_seconds=LONG).diagnosis.is_well


# 5 and 6: Contentsquare's tag


def test_a_page_without_contentsquares_tag(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    expect(verify(site.add_page(snippet(receiver.url))), Code.TAG_ABSENT, "_uxa")


def test_a_tag_that_is_answered_with_an_error(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    address = site.add_page(script("/uxa/0123.js"), snippet(receiver.url))
    expect(verify(address), Code.TAG_ABSENT, "/uxa/0123.js is answered with the status 404")


def test_a_tag_that_never_calls_back(verify: Verifier, site: Site, receiver: Receiver) -> None:
    silent = inline("window._uxa = {push() {}};")
    expect(verify(site.add_page(silent, snippet(receiver.url))), Code.NO_PAGE_VIEW)


def test_a_tag_that_comes_late_is_waited_for(
    verify: Verifier, site: Site, receiver: Receiver
) -> None:
    late = inline("setTimeout(loadTag, 700);")
    address = site.add_page(LATE_TAG, late, KEYED, snippet(receiver.url))
    assert verify(address, wait_seconds=LONG).diagnosis.is_well


def test_a_tag_that_tells_no_session(verify: Verifier, site: Site, receiver: Receiver) -> None:
    address = site.add_page(silent_tag(projectId=PROJECT), snippet(receiver.url))
    expect(verify(address), Code.SESSION_UNREADABLE)
