"""What is promised of the search for a refused batch's culprits, for the tests that count."""

from __future__ import annotations

import math


def most_requests(size: int, culprits: int) -> int:
    """How many requests isolating ``culprits`` of ``size`` enrichments may take at most.

    One for the whole; then for each culprit one for each halving, one to see it refused alone,
    and one for what remains.
    """
    return 1 + culprits * (math.ceil(math.log2(max(size, 1))) + 2)
