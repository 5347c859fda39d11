"""Small loopback pages for the snippet's tests: a customer's website, one fault at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import collector.demo
from tests.browser.origins import serve_on_a_new_port

TAG = Path(collector.demo.__file__).parent / "tag.js"

PROJECT = 162
USER = "ae267-6g87D-88Nn6od"

#: The tag's stand-in, knowing its user, so that tests can name the session they expect.
TAG_ADDRESS = f"/tag.js?projectId={PROJECT}&userId={USER}&sessionNumber=4"
TAG_SCRIPT = f'<script src="{TAG_ADDRESS}"></script>'

#: Loads the tag when the test says so.
LATE_TAG = f"""<script>
  function loadTag() {{
    const tag = document.createElement("script");
    tag.src = "{TAG_ADDRESS}";
    return new Promise((loaded) => {{ tag.onload = loaded; document.head.append(tag); }});
  }}
</script>"""


def inline(code: str) -> str:
    """A script of the page's own."""
    return f"<script>{code}</script>"


def snippet(receiver_url: str) -> str:
    """The one script tag that customers embed."""
    return f'<script async src="{receiver_url}/v1/snippet.js"></script>'


def silent_tag(**context: object) -> str:
    """A tag of one line that stores nothing and calls back with this context, once."""
    return inline(
        f"""window._uxa = {{push([name, callback]) {{
          if (name === "afterPageView") callback({json.dumps(context)});
        }}}};"""
    )


@dataclass(frozen=True, kw_only=True)
class Document:
    """What one address of the site answers."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """Use as a context manager; pages are added while it runs."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._server = serve_on_a_new_port(_handler(self))

    def __enter__(self) -> Site:
        self.documents["/tag.js"] = Document(body=TAG.read_bytes(), kind="text/javascript")
        # Browsers ask for it unasked, and complain on the console where it is missing.
        self.documents["/favicon.ico"] = Document(body=b"", kind="image/x-icon")
        self.documents["/elsewhere"] = Document(body=b"<!doctype html><title>elsewhere</title>")
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add_page(self, *head: str, path: str = "/", policy: str | None = None) -> str:
        """Serve a page with this head; returns its address."""
        html = "<!doctype html><html lang=en><meta charset=utf-8><title>page</title>"
        self.documents[path] = Document(
            body=(html + "\n".join(head)).encode(),
            headers={"Content-Security-Policy": policy} if policy else {},
        )
        return self.url + path

    def add_script(self, path: str, code: str) -> None:
        """Serve a script file, for pages whose policy forbids inline code."""
        self.documents[path] = Document(body=code.encode(), kind="text/javascript")


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = site.documents.get(urlsplit(self.path).path)
            self.send_response(200 if document else 404)
            if document:
                self.send_header("Content-Type", document.kind)
                for name, value in document.headers.items():
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(document.body if document else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    return Handler
