"""Which points are tried."""

from __future__ import annotations

import random
from itertools import pairwise


def choose(total: int, wanted: int | None, seed: str) -> list[int]:
    """So many of the points 1 to ``total``, spread over all of them; None for every one.

    The same seed chooses the same.
    """
    if wanted is None or wanted >= total:
        return list(range(1, total + 1))
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    edges = [total * part // wanted for part in range(wanted + 1)]
    return [chance.randrange(low, high) + 1 for low, high in pairwise(edges)]
