"""``collector snippet``: forms that can be copied as they are, whatever was put into them."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from base64 import b64encode
from html.parser import HTMLParser

import pytest

from collector import resources
from tests.cli.conftest import PROJECT, CommandLine, Ran

JS = resources.path("static") / "js"
DIGEST = hashlib.sha384((JS / "collector.min.js").read_bytes()).digest()
HASH = DIGEST.hex()[:16]
INTEGRITY = f"sha384-{b64encode(DIGEST).decode()}"

URL = "https://c.example.com"
FORMS = ("tag", "pinned", "tag-manager", "csp", "commands", "typescript")

#: What a careless shell, a clever selector or an attacker's hand could put into a source.
SELECTORS = [
    'a[href^="tel:"] > span',
    "a[title='x']",
    '"></script><script>alert(1)</script>',
    "</SCRIPT><!--<script>",
    "&quot;&amp;",
    "\\u003c/script>\\",
    "{{Page URL}}",
    "téléphone ☎ 🐦",
    "${alert(1)}`",
]


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    collector.add()
    return collector


def snippet(shell: CommandLine, *options: str) -> Ran:
    return shell.well("snippet", "--project-id", PROJECT, "--url", URL, *options)


class Tags(HTMLParser):
    """The start tags of a piece of HTML, with what a browser takes their attributes for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def attributes_of(text: str) -> dict[str, str | None]:
    """The attributes of a piece of HTML that is one script tag and nothing else."""
    assert text.endswith("></script>\n")
    ((name, attributes),) = Tags(text).tags
    assert name == "script"
    return attributes


def test_the_tag_has_the_current_snippet_of_this_collector(shell: CommandLine) -> None:
    ran = shell.well(
        "snippet", "--project-id", PROJECT, "--url", "https://C.example.com/", "--only", "tag"
    )
    assert ran.out == f'<script async src="{URL}/v1/snippet.js"></script>\n'


def test_the_pinned_tag_names_the_build_by_its_hash_and_its_integrity(shell: CommandLine) -> None:
    assert snippet(shell, "--only", "pinned").out == (
        f'<script async src="{URL}/v1/snippet.{HASH}.js" '
        f'integrity="{INTEGRITY}" crossorigin="anonymous"></script>\n'
    )


def test_the_policy_names_the_collector_for_script_and_requests(shell: CommandLine) -> None:
    told = snippet(shell, "--only", "csp").out
    assert told == f"script-src {URL};\nconnect-src {URL};\n"


def test_the_declaration_is_the_file_that_is_shipped(shell: CommandLine) -> None:
    assert snippet(shell, "--only", "typescript").out == (JS / "collector.d.ts").read_text()


def test_the_commands_are_those_that_the_declaration_declares(shell: CommandLine) -> None:
    given = set(re.findall(r'push\(\["(\w+)"', snippet(shell, "--only", "commands").out))
    declared = re.findall(r'\| \["(\w+)"', (JS / "collector.d.ts").read_text())
    assert given == set(declared) == {"set", "consent", "optOut", "optIn", "endpoint"}


def test_all_forms_are_printed_under_headings(shell: CommandLine) -> None:
    ran = snippet(shell)
    positions = [ran.out.index(snippet(shell, "--only", form).out) for form in FORMS]
    assert positions == sorted(positions)
    assert ran.out.count("\n# ") == len(FORMS)
    assert "'strict-dynamic'" in ran.out
    assert "nonce" in ran.out


def test_the_customer_is_named_in_a_comment_and_the_origins_beside_it(shell: CommandLine) -> None:
    shell.well("installation", "edit", PROJECT, "--name", "Shop")
    ran = snippet(shell)
    assert ran.out.startswith(f"<!-- Session collector for Shop (project {PROJECT}) -->\n")
    assert "https://shop.example" in ran.err
    assert f"collector installation edit {PROJECT} --add-origin" in ran.err
    assert "https://shop.example" not in ran.out


@pytest.mark.parametrize(
    "name", ["--><script>alert(1)</script><!--", "a --->b", "a ---- b --!> c", "->->--", "a > b"]
)
def test_a_customers_name_cannot_end_the_comment_it_stands_in(
    shell: CommandLine, name: str
) -> None:
    shell.well("installation", "edit", PROJECT, f"--name={name}")
    first = snippet(shell).out.splitlines()[0]
    assert first.startswith("<!-- ")
    inside = first.removeprefix("<!--").removesuffix("-->")
    assert len(inside) == len(first) - len("<!---->")
    assert "--" not in inside
    assert inside.count(">") == name.count(">")


def test_the_address_of_nobody_is_said_to_be_an_example(shell: CommandLine) -> None:
    ran = shell.well("snippet", "--project-id", PROJECT, "--only", "tag")
    assert "https://collector.example.com/v1/snippet.js" in ran.out
    assert "https://collector.example.com is an example." in ran.err
    assert "--url https://..." in ran.err
    assert "example." not in snippet(shell, "--only", "tag").err.replace("c.example.com", "")


@pytest.mark.parametrize(
    ("url", "is_warned_of"),
    [
        ("http://collector.example.com", True),
        ("http://192.0.2.1:8000", True),
        ("http://localhost.example.com", True),
        ("https://collector.example.com", False),
        ("http://localhost:8000", False),
        ("http://shop.localhost", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
    ],
)
def test_an_address_that_browsers_block_on_pages_of_https_is_warned_of(
    shell: CommandLine, url: str, is_warned_of: bool
) -> None:
    ran = shell.well("snippet", "--project-id", PROJECT, "--url", url, "--only", "tag")
    assert (f"Pages of https load no script from {url}" in ran.err) is is_warned_of


def test_without_a_key_it_says_that_the_page_must_tell_one(shell: CommandLine) -> None:
    assert "No --key is given" in snippet(shell).err
    assert "--key visitor_id=cookie:NAME" in snippet(shell, "--json").err
    assert "--key" not in snippet(shell, "--key", "plan=js:dataLayer.0.$plan").err


def test_for_machines_every_form_is_in_one_document(shell: CommandLine) -> None:
    ran = snippet(shell, "--json", "--key", "visitor_id=cookie:shop_visitor")
    assert ran.err == ""
    told = ran.json()
    assert (told["hash"], told["integrity"]) == (HASH, INTEGRITY)
    assert (told["project_id"], told["origins"]) == (int(PROJECT), ["https://shop.example"])
    for form in FORMS:
        alone = snippet(shell, "--only", form, "--key", "visitor_id=cookie:shop_visitor").out
        assert told[form.replace("-", "_")] + "\n" == alone


@pytest.mark.parametrize("form", ["tag", "pinned"])
def test_keys_and_consent_become_attributes(shell: CommandLine, form: str) -> None:
    plain = attributes_of(snippet(shell, "--only", form).out)
    options = ("--key", "visitor_id=cookie:shop_visitor", "--key", "plan=js:shop.plan.name")
    told = attributes_of(snippet(shell, "--only", form, *options, "--require-consent").out)
    assert told == plain | {
        "data-key-visitor_id": "cookie:shop_visitor",
        "data-key-plan": "js:shop.plan.name",
        "data-require-consent": None,
    }


def test_the_tag_manager_sets_them_by_script(shell: CommandLine) -> None:
    options = ("--key", "visitor_id=cookie:shop_visitor", "--require-consent")
    told = snippet(shell, "--only", "tag-manager", *options).out
    assert Tags(told).tags == [("script", {})]
    assert f'script.src = "{URL}/v1/snippet.js";' in told
    assert "script.async = true;" in told
    assert 'script.setAttribute("data-key-visitor_id", "cookie:shop_visitor");' in told
    assert 'script.setAttribute("data-require-consent", "");' in told


@pytest.mark.parametrize("form", ["tag", "pinned", "tag-manager"])
def test_an_installation_that_ignores_gpc_tells_the_snippet(shell: CommandLine, form: str) -> None:
    assert "data-gpc" not in snippet(shell, "--only", form).out
    with sqlite3.connect("collector.db") as connection:
        connection.execute("UPDATE installation SET honour_gpc = 0")
    connection.close()
    assert re.search(r'data-gpc("?[=,] ?)"ignore"', snippet(shell, "--only", form).out)


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_source_reaches_the_attribute_as_it_was_given(shell: CommandLine, selector: str) -> None:
    told = snippet(shell, "--only", "tag", "--key", f"tracking_number=text:{selector}").out
    assert attributes_of(told)["data-key-tracking_number"] == f"text:{selector}"
    assert told.isascii()


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_source_reaches_the_tag_managers_script_as_it_was_given(
    shell: CommandLine, selector: str
) -> None:
    told = snippet(shell, "--only", "tag-manager", "--key", f"tracking_number=text:{selector}").out
    (literal,) = re.findall(r'setAttribute\("data-key-tracking_number", (".*")\);\n', told)
    assert json.loads(literal) == f"text:{selector}"
    assert told.count("<") == 2, "nothing in it begins a tag but the script's own"
    assert "{{" not in told
    assert told.isascii()
