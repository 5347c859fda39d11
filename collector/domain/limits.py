"""The documented limits of Contentsquare's Enrichment API, each with its source.

Where the documents disagree, docs/contentsquare.md says which one is followed and why.
"""

from __future__ import annotations

from datetime import timedelta

#: One request carries no more (Sending enrichment data batches, Limitations).
MAX_BATCH = 200

#: Enrichment numbers run from 1 to 3 (Sending enrichment data batches, Limitations).
MIN_ENRICHMENT_NUMBER = 1
MAX_ENRICHMENT_NUMBER = 3

#: Sessions that started longer ago are answered 200 and silently dropped (same place).
ENRICHABLE_FOR = timedelta(days=7)

#: STRING fields hold 0 to 50 bytes of UTF-8 (Data types).
MAX_STRING_BYTES = 50

#: INT fields are signed 32 bit (Data types).
MIN_INT = -(2**31)
MAX_INT = 2**31 - 1

#: FLOAT fields reach to ±1.79769e+308 (Data types); JSON has no NaN and no infinity.
MAX_FLOAT = 1.79769e308

#: Field names are limited to 30 bytes (Limitations); one comment in the format says 50.
MAX_FIELD_NAME_BYTES = 30

#: At most 10 fields of each type in one schema (Limitations).
MAX_FIELDS_PER_TYPE = 10

#: The session cookie of the tag lives 30 minutes after the last activity.
SESSION_IDLE = timedelta(minutes=30)
