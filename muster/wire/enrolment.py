"""Enrolment: an enrolment token and the fingerprint of the collector's authority become a source token and a trusted authority.

The authority is fetched without trust, its SHA-256 compared, and only over a connection that trusts it alone does the enrolment
token leave this machine. Not for reports: `muster/wire/sender.py`. Format: docs/reference/wire.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import ssl
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from muster.errors import AuthenticationError, ConfigurationError, InputError, UnavailableError, quote
from muster.model.state import SourceKind
from muster.wire.http_message import HttpAnswer
from muster.wire.report import CONTENT_TYPE_JSON, Name
from muster.wire.transport import Connection, Destination, parse_url

ENROLMENTS_PATH = "/v1/enrolments"
AUTHORITY_PATH = "/v1/ca.pem"
_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_TOKEN_LIMIT = 4096


class EnrolmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/enrolments; the enrolment token is the request's bearer token."""

    kind: SourceKind
    name: Name
    zone: Name = "default"


class EnrolmentAnswer(Struct, frozen=True):
    """`token` is shown once, here. `pending`: it works once a person has approved the source."""

    token: Annotated[str, Meta(min_length=16, max_length=_TOKEN_LIMIT)]
    state: Literal["active", "pending"] = "active"


class Enrolment(NamedTuple):
    """What a source keeps: its token, and the authority (PEM; empty where the system's authorities are trusted or without TLS)."""

    token: str
    authority_pem: str
    state: str


def enrol(url: str, enrolment_token: str, request: EnrolmentRequest, *, fingerprint: str = "", timeout_seconds: float = 10.0) -> Enrolment:
    """Enrol a source at the collector `url`; `fingerprint` is `sha256:` and the hexadecimal SHA-256 of the authority's DER.

    Without a fingerprint an https collector must be trusted by the system's authorities. Raises ConfigurationError,
    AuthenticationError (fingerprint or token is wrong), UnavailableError.
    """
    authority = fetch_authority(url, fingerprint, timeout_seconds=timeout_seconds) if fingerprint else ""
    tls: ssl.SSLContext | None = None
    if authority:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=authority)
    connection = Connection(Destination(url), tls=tls, timeout_seconds=timeout_seconds)
    headers = {"Authorization": f"Bearer {enrolment_token}", "Content-Type": CONTENT_TYPE_JSON, "Accept": CONTENT_TYPE_JSON}
    try:
        answer = connection.request("POST", ENROLMENTS_PATH, body=msgspec.json.encode(request), headers=headers)
    finally:
        connection.close()
    return _enrolment(answer, url, authority)


def fetch_authority(url: str, fingerprint: str, *, timeout_seconds: float = 10.0) -> str:
    """The collector's authority as PEM, if its DER has this SHA-256. Nothing secret is sent.

    Raises ConfigurationError where the fingerprint or URL is malformed, AuthenticationError where it is another authority's.
    """
    expected = parse_fingerprint(fingerprint)
    if not parse_url(url)[3]:
        raise ConfigurationError(f"{quote(url)} is not https, so there is no authority to compare; leave --ca out or use https://")
    untrusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    untrusted.check_hostname = False
    untrusted.verify_mode = ssl.CERT_NONE
    connection = Connection(Destination(url), tls=untrusted, timeout_seconds=timeout_seconds)
    try:
        answer = connection.request("GET", AUTHORITY_PATH)
    finally:
        connection.close()
    if answer.status != 200:
        raise UnavailableError(f"{url}{AUTHORITY_PATH} answered {answer.status}; is this a collector with its own authority?")
    try:
        pem = answer.body.decode("ascii").strip() + "\n"
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except ValueError:
        raise UnavailableError(f"{url}{AUTHORITY_PATH} is no PEM certificate; is this a collector?") from None
    if not hmac.compare_digest(found, expected):
        raise AuthenticationError(f"{url} has another authority (sha256:{found}) than --ca says; copy the line from the collector again")
    return pem


def parse_fingerprint(text: str) -> str:
    """Sixty-four lower-case hexadecimal digits from `sha256:…`, colons allowed. Raises ConfigurationError.

    >>> parse_fingerprint("sha256:" + "AB:" * 31 + "AB")[:6]
    'ababab'
    """
    prefix, separator, digits = text.strip().lower().partition(":")
    plain = prefix + separator + digits.replace(":", "") if prefix == "sha256" else text.strip().lower().replace(":", "")
    match = _FINGERPRINT.match(plain)
    if match is None:
        raise ConfigurationError(f"{quote(text)} is no fingerprint; write sha256: and 64 hexadecimal digits")
    return match.group(1)


def save_private(file: str, text: str) -> None:
    """Write a file that only its owner may read (0600), whole or not at all. Raises UnavailableError."""
    part = f"{file}.part"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(file)), mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(part, file)
    except OSError as error:
        raise UnavailableError(f"{file} cannot be written: {error.strerror}; check the folder and its owner") from error


def _enrolment(answer: HttpAnswer, url: str, authority: str) -> Enrolment:
    if answer.status not in (200, 201):
        detail = _detail(answer)
        if answer.status in (401, 403):
            raise AuthenticationError(f"{url} refused the enrolment token: {detail}; make a new one with `muster token create`")
        raise UnavailableError(f"{url}{ENROLMENTS_PATH} answered {answer.status}: {detail}")
    try:
        content = msgspec.json.decode(answer.body, type=EnrolmentAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{url}{ENROLMENTS_PATH} answered no enrolment ({error}); is this a collector?", path="") from None
    return Enrolment(content.token, authority, content.state)


def _detail(answer: HttpAnswer) -> str:
    try:
        problem = json.loads(answer.body)
    except ValueError:
        return "without a reason"
    text = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    return str(text)[:500] if text else "without a reason"
