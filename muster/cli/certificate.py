"""The certificate authority of `muster up --listen ADDRESS`: made once, so that agents on other hosts can verify the collector.

Two files of PEM each in one folder; keys have mode 0600. A site with certificates of its own names them to the collector instead.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
RENEW_DAYS = 30
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Files, and the SHA-256 of the authority's DER in hexadecimal, which `muster agent enrol --ca sha256:…` compares."""

    authority: Path
    certificate: Path
    key: Path
    fingerprint: str


def ensure_certificates(folder: Path, addresses: Sequence[str], now: datetime.datetime) -> Certificates:
    """The authority, made where it is missing, and a server certificate for these addresses, renewed 30 days before its end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {name: folder / f"{name}.pem" for name in ("ca", "ca-key", "server", "server-key")}
    if not (files["ca"].is_file() and files["ca-key"].is_file()):
        _make_authority(files["ca"], files["ca-key"], now)
    authority = x509.load_pem_x509_certificate(files["ca"].read_bytes())
    wanted = sorted({*addresses, socket.gethostname(), "localhost", "127.0.0.1"})
    if not _serves(files["server"], authority, wanted, now):
        _make_server(files, authority, wanted, now)
    return Certificates(files["ca"], files["server"], files["server-key"], authority.fingerprint(hashes.SHA256()).hex())


def _make_authority(certificate: Path, key_file: Path, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Muster CA on {socket.gethostname()}"[:64])])
    built = (
        _begin(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))


def _make_server(files: dict[str, Path], authority: x509.Certificate, names: Sequence[str], now: datetime.datetime) -> None:
    loaded = serialization.load_pem_private_key(files["ca-key"].read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey), "the authority's key is one that this module made"
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    built = (
        _begin(subject, authority.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(loaded.public_key()), critical=False)
        .sign(loaded, hashes.SHA256())
    )
    _write_key(files["server-key"], key)
    files["server"].write_bytes(built.public_bytes(serialization.Encoding.PEM))


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _DAY).not_valid_after(now + days * _DAY)


def _serves(file: Path, authority: x509.Certificate, names: Sequence[str], now: datetime.datetime) -> bool:
    """Whether the certificate there is of this authority, for all these names, and not near its end."""
    if not file.is_file():
        return False
    found = x509.load_pem_x509_certificate(file.read_bytes())
    if found.issuer != authority.subject or found.not_valid_after_utc < now + RENEW_DAYS * _DAY:
        return False
    held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general_name(name) for name in names} <= set(held)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(pem)
