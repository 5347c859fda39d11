"""Who may post to a webhook: a platform that signs with the stored secret, or whoever has a token.

A token is taken as ``Authorization: Bearer`` and as the password of HTTP Basic, since many
platforms have no other place for it than the address that is entered there. It is never taken
from the path or the query: those stand in the logs of every proxy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import structlog
from flask import request

from collector.domain import signatures
from collector.domain.definition import Preset, Signature
from collector.domain.installation import Installation
from collector.domain.tokens import CALLS, Token
from collector.errors import RequestRefusedError, SecretError
from collector.storage import installations, tokens, webhooks
from collector.web import bearers, bodies
from collector.web.receiving import RETRY_AFTER_SECONDS, no_installation
from collector.web.state import State

#: Basic first: some clients send the password of an address only when they are asked for it.
CHALLENGE = {"WWW-Authenticate": 'Basic realm="collector", Bearer realm="collector"'}

_log = structlog.get_logger(__name__)


def authorise(shared: State, platform: Preset, project_id: str, body: bytes) -> Installation:
    """The installation that the request may write to.

    Raises:
        RequestRefusedError: 404 ``unknown_project``; 401 ``token_missing``, ``token_invalid``,
            ``token_expired``, ``secret_missing`` or ``signature_invalid``; 403
            ``token_out_of_scope``; 503 ``secret_unavailable``.
    """
    sent, now = _token(), datetime.now(UTC)
    with shared.database.read() as connection:
        installation = installations.find(connection, _number(project_id))
        if installation is None:
            raise no_installation(project_id[:60])
        number = installation.project_id
        token = tokens.find(connection, sent) if sent else None
        sealed = webhooks.find_secrets(connection, number, platform.name, now)
    if token is not None and bearers.is_for(token, CALLS, number, now):
        bearers.note(shared.database, token, now)
        return installation
    signature = platform.signature
    if signature is None or not sealed:
        raise _without_secret(platform, number, token, is_sent=bool(sent))
    if any(_is_signed(signature, _opened(shared, each), shared, body) for each in sealed):
        return installation
    if token is not None and signature.header not in request.headers:
        raise bearers.refusal(token, CALLS, number, CHALLENGE)
    raise _not_signed(shared, platform, signature, number)


def _number(project_id: str) -> int:
    """The project of an address; 0, which no project has, if it names none."""
    return int(project_id) if re.fullmatch(r"[0-9]{1,16}", project_id) else 0


def _token() -> str | None:
    given = request.authorization
    if given is None:
        return None
    return given.password if given.type == "basic" else given.token


def _opened(shared: State, sealed: str) -> str:
    problem = "COLLECTOR_SECRET_KEY is not set, and webhooks' secrets are stored."
    if shared.secrets is not None:
        try:
            return shared.secrets.open(sealed)
        except SecretError as error:
            problem = str(error)
    # Which key is missing is for the operator, not for the call platform.
    _log.error("secret_unavailable", endpoint=request.endpoint, error=problem)
    raise RequestRefusedError(
        503,
        "secret_unavailable",
        "Signatures cannot be checked at the moment. Send it again later.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _is_signed(signature: Signature, secret: str, shared: State, body: bytes) -> bool:
    given = request.headers.get(signature.header)
    if given is None:
        return False
    if signature.scheme == "twilio":
        is_form = request.mimetype == bodies.FORM
        is_query = request.method == "GET"
        return signatures.is_twilios(
            secret,
            assumed_address(shared.public_url),
            given,
            parameters=bodies.parse_form(body) if is_form else (),
            body=None if is_form or is_query else body,
            settings=request.headers.get(signatures.TWILIO_SETTINGS_HEADER),
        )
    # Over no body a signature is always the same, and says nothing about the query.
    return request.method == "POST" and signatures.signs_body(signature, secret, body, given)


def assumed_address(public_url: str) -> str:
    """The address as the platform has asked it, every letter as it was sent."""
    here = public_url or f"{request.scheme}://{request.host}{request.root_path}"
    query = request.query_string.decode(errors="replace")
    return here + request.path + (f"?{query}" if query else "")


def _without_secret(
    platform: Preset, project_id: int, token: Token | None, *, is_sent: bool
) -> RequestRefusedError:
    if is_sent:
        return bearers.refusal(token, CALLS, project_id, CHALLENGE)
    if platform.signature is not None and platform.signature.header in request.headers:
        _log.warning("webhook_without_secret", preset=platform.name, project_id=project_id)
        return RequestRefusedError(
            401,
            "secret_missing",
            "This is signed, but the secret to check it by is not stored here. Run: "
            f"collector webhook add {platform.name} --project-id {project_id}",
            CHALLENGE,
        )
    return RequestRefusedError(
        401,
        "token_missing",
        "Send a token: as the header Authorization: Bearer TOKEN, or as the password in "
        "the address, https://calls:TOKEN@...",
        CHALLENGE,
    )


def _not_signed(
    shared: State, platform: Preset, signature: Signature, project_id: int
) -> RequestRefusedError:
    is_there = signature.header in request.headers
    told = {"preset": platform.name, "project_id": project_id, "signed": is_there}
    if signature.scheme == "twilio":
        # Behind a proxy it is the usual mistake; a query may hold what logs must not.
        told["assumed_url"] = assumed_address(shared.public_url).partition("?")[0]
    _log.warning("signature_refused", **told)
    what = f"{signature.header} does not fit" if is_there else f"{signature.header} is missing"
    return RequestRefusedError(
        401,
        "signature_invalid",
        f"The signature in the header {what}, and no valid token is given. The logs of the "
        "server tell more.",
        CHALLENGE,
    )
