"""Installations: their settings, and their secrets, which only delivery reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain.installation import Installation
from collector.errors import NotFoundError, UsageError
from collector.storage.database import insert_for
from collector.storage.secrets import SecretBox
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallRow,
    EnrichmentRow,
    InstallationRow,
    PullRow,
    RefusedRecordRow,
    SessionRow,
    TokenRow,
    WebhookRow,
)
from collector.storage.tables_privacy import TombstoneRow
from collector.storage.tables_retention import CallCountRow, PurgedRow, SessionCountRow

_COLUMNS = (
    InstallationRow.project_id,
    InstallationRow.integration_id,
    InstallationRow.name,
    InstallationRow.client_id,
    InstallationRow.integration_version,
    InstallationRow.origins,
    InstallationRow.region,
    InstallationRow.paused,
    InstallationRow.honour_gpc,
    InstallationRow.problem,
    InstallationRow.proven_version,
    InstallationRow.refused_in_row,
    InstallationRow.forgettings,
    InstallationRow.signing_secrets,
    InstallationRow.signed_kinds,
)

#: Made once: the job asks before each batch.
_BY_PROJECT = sa.select(*_COLUMNS).where(InstallationRow.project_id == sa.bindparam("project"))


def add(
    connection: sa.Connection, installation: Installation, sealed_secret: str, now: datetime
) -> None:
    """Store a new installation.

    Raises:
        UsageError: the project has one already.
    """
    insert = insert_for(connection, InstallationRow).values(
        project_id=installation.project_id,
        integration_id=installation.integration_id,
        name=installation.name,
        client_id=installation.client_id,
        client_secret=sealed_secret,
        integration_version=installation.integration_version,
        origins=list(installation.origins),
        region=installation.region,
        paused=False,
        honour_gpc=installation.honour_gpc,
        lease_number=0,
        created_at=now,
        changed_at=now,
    )
    added = insert.on_conflict_do_nothing().returning(InstallationRow.project_id)
    if connection.execute(added).one_or_none() is None:
        raise UsageError(
            f"Project {installation.project_id} has an installation already. Change it with: "
            f"collector installation edit {installation.project_id}"
        )


def find(connection: sa.Connection, project_id: int) -> Installation | None:
    """The installation of a project, if there is one."""
    row = connection.execute(_BY_PROJECT, {"project": project_id}).one_or_none()
    return None if row is None else _installation(row)


def get(connection: sa.Connection, project_id: int) -> Installation:
    """The installation of a project.

    Raises:
        NotFoundError: there is none.
    """
    found = find(connection, project_id)
    if found is None:
        raise NotFoundError(
            f"Project {project_id} has no installation. Known ones: collector installation list"
        )
    return found


def queue_up(connection: sa.Connection, project_id: int) -> bool:
    """Wait for whoever writes calls of the project; SQLite has one writer anyway.

    Else two imports compare with what neither has written yet, and an import and the job, which
    lock the same calls in different orders, stop each other.

    Returns:
        Whether there is such an installation; it stays until the transaction ends.
    """
    found = connection.execute(
        sa.select(InstallationRow.project_id)
        .where(InstallationRow.project_id == project_id)
        .with_for_update(key_share=True)
    )
    return found.one_or_none() is not None


def list_all(connection: sa.Connection) -> list[Installation]:
    """Every installation, by project id."""
    rows = connection.execute(sa.select(*_COLUMNS).order_by(InstallationRow.project_id))
    return [_installation(row) for row in rows]


def origins(connection: sa.Connection) -> frozenset[str]:
    """The origins of all installations together."""
    lists = connection.execute(sa.select(InstallationRow.origins)).scalars()
    return frozenset(origin for each in lists for origin in each)


def sealed_secret(connection: sa.Connection, project_id: int) -> str:
    """The encrypted client secret of a project's installation."""
    return connection.execute(
        sa.select(InstallationRow.client_secret).where(InstallationRow.project_id == project_id)
    ).scalar_one()


def reseal_secrets(connection: sa.Connection, box: SecretBox) -> int:
    """Encrypt every stored secret anew with the box's first key; returns how many there are.

    Raises:
        SecretError: one was sealed with a key that is not at hand; none is changed then.
    """
    rows = connection.execute(
        sa.select(
            InstallationRow.project_id,
            InstallationRow.client_secret,
            InstallationRow.signing_secrets,
        )
        .order_by(InstallationRow.project_id)  # as everybody does who takes several
        .with_for_update()
    ).all()
    for project_id, sealed, signing in rows:
        connection.execute(
            sa.update(InstallationRow)
            .where(InstallationRow.project_id == project_id)
            .values(
                client_secret=box.reseal(sealed),
                signing_secrets=[box.reseal(secret) for secret in signing],
            )
        )
    return len(rows) + sum(len(signing) for *_, signing in rows)


def edit(
    connection: sa.Connection, project_id: int, changes: Mapping[str, Any], now: datetime
) -> None:
    """Change columns of an installation.

    A new integration version makes the job rebuild what was not accepted yet. Nothing is proven
    of another integration.
    """
    before = get(connection, project_id)
    version = changes.get("integration_version", before.integration_version)
    if changes.get("integration_id", before.integration_id) != before.integration_id:
        changes = {"proven_version": None, "refused_in_row": 0, **changes}
    if version != before.integration_version:
        changes = {"refused_in_row": 0, **changes}
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(**changes, changed_at=now)
    )
    if version != before.integration_version:
        _build_anew(connection, project_id, ("pending", "invalid", "rejected"))


def note_problem(connection: sa.Connection, project_id: int, problem: str | None) -> None:
    """Remember what the last run could not do for an installation; None when all went well."""
    connection.execute(
        sa.update(InstallationRow)
        .where(
            InstallationRow.project_id == project_id,
            InstallationRow.problem.is_distinct_from(problem),
        )
        .values(problem=problem)
    )


def note_accepted(
    connection: sa.Connection, project_id: int, integration_id: int, integration_version: int
) -> None:
    """The API has accepted something that was built for this integration and version."""
    connection.execute(
        sa.update(InstallationRow)
        .where(
            InstallationRow.project_id == project_id,
            InstallationRow.integration_id == integration_id,
            sa.or_(
                InstallationRow.proven_version.is_distinct_from(integration_version),
                InstallationRow.refused_in_row > 0,
            ),
        )
        .values(proven_version=integration_version, refused_in_row=0)
    )


def distrust(connection: sa.Connection, project_id: int, *, pause: bool, now: datetime) -> None:
    """Nothing is proven any more of what is built, and all that is pending is built anew."""
    changes = {"paused": True, "changed_at": now} if pause else {}
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(proven_version=None, **changes)
    )
    _build_anew(connection, project_id, ("pending",))


def _build_anew(connection: sa.Connection, project_id: int, verdicts: Sequence[str]) -> None:
    connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == project_id, CallRow.verdict.in_(verdicts))
        .values(examine=True)
    )


def note_refused(connection: sa.Connection, project_id: int, refused_in_row: int) -> None:
    """So many enrichments were refused alone since something was accepted."""
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(refused_in_row=refused_in_row)
    )


def remove(connection: sa.Connection, project_id: int, *, with_data: bool) -> None:
    """Remove an installation; ``with_data`` also its sessions, calls and all that hangs on them.

    Raises:
        NotFoundError: there is none.
        UsageError: there is data, and ``with_data`` was not given.
    """
    # First, as everybody takes it: else the job and this could stop each other.
    connection.execute(
        sa.select(InstallationRow.project_id)
        .where(InstallationRow.project_id == project_id)
        .with_for_update()
    )
    get(connection, project_id)
    held = {
        name: _count(connection, row, project_id)
        for name, row in (("session", SessionRow), ("call", CallRow))
    }
    # Without tombstones whoever was forgotten is back; without counts, what was purged never was.
    for name, more in (
        ("refused record", RefusedRecordRow),
        ("tombstone", TombstoneRow),
        ("session count", SessionCountRow),
        ("call count", CallCountRow),
    ):
        if number := _count(connection, more, project_id):
            held[name] = number
    if any(held.values()) and not with_data:
        *most, last = [f"{number} {name}{'s'[: number != 1]}" for name, number in held.items()]
        what = f"{', '.join(most)} and {last}"
        raise UsageError(
            f"Project {project_id} still holds {what}. Pause the installation, or remove it with "
            "everything it holds: --with-data"
        )
    for row in (
        EnrichmentRow,
        CallRow,
        SessionRow,
        BatchRow,
        TokenRow,
        BeaconCountRow,
        SessionCountRow,
        CallCountRow,
        PurgedRow,
        RefusedRecordRow,
        WebhookRow,
        PullRow,
        TombstoneRow,
        InstallationRow,
    ):
        connection.execute(sa.delete(row).where(row.project_id == project_id))


def _count(connection: sa.Connection, row: Any, project_id: int) -> int:
    return connection.execute(
        sa.select(sa.func.count()).select_from(row).where(row.project_id == project_id)
    ).scalar_one()


def _installation(row: Any) -> Installation:
    fields = row._asdict()
    lists = ("origins", "signing_secrets", "signed_kinds")
    return Installation(**{**fields, **{name: tuple(fields[name]) for name in lists}})
