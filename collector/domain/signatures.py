"""Tells whether a webhook was signed with the secret that its platform shares with us.

Nothing is asked of the time at which it was signed: platforms repeat what was not answered, for
days, with the signature of the first time. Whoever repeats a request that he has seen gains
nothing, since the same record again changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from collector.domain.definition import Signature

#: A field's name and value, as a form or a query has them.
Parameter = tuple[str, str]

#: The header in which Twilio names how it signed, if not by SHA-1.
TWILIO_SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"

#: The parameter by which the address, which is signed, vouches for a body that is no form.
_BODY_HASH = "bodySHA256"

_TWILIO_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def signs_body(signature: Signature, secret: str, body: bytes, given: str) -> bool:
    """Whether ``given``, a header's value, is the HMAC of ``body`` in the form that is agreed."""
    if not given.startswith(signature.prefix):
        return False
    told = given.removeprefix(signature.prefix).strip()
    expected = hmac.digest(secret.encode(), body, signature.algorithm)
    if signature.encoding == "hex":
        return _same(expected.hex(), told.lower())
    return _same(base64.b64encode(expected).decode(), told)


def is_twilios(
    secret: str,
    address: str,
    given: str,
    *,
    parameters: Iterable[Parameter] = (),
    body: bytes | None = None,
    settings: str | None = None,
) -> bool:
    """Whether ``given`` is Twilio's signature of a request.

    Args:
        address: the whole address that was asked, as Twilio knows it, with its query.
        parameters: the fields of a form.
        body: what was posted instead of a form.
        settings: the header `TWILIO_SETTINGS_HEADER`, if there is one.
    """
    algorithm = _twilio_algorithm(settings)
    if algorithm is None or (body is not None and not _vouches_for(address, body)):
        return False
    # A field given twice with one value is signed once. The order of Python's strings is that
    # of their bytes in UTF-8.
    fields = "".join(name + value for name, value in sorted(set(parameters)))
    return any(
        _same(_base64_hmac(secret, variant + fields, algorithm), given)
        for variant in _with_and_without_port(address)
    )


def _twilio_algorithm(settings: str | None) -> str | None:
    for part in (settings or "").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return _TWILIO_ALGORITHMS.get(value.strip().upper())
    return "sha1"


def _vouches_for(address: str, body: bytes) -> bool:
    said = parse_qs(urlsplit(address).query).get(_BODY_HASH, [""])
    return _same(hashlib.sha256(body).hexdigest(), said[0])


def _with_and_without_port(address: str) -> tuple[str, ...]:
    """Both forms: Twilio signs now the one and now the other."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:  # no port that anybody could have asked
        return ()
    if port:
        bare = parts.netloc.removesuffix(f":{port}")
        return address, parts._replace(netloc=bare).geturl()
    port = 443 if parts.scheme == "https" else 80
    return address, parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _base64_hmac(secret: str, text: str, algorithm: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), algorithm)).decode()


def _same(expected: str, given: str) -> bool:
    """Compared in a time that tells nothing of where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="backslashreplace"))
