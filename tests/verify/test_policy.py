"""The line that a page's policy needs, by the policy that it has."""

from __future__ import annotations

import pytest

from collector.verify.policy import Advice, advise

HOST = "https://collector.example.com"


@pytest.mark.parametrize(
    ("policy", "blocked", "directive", "line"),
    [
        ("script-src 'self'", "script-src-elem", "script-src", f"script-src 'self' {HOST}"),
        (
            "script-src 'self'; script-src-elem https://a.example",
            "script-src-elem",
            "script-src-elem",
            f"script-src-elem https://a.example {HOST}",
        ),
        ("default-src 'self'", "script-src-elem", "default-src", f"script-src 'self' {HOST}"),
        (
            "script-src 'Nonce-r4nd0m' 'sha256-abc=' https://a.example",
            "script-src-elem",
            "script-src",
            f"script-src 'nonce-...' 'sha256-abc=' https://a.example {HOST}",
        ),
        (
            "default-src 'self' 'strict-dynamic' 'nonce-r4nd0m' 'sha256-abc=' https://a.example",
            "connect-src",
            "default-src",
            f"connect-src 'self' https://a.example {HOST}",
        ),
        ("default-src 'none'", "connect-src", "default-src", f"connect-src {HOST}"),
        ("connect-src 'NONE'", "connect-src", "connect-src", f"connect-src {HOST}"),
        (
            "  Connect-Src  'self' ;; connect-src *",
            "connect-src",
            "connect-src",
            f"connect-src 'self' {HOST}",
        ),
        ("", "connect-src", "connect-src", f"connect-src {HOST}"),
    ],
)
def test_the_line_keeps_what_is_allowed_already(
    policy: str, blocked: str, directive: str, line: str
) -> None:
    assert advise(policy, blocked, HOST) == Advice(directive=directive, line=line)


def test_where_hosts_do_not_count_it_says_so() -> None:
    policy = "script-src 'nonce-abc' 'strict-dynamic'"
    assert advise(policy, "script-src-elem", HOST).by_nonce
    assert advise("default-src 'strict-dynamic'", "script-src-elem", HOST).by_nonce
    assert not advise("script-src 'nonce-abc'", "script-src-elem", HOST).by_nonce
