"""Sending a batch, and saying in one word what became of it.

Sources: Sending enrichment data batches (request, response, limitations), Authentication
(expired tokens). The client blames an enrichment only when the API blamed its batch: everything
else is either "later" or an error that a person has to look at.
"""

from __future__ import annotations

import json
import random as random_module
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from collector.contentsquare.answers import Answer, Credentials, Grant, Outcome
from collector.contentsquare.retry import RetryPolicy, is_later, retry_after
from collector.contentsquare.tokens import Tokens
from collector.contentsquare.transport import Reply, Transport, is_safe_url
from collector.domain.enrichment import Enrichment
from collector.domain.limits import MAX_BATCH, MAX_ENRICHMENT_NUMBER, MIN_ENRICHMENT_NUMBER
from collector.errors import (
    ContentsquareError,
    CredentialsRefusedError,
    SettingError,
    UnavailableError,
)

_BAD_VERSION = "bad integration version"


@dataclass(kw_only=True, slots=True)
class _Posts:
    """What one batch has cost so far."""

    requests: int = 0
    milliseconds: int = 0
    renewed: bool = False
    in_doubt: bool = False
    throttled: bool = False
    last_token: str = ""
    not_after: float


class EnrichmentApi:
    """The two endpoints, for any number of installations and threads.

    At most ``connections`` requests are in flight at once, those for tokens included; who sends
    waits for one to be free.

    ``auth_url`` is the token endpoint; where enrichments go is its answer's business. Timeouts
    and ``patience`` are in seconds, ``attempts`` counts posts including the first; ``budget`` is
    how many seconds one batch may take until its last post begins. Raises
    `SettingError` for a token endpoint to which a secret must not be sent.
    """

    def __init__(
        self,
        auth_url: str,
        *,
        connections: int = 1,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        attempts: int = 4,
        patience: float = 30.0,
        budget: float = 180.0,
    ) -> None:
        if not is_safe_url(auth_url):
            raise SettingError(
                "COLLECTOR_AUTH_URL must be an https address (http only on this machine),"
                " such as https://api.contentsquare.com/v1/oauth/token"
            )
        self._monotonic, self._budget = monotonic, budget
        self._policy = RetryPolicy(attempts=attempts, patience=patience, sleep=sleep, random=random)
        self._transport = Transport(
            connections=connections,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            monotonic=monotonic,
        )
        self._tokens = Tokens(
            auth_url, transport=self._transport, policy=self._policy, monotonic=monotonic
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def authenticate(self, credentials: Credentials) -> Grant:
        """Ask for a new token, whatever is kept, and keep it.

        Raises `CredentialsRefusedError`, `UnavailableError`, and `ContentsquareError` for an
        answer that cannot be used, such as a token for another project.
        """
        return self._tokens.fetch(credentials)

    def send(
        self,
        credentials: Credentials,
        integration_version: int,
        enrichments: Sequence[Enrichment],
        begun: float | None = None,
    ) -> Answer:
        """Send one batch: 1 to 200 enrichments of one installation and integration version.

        A token that the API refuses is renewed once and the same batch sent again. ``begun`` is
        when the right to send this batch was last made sure of, in seconds of the monotonic clock
        (now, if not given): the budget counts from there. Raises
        `ValueError` before anything is sent for a batch that breaks a documented limit,
        `UnavailableError` when no token can be had now or the budget is used up,
        `CredentialsRefusedError`, and `ContentsquareError` for an answer that is not the
        documented API's.
        """
        body = _encode(credentials.project_id, integration_version, enrichments)
        begun = self._monotonic() if begun is None else begun
        posts = _Posts(not_after=begun + self._budget)
        try:
            reply = self._policy.until_settled(lambda: self._post(credentials, body, posts))
        except ContentsquareError as error:
            error.in_doubt = posts.in_doubt
            raise
        outcome = _outcome(reply)
        message = reply.summary(hide=posts.last_token)
        if outcome is None:
            unknown = ContentsquareError(
                f"{credentials}: not an answer of the Enrichment API ({message}); the batch stays"
                " pending. Check with `collector installation check` that the credentials carry"
                " the enrichment scope for this project, and that no proxy stands between"
            )
            unknown.in_doubt = posts.in_doubt
            raise unknown
        return Answer(
            outcome=outcome,
            status=reply.status,
            message=message,
            in_doubt=posts.in_doubt,
            retry_after=retry_after(reply) if outcome is Outcome.LATER else None,
            milliseconds=posts.milliseconds,
            requests=posts.requests,
            throttled=posts.throttled,
        )

    def _post(self, credentials: Credentials, body: bytes, posts: _Posts) -> Reply:
        grant = self._tokens.current(credentials)
        with self._transport.slot():
            # Later than this, the batch may no longer be ours to send: the lease and the margin
            # before the deadline are reckoned with it.
            if self._monotonic() > posts.not_after:
                raise UnavailableError(
                    f"{credentials}: {self._budget:g} s were not enough for one batch; it stays"
                    " pending"
                )
            reply = self._transport.post(
                f"{grant.endpoint}/v1/enrichments", body, bearer=grant.access_token
            )
        posts.last_token = grant.access_token
        posts.requests += 1
        posts.milliseconds += reply.milliseconds
        if reply.is_success:
            return reply
        if reply.status != 401:
            # Which 400 it is, only a whole body says.
            reply = reply.if_whole()
            posts.in_doubt |= reply.status is None or reply.status >= 500
            posts.throttled |= reply.status == 429
            return reply
        self._tokens.discard(credentials, grant)
        if posts.renewed:
            raise CredentialsRefusedError(
                f"{credentials}: the Enrichment API refuses a token it was just given"
                f" ({reply.summary(hide=grant.access_token)}); check in the Contentsquare console"
                " that the integration is still installed on this project"
            )
        posts.renewed = True
        return self._post(credentials, body, posts)


def _outcome(reply: Reply) -> Outcome | None:
    """What a status means for the batch; ``None`` if nothing documented."""
    if is_later(reply):
        return Outcome.LATER
    if reply.is_success:
        return Outcome.ACCEPTED
    if reply.status == 400:
        document = reply.json()
        said = document.get("message") if isinstance(document, dict) else None
        return Outcome.BAD_VERSION if said == _BAD_VERSION else Outcome.REJECTED
    # Not documented, but both can only be about this body: halving finds the culprit.
    return Outcome.REJECTED if reply.status in {413, 422} else None


def _encode(project_id: int, integration_version: int, enrichments: Sequence[Enrichment]) -> bytes:
    if not 1 <= len(enrichments) <= MAX_BATCH:
        raise ValueError(f"a batch holds 1 to {MAX_BATCH} enrichments, not {len(enrichments)}")
    for enrichment in enrichments:
        if not MIN_ENRICHMENT_NUMBER <= enrichment.enrichment_number <= MAX_ENRICHMENT_NUMBER:
            raise ValueError(
                f"enrichment number {enrichment.enrichment_number} of session"
                f" {enrichment.user_id}.{enrichment.session_number} is not"
                f" {MIN_ENRICHMENT_NUMBER} to {MAX_ENRICHMENT_NUMBER}"
            )
    document = {
        "integrationVersion": integration_version,
        "projectId": project_id,
        "enrichments": [
            {
                "userId": enrichment.user_id,
                "sessionNumber": enrichment.session_number,
                "enrichmentNumber": enrichment.enrichment_number,
                "enrichment": dict(enrichment.fields),
            }
            for enrichment in enrichments
        ],
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
