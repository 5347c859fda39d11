"""What is told of tokens that end soon: by commands, the doctor, and whatever shows how it stands.

A token that ended breaks the flow of calls at once, and most platforms repeat them for hours only.
"""

from __future__ import annotations

from datetime import datetime

from collector.domain.tokens import Standing, Token


def ending(token: Token, now: datetime) -> tuple[str, str] | None:
    """That it ends, and the command by which somebody sees to it; None while there is no need."""
    standing = token.standing(now)
    if standing is Standing.ACTIVE or token.expires_at is None:
        return None
    name = f"The token {token.token_id}{f' ({token.name})' if token.name else ''}"
    at = f"{token.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    anew = f"collector token create --scope {token.scope} --project-id {token.project_id}"
    if standing is Standing.EXPIRED:
        used = "nobody has used it" if token.last_used_at is None else "it was in use"
        remedy = f"collector token revoke {token.token_id}; if it is still needed, before: {anew}"
        return f"{name} expired at {at}; {used}.", remedy
    return f"{name} expires at {at}.", f"Make another, and enter it at the platform: {anew}"


def warning(token: Token, now: datetime) -> str | None:
    """The same as one text."""
    found = ending(token, now)
    return None if found is None else " ".join(found)
