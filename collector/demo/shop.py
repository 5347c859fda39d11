"""A customer's website in small: the demo's shop, and the page that the browser tests visit.

It does what a real customer does and no more: the snippet's one script tag, Contentsquare's tag
(here its stand-in, loaded late), and two match keys on the snippet's queue. Its pages run under a
strict Content-Security-Policy, which proves that the snippet needs neither inline code nor eval.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from flask import Flask, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

HERE = Path(__file__).resolve().parent

VISITOR_COOKIE = "shop_visitor"
LINE_COOKIE = "shop_line"
COOKIE_SECONDS = 30 * 24 * 3600

CENTERS = ("RENNES", "LILLE", "NANTES")
STATUSES = ("answered", "missed")
MAX_DURATION = 4 * 3600

_VISITOR_ID = re.compile(r"v-[0-9a-f]{16}")
_CALL_ID = re.compile(r"c-[0-9a-f]{12}")

PlaceCall = Callable[[dict[str, object]], None]
_R = TypeVar("_R", bound=AnyResponse)


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who is looking: the shop's own id of the visitor, and which tracking number is on show."""

    visitor_id: str
    line: int
    tracking_number: str


def create_shop(
    *,
    collector_url: str,
    project_id: int,
    tracking_numbers: Sequence[str],
    place_call: PlaceCall | None = None,
) -> Flask:
    """The shop as a WSGI application.

    Args:
        collector_url: origin of the collector, ``http://127.0.0.1:8080``.
        project_id: the Contentsquare project that the tag reports to.
        tracking_numbers: the pool that visitors are given a number from, in turn.
        place_call: takes a call that a visitor pretends to make, as a call platform would report
            it: ``call_id``, ``started`` (UTC, ending in Z), ``duration`` (seconds),
            ``visitor_id``, ``tracking_number`` (the number dialled), ``rating``, ``center_name``,
            ``status``. Without it, the contact page has no button.

    Raises:
        ValueError: there is no tracking number.
    """
    if not tracking_numbers:
        raise ValueError("tracking_numbers: the shop needs at least one number to show")
    collector_url = collector_url.rstrip("/")
    numbers = tuple(tracking_numbers)
    lines = itertools.cycle(range(len(numbers)))
    policy = _content_security_policy(collector_url)
    shop = Flask(__name__, template_folder=str(HERE / "site" / "templates"), static_folder=None)

    def page(template: str, **values: object) -> Response:
        visitor = _visitor(numbers, lines)
        html = render_template(
            template,
            collector_url=collector_url,
            project_id=project_id,
            visitor=visitor,
            can_call=place_call is not None,
            **values,
        )
        return _remember(Response(html, mimetype="text/html"), visitor)

    @shop.after_request
    def harden(response: AnyResponse) -> AnyResponse:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @shop.get("/")
    def home() -> Response:
        return page("home.html")

    @shop.get("/product")
    def product() -> Response:
        return page("product.html")

    @shop.get("/contact")
    def contact() -> Response:
        call_id = request.args.get("call", "")
        placed = call_id if _CALL_ID.fullmatch(call_id) else None
        return page("contact.html", placed=placed, centers=CENTERS, statuses=STATUSES)

    @shop.get("/<any('shop.css','shop.js'):name>")
    def asset(name: str) -> AnyResponse:
        return send_file(HERE / "site" / "assets" / name)

    @shop.get("/tag.js")
    def tag() -> AnyResponse:
        return send_file(HERE / "tag.js")

    if place_call is not None:
        _add_calls(shop, place_call, numbers, lines)
    return shop


def _add_calls(
    shop: Flask, place_call: PlaceCall, numbers: Sequence[str], lines: Iterator[int]
) -> None:
    @shop.post("/call")
    def call() -> AnyResponse:
        visitor = _visitor(numbers, lines)
        record = _call_record(visitor)
        place_call(record)
        # See other: reloading the page must not place the call again.
        answer = redirect(url_for("contact", call=record["call_id"]), 303)
        return _remember(answer, visitor)


def _call_record(visitor: Visitor) -> dict[str, object]:
    duration = _number("duration", 0, MAX_DURATION)
    rating = _number("rating", 1, 5)
    center = request.form.get("center_name", CENTERS[0])
    status = request.form.get("status", STATUSES[0])
    if center not in CENTERS or status not in STATUSES:
        abort(400, "center_name or status is none of those that the form offers.")
    return {
        "call_id": f"c-{secrets.token_hex(6)}",
        "started": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration": duration,
        "visitor_id": visitor.visitor_id,
        "tracking_number": visitor.tracking_number,
        "rating": rating,
        "center_name": center,
        "status": status,
    }


def _number(name: str, least: int, most: int) -> int:
    text = request.form.get(name, "")
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        abort(400, f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _visitor(numbers: Sequence[str], lines: Iterator[int]) -> Visitor:
    """The visitor by the cookies, or a new one; a cookie that is not one of ours is replaced."""
    visitor_id = request.cookies.get(VISITOR_COOKIE, "")
    if not _VISITOR_ID.fullmatch(visitor_id):
        visitor_id = f"v-{secrets.token_hex(8)}"
    text = request.cookies.get(LINE_COOKIE, "")
    known = re.fullmatch(r"[0-9]{1,4}", text) is not None and int(text) < len(numbers)
    line = int(text) if known else next(lines)
    return Visitor(visitor_id=visitor_id, line=line, tracking_number=numbers[line])


def _remember(response: _R, visitor: Visitor) -> _R:
    for name, value in ((VISITOR_COOKIE, visitor.visitor_id), (LINE_COOKIE, str(visitor.line))):
        response.set_cookie(name, value, max_age=COOKIE_SECONDS, samesite="Lax", httponly=True)
    return response


def _content_security_policy(collector_url: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {collector_url}",
            f"connect-src 'self' {collector_url}",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
