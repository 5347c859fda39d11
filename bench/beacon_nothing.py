"""A Flask view that stores nothing: the most that this server and this framework can answer."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__)


@app.post("/v1/sessions")
def sessions() -> tuple[str, int]:
    return "", 204
