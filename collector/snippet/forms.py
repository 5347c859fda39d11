"""The snippet in every form that a customer can put into a page, as text to be copied.

Whatever is put in comes from a command line or a request, and ends in HTML or in JavaScript: each
has its own escaping here, and nothing is put in without it.
"""

from __future__ import annotations

import html
import ipaddress
import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from collector.snippet import Script

#: What stands for this collector's address where it is not known.
EXAMPLE_URL = "https://collector.example.com"

#: Attributes of the script tag by name; "" stands for one without a value.
Attributes = Mapping[str, str]

TAG = "tag"
PINNED = "pinned"
TAG_MANAGER = "tag-manager"
CSP = "csp"
COMMANDS = "commands"
TYPESCRIPT = "typescript"

#: What each form is for, in the order in which they are printed.
HEADINGS = {
    TAG: "The tag: always the current snippet",
    PINNED: "Pinned: this very build, checked by the browser, until you change the tag",
    TAG_MANAGER: "For a tag manager, as custom HTML: many drop attributes that they do not know",
    CSP: "Content-Security-Policy: add to what the page has",
    COMMANDS: "Commands, before or after the tag has loaded",
    TYPESCRIPT: "Declaration for TypeScript: collector.d.ts",
}

#: What is to be known besides, by form.
NOTES = {
    CSP: """\
A page that has default-src and not one of these: begin the new one with what default-src says.
With 'strict-dynamic', hosts in script-src do not count: give the tag the page's nonce, as
<script nonce="..." async ...>. What a trusted tag manager adds needs no nonce then.
Scripts within the page, such as the commands, need the nonce in any case.""",
}


def build(origin: str, script: Script, attributes: Attributes, declaration: str) -> dict[str, str]:
    """Every form by its name.

    Args:
        origin: where browsers reach the collector, without a slash at its end.
    """
    current = f"{origin}/v1/snippet.js"
    return {
        TAG: _tag({"src": current, **attributes}),
        PINNED: _tag(
            {
                "src": f"{origin}/v1/snippet.{script.hash}.js",
                "integrity": script.integrity,
                "crossorigin": "anonymous",
                **attributes,
            }
        ),
        TAG_MANAGER: _tag_manager(current, attributes),
        CSP: f"script-src {origin};\nconnect-src {origin};",
        COMMANDS: _commands(origin),
        TYPESCRIPT: declaration.rstrip(),
    }


def is_blocked(origin: str) -> bool:
    """Whether pages of https load no script from there, since it would come without TLS."""
    return origin.startswith("http://") and not _is_loopback(urlsplit(origin).hostname or "")


def _is_loopback(host: str) -> bool:
    """Whether browsers trust this host without TLS, since it is their own machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def in_comment(text: str) -> str:
    """Text without two hyphens in a row, with which every end of an HTML comment begins."""
    return re.sub("-(?=-)", "- ", text)


def _tag(attributes: Attributes) -> str:
    shown = (
        f' {name}="{_in_html(value)}"' if value else f" {name}"
        for name, value in attributes.items()
    )
    return f"<script async{''.join(shown)}></script>"


def _tag_manager(address: str, attributes: Attributes) -> str:
    # In the JavaScript of 2009: Google Tag Manager refuses newer syntax in custom HTML.
    set_attributes = "".join(
        f"\n    script.setAttribute({_in_script(name)}, {_in_script(value)});"
        for name, value in attributes.items()
    )
    return f"""\
<script>
  (function () {{
    var script = document.createElement("script");
    script.src = {_in_script(address)};
    script.async = true;{set_attributes}
    document.head.appendChild(script);
  }})();
</script>"""


def _commands(origin: str) -> str:
    # Whoever copies it whole, unread, must not say of visitors what does not hold.
    return f"""\
<script>
  window.sessionCollector = window.sessionCollector || [];

  // By what a call of this visitor can be recognised. "" is no key, and takes one away.
  sessionCollector.push(["set", {{visitor_id: "", tracking_number: "", reference: ""}}]);

  // With data-require-consent, nothing is sent before the visitor has agreed:
  // sessionCollector.push(["consent", true]);

  // Nothing is stored in the browser: say on each page that a visitor objects, or no longer does.
  // sessionCollector.push(["optOut"]);
  // sessionCollector.push(["optIn"]);

  // Only where the script is served from elsewhere:
  // sessionCollector.push(["endpoint", {_in_script(origin + "/v1/sessions")}]);
</script>"""


def _in_html(text: str) -> str:
    # In ASCII, so that it is read the same whatever the page is encoded in.
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode()


def _in_script(text: str) -> str:
    # No "<", which could end the script, and no "{", with which tag managers begin a variable.
    return json.dumps(text).replace("<", "\\u003c").replace("{", "\\u007b")
