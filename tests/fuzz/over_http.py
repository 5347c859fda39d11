"""Whatever the OpenAPI document allows or forbids, sent to a real server by schemathesis.

Half of the inputs fit the document and half do not. Every answer has to be one that the document
tells of, in its form, and none a fault of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from collector.storage.secrets import generate_key
from tests.fuzz.journal import Journal
from tests.fuzz.server import DEFINITION, ORIGIN, PROJECT, folder, prepare
from tests.web import serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

#: So many inputs of one operation before the next one's turn: what generates them is made anew,
#: since it keeps what it has tried.
ROUND = 500

#: Bodies that may hold anything take a hundred times as long to make up as to answer, and the
#: target ``records`` knows better what to put into them: one in twenty of the others' number.
RARELY = {("post", "/v1/calls"), ("post", "/v1/calls/{preset}/{project}")}

HOW = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def run(journal: Journal, inputs: int, seed_number: int) -> None:
    """Send ``inputs`` requests; the first answer that is wrong ends it."""
    with _server() as (url, token, processes), requests.Session() as http:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")

        def send(case: Any, known: bool) -> None:
            data = f"{case.operation.method} {case.formatted_path} {case.body!r}".encode(
                errors="backslashreplace"
            )
            with journal.trying(data):
                check(case, http, token if known else None)

        turn, many = 0, min(ROUND, max(inputs // 20, 10))
        while journal.tried < inputs:
            for operation in schema.get_all_operations():
                turn += 1
                one: Any = operation.ok()  # type: ignore[union-attr]
                rarely = (one.method, one.path) in RARELY
                wanted = min(many // 20 if rarely else many, inputs - journal.tried)
                if wanted > 0:
                    try_operation(one, wanted, seed_number + turn, send)
                journal.weigh(*processes)


def try_operation(
    operation: Any, examples: int, seed_number: int | None, send: Callable[[Any, bool], None]
) -> None:
    """Inputs that fit the document, and those that do not; ``None`` makes them the same ones."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @given(operation.as_strategy(generation_mode=mode), st.booleans())
        def ask(case: Any, known: bool) -> None:
            send(meant_for(case) if known else case, known)

        many = settings(HOW, max_examples=max(examples // 2, 1), derandomize=seed_number is None)
        try:
            many(ask if seed_number is None else seed(seed_number)(ask))()
        except Unsatisfiable:
            continue  # without parameters nothing can be wrong


def meant_for(case: Any) -> Any:
    """The same, for a customer and a platform that there are: else hardly any would be."""
    if isinstance(case.body, dict) and isinstance(case.body.get("projectId"), int | str):
        case.body = {**case.body, "projectId": PROJECT}
    if isinstance(case.path_parameters, dict) and "project" in case.path_parameters:
        case.path_parameters = {**case.path_parameters, "project": str(PROJECT)}
    return case


def check(case: Any, http: Any, token: str | None) -> None:
    """Ask, and hold the answer against the document.

    Raises:
        FailureGroup: it is another one than the document tells.
    """
    headers = {"Origin": ORIGIN}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    response = case.call(session=http, headers=headers) if http else case.call(headers=headers)
    case.validate_response(response, checks=CHECKS)


@contextmanager
def _server() -> Iterator[tuple[str, str, list[int]]]:
    """The address, a token, and the ids of the processes that answer."""
    with folder() as name:
        database_url, token = prepare(Path(name))
        server = serving.start(
            database_url,
            folder=Path(name),
            COLLECTOR_INTEGRATION=str(DEFINITION),
            COLLECTOR_SECRET_KEY=generate_key(),
            COLLECTOR_LOG_LEVEL="error",
        )
        try:
            workers = psutil.Process(server.process.pid).children(recursive=True)
            yield server.url, token, [server.process.pid, *(one.pid for one in workers)]
        finally:
            server.stop()
            assert server.process.stdout
            server.process.stdout.close()
