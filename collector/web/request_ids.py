"""Names each request that Flask answers, so that its lines in the log can be found together.

The express lane does without: it writes no line.
"""

from __future__ import annotations

import os
import re

from flask import Flask, request

from collector import logs

#: As nginx's `$request_id` is, and nothing else: whoever asks chooses what stands in this header.
HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[0-9a-f]{32}")


def install(app: Flask) -> None:
    """Have every line that is written for a request carry its id."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(HEADER, "")
        logs.carry(request_id=given if _GIVEN.fullmatch(given) else os.urandom(8).hex())

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        logs.carry()
