"""Whether who asks holds a token for it, and what is said to whoever does not.

Only the holder of the right secret is told more than that a token is no good here: that it has
expired, or what it is for instead. Each request asks the database, so that a token is out at the
very moment in which it is revoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from collector.domain.tokens import Standing, Token
from collector.errors import RequestRefusedError
from collector.storage import tokens
from collector.storage.database import Database

_log = structlog.get_logger(__name__)


def is_for(token: Token, scope: str, project_id: int, now: datetime) -> bool:
    """Whether this opens the project for this purpose."""
    return (
        token.scope == scope
        and token.project_id == project_id
        and token.standing(now) is not Standing.EXPIRED
    )


def note(database: Database, token: Token, now: datetime) -> None:
    """Remember that this was used, if that is not known yet."""
    if token.is_use_worth_noting(now):
        with database.write() as connection:
            tokens.note_use(connection, token, now)


def refusal(
    token: Token | None, scope: str, project_id: int | None, headers: Mapping[str, str]
) -> RequestRefusedError:
    """Why a token that was sent opens nothing here: None is one whose secret is not right.

    Args:
        project_id: None if it is the token that names the project.
        headers: with the challenge, for the answer.
    """
    if token is None:
        return RequestRefusedError(
            401, "token_invalid", "There is no such token, or not any more.", headers
        )
    if token.scope != scope or project_id not in {None, token.project_id}:
        here = scope if project_id is None else f"{scope} of project {project_id}"
        return RequestRefusedError(
            403,
            "token_out_of_scope",
            f"This token is for {token.scope} of project {token.project_id}, not for {here}.",
            headers,
        )
    _log.warning("token_expired", project_id=token.project_id, token_id=token.token_id)
    return RequestRefusedError(
        401,
        "token_expired",
        f"This token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC. Whoever runs the "
        f"collector makes another: collector token create --scope {scope} "
        f"--project-id {token.project_id}",
        headers,
    )
