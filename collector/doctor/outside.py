"""What the doctor finds when it asks others: Contentsquare's clock, and the server itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from collector.config import Settings, mask_url
from collector.contentsquare.asking import ask
from collector.doctor.findings import Finding, ok, problem, skipped, warning
from collector.doctor.stored import apart
from collector.storage.shared_counts import MEMORY, SharedCounts


def api_clock(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Whether Contentsquare is there, and this clock right: deadlines and tokens need it."""
    told = ask(settings.auth_url, clock)
    shown = mask_url(settings.auth_url)
    if told.status is None:
        yield warning(
            "clock",
            f"{shown} does not answer: {told.problem}.",
            "Check COLLECTOR_AUTH_URL, and that this machine may reach it.",
        )
    elif told.ahead is None:
        yield warning(
            "clock",
            f"{shown} answers, and does not say what time it is.",
            "Compare this machine's clock with another one.",
        )
    else:
        yield apart("Contentsquare's clock", timedelta(seconds=told.ahead))


def limits(settings: Settings) -> Iterator[Finding]:
    """Whether machines can count together, and the server knows its clients apart."""
    if settings.limits_url != MEMORY:
        SharedCounts(settings.limits_url).check()
        yield ok("limits", f"The Redis at {mask_url(settings.limits_url)} answers.")
    elif settings.public_url.startswith("https://") and not settings.proxy_hops:
        # The server itself speaks no TLS.
        yield warning(
            "limits",
            "COLLECTOR_PUBLIC_URL is that of a proxy, and none is believed: all clients are one.",
            "Set COLLECTOR_PROXY_HOPS to the number of proxies in front, such as 1.",
        )
    else:
        yield ok("limits", "Each process counts for itself.")


def server(settings: Settings) -> Iterator[Finding]:
    """Whether what call platforms and pages are told to ask is there and ready."""
    if not settings.public_url:
        yield skipped("server", "COLLECTOR_PUBLIC_URL is not set, so that nobody was asked.")
        return
    shown = mask_url(settings.public_url)
    told = ask(f"{settings.public_url}/readyz", lambda: datetime.now(UTC))
    if told.status is None:
        yield problem(
            "server",
            f"{shown} does not answer: {told.problem}.",
            "Start it, collector serve, and see to the proxy before it.",
        )
    elif told.status in {401, 403, 404} and not told.reason:
        # No answer of the server's own, which name their codes.
        yield skipped(
            "server", f"{shown} answers {told.status} for /readyz: a proxy keeps it to itself."
        )
    elif told.status != 200:
        why = f", {told.reason}" if told.reason else ""
        yield problem(
            "server",
            f"{shown}/readyz answers {told.status}{why}.",
            "The server's log says why; docs/http.md what each code means.",
        )
    else:
        yield ok("server", f"{shown} is ready, and answers within {told.seconds * 1000:.0f} ms.")
