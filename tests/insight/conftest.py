"""The world of the job's tests: what is told is what the job has made of it."""

from __future__ import annotations

from tests.jobs.conftest import world

__all__ = ["world"]
