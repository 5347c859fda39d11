"""What ``collector snippet`` prints, put into pages as it is, in a real Chromium.

The collector is the real server, on another origin than the pages, so integrity, CORS and policies
are the browser's own judgement; what arrived is read from the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import ConsoleMessage, Page, Response

from collector import snippet as published
from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from tests.browser.customer import Server
from tests.browser.driving import wait_until_live
from tests.browser.site import LATE_TAG, PROJECT, TAG_SCRIPT, USER, Document, Site, inline
from tests.cli.conftest import CommandLine

NONCE = "bm9uY2U"

#: Prints one form of the snippet for a collector: the project's own, unless another is named.
Print = Callable[..., str]

VISITOR_COOKIE = inline("document.cookie = 'shop_visitor=v-1; path=/'")
NUMBER = '<meta name="shop-number" content="+33 1 99 00 12 34">'
KEYS = ("--key", "visitor_id=cookie:shop_visitor", "--key", "tracking_number=meta:shop-number")


@pytest.fixture(scope="module")
def own(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these tests, with one installation."""
    with Server(sqlite_template, tmp_path_factory.mktemp("forms")) as started:
        installation = Installation(
            project_id=PROJECT,
            integration_id=42,
            name="Shop",
            client_id="client",
            integration_version=1,
            origins=("https://shop.example",),
        )
        with started.database.write() as connection:
            installations.add(connection, installation, "sealed", datetime.now(UTC))
        yield started


@pytest.fixture
def database(own: Server, site: Site) -> Database:
    """The server's, without a session, and knowing the site of this test."""
    with own.database.write() as connection:
        connection.execute(sa.text("DELETE FROM session"))  # and its sightings with it
        changes = {"origins": [site.url]}
        installations.edit(connection, PROJECT, changes, datetime.now(UTC))
    return own.database


@pytest.fixture
def printed(
    own: Server, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Print:
    command = CommandLine(tmp_path, monkeypatch)
    command.set(database_url=own.database_url)

    def run(form: str, *options: str, url: str = own.url) -> str:
        words = ("snippet", "--project-id", str(PROJECT), "--url", url, "--only", form)
        done = command(*words, *options)
        assert done.code == 0, done.err
        return done.out

    return run


def is_beacon(response: Response) -> bool:
    return response.url.endswith("/v1/sessions")


def blocked(message: ConsoleMessage) -> bool:
    return "Content Security Policy" in message.text


def sessions(database: Database) -> list[tuple[int, str]]:
    with database.read() as connection:
        query = sa.text("SELECT project_id, session_key FROM report_sessions")
        return [(row.project_id, row.session_key) for row in connection.execute(query)]


def stored_keys(database: Database) -> dict[str, str]:
    with database.read() as connection:
        query = sa.text("SELECT kind, value FROM sighting")
        return {row.kind: row.value for row in connection.execute(query)}


def arrives(page: Page, address: str, database: Database) -> Response:
    """Open a page whose session reaches the database; what its beacon was answered."""
    with page.expect_response(is_beacon) as answered:
        page.goto(address)
    assert answered.value.status == 204
    assert sessions(database) == [(PROJECT, f"{USER}.4")]
    return answered.value


def sources(policy: str) -> dict[str, str]:
    """The directives of a policy, as it is printed, with their sources."""
    directives = [line.strip().partition(" ") for line in policy.split(";") if line.strip()]
    return {name: told for name, _, told in directives}


def test_the_pinned_tag_passes_the_browsers_check_and_tells_the_session(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    codings: dict[str, str | None] = {}
    page.on(
        "response",
        lambda answer: codings.update({answer.url: answer.headers.get("content-encoding")}),
    )
    tag = printed("pinned")
    (address,) = re.findall('src="([^"]*)"', tag)
    arrives(page, site.add_page(TAG_SCRIPT, tag), database)
    assert codings[address] == "br", "the check is of what it decompresses to"


@pytest.mark.parametrize("changed", [False, True])
def test_a_changed_byte_is_refused_by_the_browser(
    page: Page, site: Site, printed: Print, changed: bool
) -> None:
    script = published.current()
    source = script.encoded["identity"]
    with Site() as tampered:
        tampered.documents[f"/v1/snippet.{script.hash}.js"] = Document(
            body=source.removesuffix(b"\n") + (b" " if changed else b"\n"),
            kind="text/javascript",
            headers={"Access-Control-Allow-Origin": "*"},
        )
        address = site.add_page(printed("pinned", url=tampered.url))
        if changed:
            with page.expect_event("console", lambda message: "integrity" in message.text):
                page.goto(address)
            assert page.evaluate("typeof window.sessionCollector") == "undefined"
        else:
            page.goto(address)
            wait_until_live(page)


@pytest.mark.parametrize("form", ["tag", "pinned", "tag-manager"])
def test_keys_are_read_from_the_page_by_each_form(
    page: Page, site: Site, database: Database, printed: Print, form: str
) -> None:
    page.goto(site.add_page(VISITOR_COOKIE, NUMBER, LATE_TAG, printed(form, *KEYS)))
    wait_until_live(page)
    with page.expect_response(is_beacon) as answered:
        page.evaluate("loadTag()")
    assert answered.value.status == 204
    assert stored_keys(database) == {"visitor_id": "v-1", "tracking_number": "+33199001234"}


def test_a_tag_manager_that_adds_the_printed_form_later_is_as_good(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    page.goto(site.add_page(TAG_SCRIPT))
    with page.expect_response(is_beacon) as answered:
        # As tag managers run custom HTML: each script of it is made anew, from its text alone.
        page.evaluate(
            """html => {
                const held = new DOMParser().parseFromString(html, "text/html");
                for (const { textContent } of held.scripts) {
                    const script = document.createElement("script");
                    script.text = textContent;
                    document.body.append(script);
                }
            }""",
            printed("tag-manager"),
        )
    assert answered.value.status == 204
    assert sessions(database) == [(PROJECT, f"{USER}.4")]


@pytest.mark.parametrize("form", ["tag", "pinned"])
def test_under_a_strict_policy_with_the_printed_lines_the_session_arrives(
    page: Page, site: Site, database: Database, printed: Print, form: str
) -> None:
    added = sources(printed("csp"))
    policy = f"""default-src 'none'; script-src 'self' {added["script-src"]};
        connect-src {added["connect-src"]}""".replace("\n", "")
    arrives(page, site.add_page(TAG_SCRIPT, printed(form), policy=policy), database)


@pytest.mark.parametrize("left_out", ["script-src", "connect-src"])
def test_without_either_printed_line_the_policy_forbids_it(
    page: Page, site: Site, database: Database, printed: Print, left_out: str
) -> None:
    added = {**sources(printed("csp")), left_out: ""}
    policy = f"""default-src 'none'; script-src 'self' {added["script-src"]};
        connect-src 'self' {added["connect-src"]}""".replace("\n", "")
    with page.expect_event("console", lambda said: blocked(said) and left_out in said.text):
        page.goto(site.add_page(TAG_SCRIPT, printed("tag"), policy=policy))
    assert sessions(database) == []


def with_nonce(html: str) -> str:
    return html.replace("<script", f'<script nonce="{NONCE}"')


@pytest.mark.parametrize("form", ["tag", "pinned", "tag-manager"])
def test_under_a_policy_of_nonces_the_nonce_and_the_line_for_requests_are_enough(
    page: Page, site: Site, database: Database, printed: Print, form: str
) -> None:
    policy = f"""default-src 'none'; script-src 'nonce-{NONCE}' 'strict-dynamic';
        connect-src {sources(printed("csp"))["connect-src"]}""".replace("\n", "")
    head = (with_nonce(TAG_SCRIPT), with_nonce(printed(form)))
    arrives(page, site.add_page(*head, policy=policy), database)


def test_under_a_policy_of_nonces_the_host_alone_is_not_enough(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    added = sources(printed("csp"))["script-src"]
    policy = f"script-src 'nonce-{NONCE}' 'strict-dynamic' {added}"
    with page.expect_event("console", lambda said: blocked(said) and "/v1/snippet.js" in said.text):
        page.goto(site.add_page(with_nonce(TAG_SCRIPT), printed("tag"), policy=policy))
    assert sessions(database) == []


@pytest.mark.parametrize("script_src", ["'self' {host}", "'nonce-{nonce}' 'strict-dynamic'"])
def test_what_debugs_a_page_loads_under_the_same_policies(
    page: Page, site: Site, printed: Print, script_src: str
) -> None:
    added = sources(printed("csp"))
    allowed = script_src.format(host=added["script-src"], nonce=NONCE)
    policy = f"default-src 'none'; script-src {allowed}; connect-src {added['connect-src']}"
    head = (with_nonce(TAG_SCRIPT), with_nonce(printed("pinned")))
    page.add_init_script("window.csqDebuggerEnabled = true")
    page.goto(site.add_page(*head, policy=policy))
    page.wait_for_function("() => window.sessionCollector?.seen?.answer?.status === 204")


def test_the_printed_commands_are_commands(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    commands = printed("commands").replace("// sessionCollector", "sessionCollector")
    commands = commands.replace('visitor_id: ""', 'visitor_id: "v-1"')
    elsewhere = site.url + "/copy.js"
    site.add_script("/copy.js", published.current().encoded["identity"].decode())
    tag = re.sub('src="[^"]*"', f'src="{elsewhere}"', printed("tag", "--require-consent"))
    arrives(page, site.add_page(commands, TAG_SCRIPT, tag), database)
    assert stored_keys(database) == {"visitor_id": "v-1"}


def test_the_printed_commands_say_nothing_of_the_visitor_before_they_are_filled_in(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    head = (printed("commands"), TAG_SCRIPT, printed("tag"))
    arrives(page, site.add_page(*head), database)
    assert stored_keys(database) == {}


def test_a_tag_that_requires_consent_sends_nothing_before_it(
    page: Page, site: Site, database: Database, printed: Print
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.add_page(LATE_TAG, printed("tag", "--require-consent")))
    wait_until_live(page)
    page.evaluate("loadTag()")
    page.evaluate("async () => { await fetch('/elsewhere') }")  # whatever was sent is seen by then
    assert [url for url in asked if url.endswith("/v1/sessions")] == []
    with page.expect_response(is_beacon) as answered:
        page.evaluate('() => { sessionCollector.push(["consent", true]) }')
    assert answered.value.status == 204
    assert sessions(database) == [(PROJECT, f"{USER}.4")]
