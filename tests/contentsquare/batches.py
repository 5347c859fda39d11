"""Enrichments to send."""

from __future__ import annotations

from collector.domain.enrichment import Enrichment, FieldValue
from tests.sandbox_fixtures import PHONE_CALL_FIELDS


def enrichment(
    session_number: int = 5, number: int = 1, user_id: str = "aaa-aaa-aaa", **fields: FieldValue
) -> Enrichment:
    return Enrichment(
        user_id=user_id,
        session_number=session_number,
        enrichment_number=number,
        fields={**PHONE_CALL_FIELDS, **fields},
    )
