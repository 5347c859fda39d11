"""``GET /metrics``: what Prometheus reads.

Project ids and what is wrong with them are for the operator, so that without a token only those are
answered who ask from this machine, and not through a proxy on it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collector.errors import RequestRefusedError
from collector.web import state
from collector.web.telling import Told

blueprint = Blueprint("metrics", __name__)

#: What a proxy adds to say for whom it asks.
_OF_PROXIES = re.compile("forwarded|via|x-real-ip|x-forwarded-.*", re.IGNORECASE)


@blueprint.get("/metrics")
def metrics() -> Response:
    """What is counted over all processes, and what the database says."""
    shared = state.current()
    _require_reader(shared.metrics_token)
    told = CollectorRegistry()
    told.register(shared.meter)
    told.register(Told(shared.measured.read(), datetime.now(UTC)))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(told), content_type=content_type)


def _require_reader(token: str) -> None:
    if not token:
        if not _is_asked_from_here():
            raise RequestRefusedError(
                403,
                "metrics_not_for_here",
                "Metrics are only for this machine. To read them from elsewhere, set "
                "COLLECTOR_METRICS_TOKEN and send it as Authorization: Bearer TOKEN.",
            )
        return
    given = request.authorization
    sent = given.token if given is not None and given.type == "bearer" else None
    if not sent:
        raise RequestRefusedError(
            401,
            "token_missing",
            "Send the header Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    if not hmac.compare_digest(sent.encode(), token.encode()):
        raise RequestRefusedError(
            401,
            "token_invalid",
            "This is not the token of COLLECTOR_METRICS_TOKEN.",
            {"WWW-Authenticate": 'Bearer realm="metrics", error="invalid_token"'},
        )


def _is_asked_from_here() -> bool:
    if any(_OF_PROXIES.fullmatch(name) for name, _ in request.headers):
        return False
    try:
        address = ipaddress.ip_address((request.remote_addr or "").strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
