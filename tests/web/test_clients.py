"""Of what is said about a client, only what the configured proxies have added is believed."""

from __future__ import annotations

import pytest

from collector.config import Settings
from collector.storage.secrets import generate_key
from collector.web.clients import Clients

PROXY = "10.0.0.1"
KEY = generate_key()


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "192.0.2.1", PROXY),
        (1, None, PROXY),
        (1, "", PROXY),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.66, 192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.66,192.0.2.1:50000", "192.0.2.1"),
        (1, "192.0.2.1, unknown", PROXY),
        (1, "192.0.2.1,", PROXY),
        (1, "192.0.2.1, " + "1" * 100_000, PROXY),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "::ffff:192.0.2.1", "192.0.2.1"),
        (2, "198.51.100.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "192.0.2.1", PROXY),
        (10, "," * 9, PROXY),
    ],
)
def test_the_client_is_who_the_outermost_proxy_has_seen(
    hops: int, forwarded: str | None, address: str
) -> None:
    assert Clients(Settings(proxy_hops=hops)).address(PROXY, forwarded) == address


def test_one_client_has_a_whole_network_of_ipv6_and_one_address_of_the_older() -> None:
    clients = Clients(Settings(proxy_hops=1, secret_key=(KEY,)))

    def number(address: str) -> int | None:
        return clients.number(PROXY, address)

    assert number("2001:db8::1") == number("2001:db8:0:0:ffff::2") == number("[2001:db8::3]:1")
    assert number("2001:db8::1") != number("2001:db8:0:1::1")
    assert number("192.0.2.1") == number("::ffff:192.0.2.1") != number("192.0.2.2")


def test_numbers_are_few_and_depend_on_the_key_alone() -> None:
    one, again, other = (
        Clients(Settings(proxy_hops=1, secret_key=(key,))) for key in (KEY, KEY, generate_key())
    )
    addresses = [f"198.51.100.{last}" for last in range(256)]
    numbers = [one.number(PROXY, address) for address in addresses]
    assert all(number is not None and 0 <= number < 65_536 for number in numbers)
    assert len(set(numbers)) > 200
    assert numbers == [again.number(PROXY, address) for address in addresses]
    assert numbers != [other.number(PROXY, address) for address in addresses]


@pytest.mark.parametrize(
    ("peer", "forwarded", "is_limited"),
    [
        ("198.51.100.1", None, True),
        ("2001:db8::1", None, True),
        ("127.0.0.1", None, False),
        ("[::1]", None, False),
        (PROXY, None, False),
        ("", None, False),
        # What a proxy has seen is a client, wherever it is.
        (PROXY, "10.1.2.3", True),
        (PROXY, "192.0.2.77", False),
        ("192.0.2.77", None, False),
    ],
)
def test_who_is_exempt_or_a_proxy_that_nobody_has_configured_is_not_limited(
    peer: str, forwarded: str | None, is_limited: bool
) -> None:
    settings = Settings(proxy_hops=1, limit_exempt=("192.0.2.64/26", "2001:db8:ffff::1"))
    assert (Clients(settings).number(peer, forwarded) is not None) == is_limited
