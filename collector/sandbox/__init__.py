"""A local stand-in for Contentsquare's two endpoints, for the demo, the tests and trials.

It enforces every documented rule and can be told to misbehave. It is written against the
documents alone and shares no code with the sender, so that a mistake in one is caught by the
other.
"""

from __future__ import annotations

from collector.sandbox.faults import Fault, FaultKind
from collector.sandbox.records import (
    DroppedEnrichment,
    EnrichmentKey,
    RequestSeen,
    SandboxInstallation,
    StoredEnrichment,
)
from collector.sandbox.server import Sandbox

__all__ = [
    "DroppedEnrichment",
    "EnrichmentKey",
    "Fault",
    "FaultKind",
    "RequestSeen",
    "Sandbox",
    "SandboxInstallation",
    "StoredEnrichment",
]
