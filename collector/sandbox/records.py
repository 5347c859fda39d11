"""What the sandbox is told and what it remembers, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxInstallation:
    """One installed integration, with the credentials that the Contentsquare console would give.

    ``schemas`` maps each registered integration version to its JSON schema document,
    ``{"fields": [...]}`` (Creating an integration, Schema format).
    """

    project_id: int
    integration_id: int
    client_id: str
    client_secret: str = field(repr=False)
    schemas: Mapping[int, Mapping[str, Any]] = field(repr=False)


class SessionKey(NamedTuple):
    """One session of one user in one project."""

    project_id: int
    user_id: str
    session_number: int


class EnrichmentKey(NamedTuple):
    """What the same enrichment is kept under: sent again, it overwrites (Update an enrichment)."""

    project_id: int
    user_id: str
    session_number: int
    enrichment_number: int

    @property
    def session(self) -> SessionKey:
        """The session that is enriched."""
        return SessionKey(self.project_id, self.user_id, self.session_number)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEnrichment:
    """An enrichment as it is held now; ``overwritten`` counts how often it replaced another."""

    key: EnrichmentKey
    fields: Mapping[str, Any]
    integration_id: int
    integration_version: int
    received_at: datetime
    overwritten: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedEnrichment:
    """An enrichment that was answered 200 and thrown away: its session started too long ago."""

    key: EnrichmentKey
    fields: Mapping[str, Any]
    session_started_at: datetime
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestSeen:
    """One request to an endpoint of Contentsquare's and what it was answered.

    ``status`` is ``None`` when the connection was dropped instead. ``size`` is the body's in
    bytes, ``enrichments`` how many a readable batch held, ``connection`` the number of the TCP
    connection it came on, counted from 1, and ``note`` says why it was answered so: for people,
    the API itself does not tell.
    """

    method: str
    path: str
    status: int | None
    size: int
    at: datetime
    connection: int
    note: str
    enrichments: int | None
