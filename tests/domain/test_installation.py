"""Origins are compared as text, so they are spelt as browsers spell them."""

from __future__ import annotations

import pytest

from collector.domain.installation import (
    MAX_ORIGIN,
    is_akin,
    is_web_origin,
    normalise_origin,
    origin_name,
)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        (" https://shop.example ", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://shop.example:80", "https://shop.example:80"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ("https://müller.example", "https://xn--mller-kva.example"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_spelt_as_browsers_send_it(written: str, sent: str) -> None:
    assert normalise_origin(written) == sent
    assert normalise_origin(sent) == sent


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "not an origin such as"),
        ("shop.example", "not an origin such as"),
        ("//shop.example", "not an origin such as"),
        ("null", "not an origin such as"),
        ("*", "not an origin such as"),
        ("https://", "not an origin such as"),
        ("ftp://shop.example", "not an origin such as"),
        ("file:///shop", "not an origin such as"),
        ("https://shop.example/cart", "write https://shop.example$"),
        ("https://shop.example/?a=1", "write https://shop.example$"),
        ("https://shop.example#top", "write https://shop.example$"),
        ("https://someone@shop.example", "write https://shop.example$"),
        ("https://shop.example:99999", "is not an origin: "),
        ("https://shop.example:port", "is not an origin: "),
        ("https://[::1", "is not an origin: "),
    ],
)
def test_what_is_no_origin_is_refused_with_what_to_write(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        normalise_origin(written)


@pytest.mark.parametrize("written", ["https://:pw@shop.example", "https://u@shop.example"])
def test_an_origin_carries_no_credentials(written: str) -> None:
    with pytest.raises(ValueError, match="more than an origin"):
        normalise_origin(written)


@pytest.mark.parametrize("written", ["https://*.shop.example", "https://shop example"])
def test_an_origin_that_no_browser_can_send_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        normalise_origin(written)


def test_the_advice_keeps_the_port() -> None:
    with pytest.raises(ValueError, match=r"write https://shop\.example:8443$"):
        normalise_origin("https://shop.example:8443/x")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, ""),
        ("", ""),
        ("https://Shop.example:443", "https://shop.example"),
        (f"https://{'a' * 60}.{'b' * 60}.example", f"https://{'a' * 60}.{'b' * 60}.example"),
        ("null", "null"),
        ("file://", "file://"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("https://shop.example/a-page?v=1", ""),
        ("https://someone@shop.example", ""),
        ("a word", ""),
        ("a\x00b", ""),
        ("file:///home/someone/page.html", ""),
        (f"https://{'a.' * 200}example", ""),
        ("https://" + "ü." * 100 + "example", ""),
        ("x" * 10_000, ""),
        ("https://", ""),
        ("http://", ""),
        ("https://a..b", ""),
        (f"https://{'a' * 64}.example", ""),
        ("https-app://a..b", "https-app://a..b"),
    ],
)
def test_an_origin_is_named_as_a_browser_writes_it_or_not_at_all(
    header: str | None, name: str
) -> None:
    assert origin_name(header) == name
    assert len(name) <= MAX_ORIGIN
    if is_web_origin(name):
        assert normalise_origin(name) == name


@pytest.mark.parametrize(
    ("origin", "is_one"),
    [("https://shop.example", True), ("http://localhost:1", True), ("null", False), ("", False)],
)
def test_only_an_origin_of_the_web_can_be_allowed(origin: str, is_one: bool) -> None:
    assert is_web_origin(origin) is is_one


@pytest.mark.parametrize(
    ("origin", "akin"),
    [
        ("https://shop.example", True),
        ("http://shop.example", True),
        ("https://shop.example:8443", True),
        ("https://www.shop.example", True),
        ("https://a.b.shop.example", True),
        ("https://other.example", True),
        ("https://checkout.other.example", True),
        ("https://myshop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://shop-example.translate.example", False),
        ("null", False),
        ("file://", False),
        ("chrome-extension://abcdef", False),
        ("", False),
    ],
)
def test_an_origin_is_akin_to_those_whose_host_is_the_same_or_above_or_below(
    origin: str, akin: bool
) -> None:
    assert is_akin(origin, ("https://shop.example", "https://www.other.example:444")) is akin


def test_an_origin_above_an_allowed_one_is_akin_and_none_is_akin_to_nothing() -> None:
    assert is_akin("https://shop.example", ("https://www.shop.example",))
    assert is_akin("https://shop.example", ("https://m.shop.example",))
    assert not is_akin("https://shop.example", ())
