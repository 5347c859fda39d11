"""What people see instead of an error's JSON: a page that says what to do."""

from __future__ import annotations

from flask import Response, render_template, request

from collector.web import answers

#: Said to people where the answer for machines would puzzle them.
_TO_PEOPLE = {
    "database_unavailable": "The database does not answer at the moment. Load the page again in a "
    "few seconds; the logs of the server tell more.",
    "not_found": "There is nothing at this address.",
}

_TITLES = {401: "Not logged in", 403: "Refused", 404: "Not found", 503: "Not now"}


def is_for_people() -> bool:
    """Whether the request prefers a page to JSON, as browsers do."""
    preferred = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return preferred != "application/json"


def of_refusal(response: Response) -> Response:
    """The answer, as a page if it is a refusal and people see it."""
    failed = answers.failed()
    if failed is None or not is_for_people():
        return response
    code, message = failed
    title = _TITLES.get(response.status_code, "This did not work")
    text = _TO_PEOPLE.get(code, message)
    response.set_data(render_template("dashboard/problem.html", heading=title, text=text))
    response.mimetype = "text/html"
    return response
