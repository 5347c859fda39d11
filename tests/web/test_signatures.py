"""Signatures of webhooks: what Twilio's own library accepts and nothing else, and plain HMACs."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from collector.domain.definition import Signature
from collector.domain.signatures import is_twilios, signs_body

SECRET = "12345"
PATH = "/v1/calls/twilio/162"

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
pairs = st.lists(st.tuples(st.sampled_from(["CallSid", "From", "callSid", "É"]) | texts, texts))
hosts = st.sampled_from(["collector.example.com", "127.0.0.1", "c"])
ports = st.sampled_from(["", ":80", ":443", ":8443"])
algorithms = st.sampled_from([None, "HMAC_SHA1", "HMAC_SHA256", "hmac_sha256"])


@st.composite
def addresses(draw: st.DrawFn) -> str:
    query = urlencode(draw(st.lists(st.tuples(texts, texts), max_size=3)))
    return f"{draw(st.sampled_from(['https', 'http']))}://{draw(hosts)}{draw(ports)}{PATH}" + (
        f"?{query}" if query else ""
    )


def settings(algorithm: str | None) -> str | None:
    return None if algorithm is None else f"key=shared-1,algorithm={algorithm}"


@given(
    addresses(),
    st.sampled_from(["as it is", "without port", "with port", "other port", "other path"]),
    pairs,
    st.sampled_from(["all", "doubled", "reversed", "none", "other"]),
    algorithms,
    algorithms,
)
@example("https://c" + PATH, "as it is", [("a", ""), ("a", "b"), ("a", "")], "all", None, None)
@example("https://c" + PATH, "with port", [("a", "1")], "reversed", None, None)
def test_a_form_is_twilios_exactly_when_its_own_library_says_so(
    address: str,
    signed_address: str,
    fields: list[tuple[str, str]],
    signed_fields: str,
    algorithm: str | None,
    signed_algorithm: str | None,
) -> None:
    signed = {
        "all": fields,
        "doubled": fields * 2,
        "reversed": fields[::-1],
        "none": [],
        "other": [*fields, ("CallStatus", "completed")],
    }[signed_fields]
    library = RequestValidator(SECRET)
    signature = library.compute_signature(
        _changed(address, signed_address), MultiDict(signed), signed_algorithm
    )
    expected = library.validate(address, MultiDict(fields), signature, algorithm)
    ours = is_twilios(SECRET, address, signature, parameters=fields, settings=settings(algorithm))
    assert ours == expected
    assert not is_twilios(
        "other", address, signature, parameters=fields, settings=settings(algorithm)
    )


@given(addresses(), texts, st.booleans(), texts, st.booleans(), algorithms)
def test_a_body_is_twilios_exactly_when_its_own_library_says_so(
    address: str, body: str, is_same: bool, other: str, is_upper: bool, algorithm: str | None
) -> None:
    said = hashlib.sha256((body if is_same else other).encode()).hexdigest()
    joint = "&" if "?" in address else "?"
    address = f"{address}{joint}bodySHA256={said.upper() if is_upper else said}"
    library = RequestValidator(SECRET)
    signature = library.compute_signature(address, {}, algorithm)
    expected = library.validate(address, body, signature, algorithm)
    ours = is_twilios(SECRET, address, signature, body=body.encode(), settings=settings(algorithm))
    assert ours == expected


def _changed(address: str, how: str) -> str:
    scheme, _, rest = address.partition("://")
    netloc, _, rest = rest.partition("/")
    host = netloc.partition(":")[0]
    usual = 443 if scheme == "https" else 80
    return {
        "as it is": address,
        "without port": f"{scheme}://{host}/{rest}",
        "with port": f"{scheme}://{host}:{usual}/{rest}",
        "other port": f"{scheme}://{host}:444/{rest}",
        "other path": f"{scheme}://{netloc}/other/{rest}",
    }[how]


def test_a_signature_that_the_library_has_computed_is_known() -> None:
    fields = [("CallSid", "CA1"), ("CallStatus", "completed"), ("From", "+12025550101")]
    address = "https://collector.example.com/v1/calls/twilio/162"
    signature = RequestValidator(SECRET).compute_signature(address, dict(fields))
    assert is_twilios(SECRET, address, signature, parameters=fields)
    assert is_twilios(SECRET, address, signature, parameters=fields[::-1])
    assert not is_twilios(SECRET, address, signature, parameters=fields[:-1])
    assert not is_twilios(SECRET, address + "?x=1", signature, parameters=fields)


@pytest.mark.parametrize(
    ("address", "given", "body", "settings"),
    [
        ("https://c" + PATH, "", None, None),
        ("https://c" + PATH, "\u00e9\udcff", None, None),
        ("https://c" + PATH, "x", b"{}", None),  # no hash of the body in the address
        ("https://c" + PATH + "?bodySHA256=", "x", b"{}", None),
        ("https://c:port" + PATH, "x", None, None),
        ("https://c" + PATH, "x", None, "key=k,algorithm=HMAC_MD5"),
    ],
)
def test_what_cannot_be_a_signature_is_none(
    address: str, given: str, body: bytes | None, settings: str | None
) -> None:
    assert not is_twilios(SECRET, address, given, body=body, settings=settings)


def test_an_unknown_algorithm_is_refused_even_when_the_rest_fits() -> None:
    signature = RequestValidator(SECRET).compute_signature("https://c" + PATH, {})
    assert is_twilios(SECRET, "https://c" + PATH, signature, settings="key=k")
    assert not is_twilios(SECRET, "https://c" + PATH, signature, settings="algorithm=HMAC_SHA3")


#: RFC 2202 and RFC 4231, test case 2.
KEY, DATA = "Jefe", b"what do ya want for nothing?"
PUBLISHED = {
    "sha1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    "sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "sha512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
}


@pytest.mark.parametrize("algorithm", PUBLISHED)
@pytest.mark.parametrize("prefix", ["", "sha=", "v1 "])
def test_published_hmacs_are_known_in_both_encodings(algorithm: str, prefix: str) -> None:
    told = bytes.fromhex(PUBLISHED[algorithm])
    for encoding, text in (("hex", told.hex()), ("base64", base64.b64encode(told).decode())):
        form = Signature(
            scheme="hmac", header="S", algorithm=algorithm, encoding=encoding, prefix=prefix
        )
        assert signs_body(form, KEY, DATA, prefix + text)
        assert signs_body(form, KEY, DATA, f"{prefix} {text}")
        assert not signs_body(form, KEY, DATA + b" ", prefix + text)
        assert not signs_body(form, KEY + "x", DATA, prefix + text)
        assert not signs_body(form, KEY, DATA, prefix + text[:-1])
        assert not signs_body(form, KEY, DATA, prefix)
        assert not signs_body(form, KEY, DATA, f"other{prefix}{text}")
        assert signs_body(form, KEY, DATA, prefix + text.upper()) == (encoding == "hex")
