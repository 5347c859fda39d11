"""Reads a Content Security Policy far enough to name the line that lets the snippet through."""

from __future__ import annotations

from dataclasses import dataclass

#: Which directives decide, the nearest first (CSP Level 3, 6.8.3).
_DECIDING = {
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "script-src": ("script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
}

#: Lists of hosts mean nothing beside it: only what a trusted script adds is loaded.
_TRUST_PASSED_ON = "'strict-dynamic'"

#: The one source in quotes that means something to other things than scripts.
_SELF = "'self'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """``directive`` is the one that blocked; ``line`` is what it has to be."""

    directive: str
    line: str
    by_nonce: bool = False


def advise(policy: str, blocked: str, origin: str) -> Advice:
    """How ``policy`` has to change, so that ``blocked`` allows ``origin``.

    Args:
        blocked: the effective directive, as the browser names it.
    """
    stated = _directives(policy)
    deciding = next((name for name in _DECIDING.get(blocked, ()) if name in stated), blocked)
    sources = stated.get(deciding, [])
    is_script = blocked.startswith("script-src")
    allowed = [_shown(source) for source in sources if _is_kept(source.lower(), is_script)]
    # What default-src allows must be repeated: the new directive replaces it for its kind.
    written = blocked.removesuffix("-elem") if deciding == "default-src" else deciding
    return Advice(
        directive=deciding,
        line=" ".join([written, *allowed, origin]),
        by_nonce=is_script and _TRUST_PASSED_ON in (source.lower() for source in sources),
    )


def _is_kept(source: str, is_script: bool) -> bool:
    if is_script:
        return source != "'none'"
    # Nonces, hashes and the like, which default-src has for its scripts.
    return not source.startswith("'") or source == _SELF


def _shown(source: str) -> str:
    """A nonce is another one at each answer, and nobody's to keep."""
    return "'nonce-...'" if source.lower().startswith("'nonce-") else source


def _directives(policy: str) -> dict[str, list[str]]:
    stated: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *sources = part.split() or [""]
        if name:
            stated.setdefault(name.lower(), sources)  # a second one of a name does not count
    return stated
