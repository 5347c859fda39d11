"""The client of Contentsquare's two endpoints: tokens, and batches of enrichments.

It knows HTTP and nothing of storage: what to send is decided above, what an answer means for
the calls is decided above, and here only the documented protocol is kept.
"""

from __future__ import annotations

from collector.contentsquare.answers import Answer, Credentials, Grant, Outcome
from collector.contentsquare.client import EnrichmentApi

__all__ = ["Answer", "Credentials", "EnrichmentApi", "Grant", "Outcome"]
