"""Who asks: the client's address, as far as it can be believed, and how it is counted.

Whoever reaches the server can write anything into ``X-Forwarded-For``. Only what the configured
number of proxies have appended is believed: the client is the entry that the outermost of them
added, counted from the right. Where it is missing, or is no address, it is whoever connected.

An address is written nowhere. It is counted under one of 65,536 numbers, chosen by a keyed hash,
so that invented addresses take no memory, nobody can choose with whom he shares a number, and what
another machine is told says of no address that it was here. The last few thousand addresses are
remembered with their numbers, in memory alone: most come again at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from collector.config import Settings

#: The header, and where WSGI puts it.
HEADER = "x-forwarded-for"
IN_ENVIRONMENT = "HTTP_X_FORWARDED_FOR"

#: Of IPv6 one client has at least all addresses of such a network.
NETWORK_BITS = 64

#: Entries of the header beyond that are no addresses, whatever they are.
_MAX_LENGTH = 60

#: Keeps the key for this purpose apart from those that are derived from the same one.
_PURPOSE = b"session-collector client address, version 1"

_REMEMBERED = 8192

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Whoever connects from there (or by a socket without an address) is a proxy that nobody has
#: configured, or of the house: to count all its clients as one would cost beacons.
_LOCAL = [
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("100.64.0.0/10", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
]


class Clients:
    """Tells clients apart. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        #: How many proxies are believed; with none the header need not be read.
        self.hops = settings.proxy_hops
        self._exempt = [ip_network(text, strict=False) for text in settings.limit_exempt]
        self._key = _derived(settings.secret_key)
        self._number_of = lru_cache(_REMEMBERED)(self._find_number)

    def address(self, peer: str, forwarded: str | None) -> str:
        """The client's address, as people write it.

        Args:
            peer: whoever has connected.
            forwarded: all that the headers ``X-Forwarded-For`` hold, by commas, in their order.
        """
        told = self._told(peer, forwarded)
        return str(_read(told) or told)

    def network(self, peer: str, forwarded: str | None) -> str:
        """The same, of IPv6 its network: what counts as one client."""
        told = self._told(peer, forwarded)
        return _network(_read(told), told)

    def number(self, peer: str, forwarded: str | None) -> int | None:
        """Under which number the client is counted; None if it is to be let through."""
        entry = self._entry(forwarded)
        return self._number_of(peer, entry if len(entry) <= _MAX_LENGTH else "")

    def _entry(self, forwarded: str | None) -> str:
        """What the outermost proxy has added; empty if nothing is to be believed."""
        hops = self.hops
        if not hops or not forwarded:
            return ""
        entries = forwarded.rsplit(",", hops)
        return entries[-hops].strip() if len(entries) >= hops else ""

    def _told(self, peer: str, forwarded: str | None) -> str:
        entry = self._entry(forwarded)
        return peer if _read(entry) is None else entry

    def _find_number(self, peer: str, entry: str) -> int | None:
        seen = _read(entry)
        found = seen or _read(peer)
        # What is no address is a socket of this machine.
        if found is None or _is_in(found, self._exempt) or (not seen and _is_in(found, _LOCAL)):
            return None
        named = _network(found, peer).encode()
        return int.from_bytes(hashlib.blake2b(named, key=self._key, digest_size=2).digest())


def _read(text: str) -> Address | None:
    """An address, of which some proxies tell the port too; None if it is none."""
    if len(text) > _MAX_LENGTH:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _network(address: Address | None, told: str) -> str:
    if isinstance(address, IPv6Address):
        return f"{int(address) >> (128 - NETWORK_BITS):x}/{NETWORK_BITS}"
    return str(address or told)


def _derived(keys: tuple[str, ...]) -> bytes:
    """The same on all machines that have the same key; without one nobody else's."""
    secret = keys[0].encode() if keys else secrets.token_bytes(32)
    return hmac.digest(secret, _PURPOSE, hashlib.sha256)
