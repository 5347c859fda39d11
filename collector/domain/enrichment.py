"""An enrichment as it goes over the wire, and the key under which Contentsquare keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: A field's value as JSON knows it. DATETIME is already text here.
FieldValue = str | int | float | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrichment:
    """One enrichment of one session: sent again under the same number, it overwrites.

    Source of the key: "Update an enrichment". ``fields`` has been checked against the schema
    of the integration version that its batch names.
    """

    user_id: str
    session_number: int
    enrichment_number: int
    fields: Mapping[str, FieldValue]
