"""credentials.d/*.yaml: how discovery signs in to devices. Secrets are references; they are read when a run begins.

Three types: `snmp_v2c`, `snmp_v3`, `ssh`. What is read here never shows in errors, logs or `repr`. See docs/discovery.md.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import paramiko
from msgspec import Meta, Struct

from discovery.snmp.credential import AuthenticationProtocol, Community, PrivacyProtocol, User
from muster.document import error_at, list_documents, load_document, parse_document, parse_yaml, suggest
from muster.errors import ConfigurationError, DocumentError
from muster.secret import check_reference, read_secret

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class SnmpV2cDocument(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="snmp_v2c", kw_only=True):
    """SNMPv2c: the community is a secret."""

    id: Id
    community: Text
    port: Port = 161


class SnmpV3Document(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="snmp_v3", kw_only=True):
    """SNMPv3 with the user-based security model (RFC 3414); without a privacy secret authNoPriv."""

    id: Id
    user: Text
    authentication: AuthenticationProtocol = "SHA-256"
    authentication_secret: Text | None = None
    privacy: PrivacyProtocol = "AES"
    privacy_secret: Text | None = None
    context: str = ""
    port: Port = 161


class SshDocument(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ssh", kw_only=True):
    """SSH with a private key or a password. `sudo`: run the commands that need it through `sudo -n`."""

    id: Id
    user: Text
    private_key: Text | None = None
    passphrase: Text | None = None
    password: Text | None = None
    port: Port = 22
    sudo: bool = False


CredentialDocument = SnmpV2cDocument | SnmpV3Document | SshDocument
TYPES = ("snmp_v2c", "snmp_v3", "ssh")
_SECRETS = ("community", "authentication_secret", "privacy_secret", "private_key", "passphrase", "password")


@dataclass(frozen=True, slots=True)
class Login:
    """How to sign in over SSH; `key` or `password` is there."""

    user: str
    key: paramiko.PKey | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    port: int = 22
    has_sudo: bool = False


def load_credentials(folder: Path) -> dict[str, CredentialDocument]:
    """All credentials of a folder by id; none where the folder is absent. Raises DocumentError with file and line."""
    found: dict[str, tuple[CredentialDocument, Path]] = {}
    for path in list_documents(folder):
        document = load_credential(path)
        if document.id in found:
            raise DocumentError(f"credential {document.id!r} stands also in {found[document.id][1]}", file=str(path), line=1, path="$.id")
        found[document.id] = (document, path)
    return {name: document for name, (document, _) in found.items()}


def load_credential(path: Path) -> CredentialDocument:
    """One credential document. Raises DocumentError; a text that is no reference is never shown."""
    load_document(path, dict)  # readable, not too large, a mapping
    return parse_credential(path.read_text(encoding="utf-8"), file=str(path))


def parse_credential(text: str, *, file: str) -> CredentialDocument:
    """One credential from YAML text. Raises DocumentError with line and suggestion."""
    node, value = parse_yaml(text, file=file)
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in TYPES:
        raise error_at(node, "$.type", f"unknown type {kind!r}{suggest(str(kind), TYPES)}", file=file)
    document: CredentialDocument
    if kind == "ssh":
        document = parse_document(text, SshDocument, file=file)
    else:
        document = parse_document(text, SnmpV3Document, file=file) if kind == "snmp_v3" else parse_document(text, SnmpV2cDocument, file=file)
    for name in _SECRETS:
        reference = getattr(document, name, None)
        if reference is not None:
            try:
                check_reference(reference)
            except ConfigurationError as error:
                raise error_at(node, f"$.{name}", f"{name}: {error}", file=file) from None
    fault = _fault(document)
    if fault:
        raise error_at(node, "$", fault, file=file)
    return document


def _fault(document: CredentialDocument) -> str:
    match document:
        case SshDocument() if document.private_key is None and document.password is None:
            return "an ssh credential needs private_key or password"
        case SshDocument() if document.passphrase is not None and document.private_key is None:
            return "passphrase without private_key; add private_key or take passphrase out"
        case SnmpV3Document() if document.privacy_secret is not None and document.authentication_secret is None:
            return "privacy_secret without authentication_secret; SNMPv3 has no privacy without authentication"
        case _:
            return ""


def to_snmp(document: SnmpV2cDocument | SnmpV3Document, environment: Mapping[str, str] | None = None) -> Community | User:
    """The credential with its secrets read. Raises ConfigurationError naming the reference that cannot be read."""
    if isinstance(document, SnmpV2cDocument):
        return Community(read_secret(document.community, environment))
    return User(
        name=document.user,
        authentication_secret=_optional(document.authentication_secret, environment),
        privacy_secret=_optional(document.privacy_secret, environment),
        authentication=document.authentication,
        privacy=document.privacy,
        context=document.context,
    )


def to_login(document: SshDocument, environment: Mapping[str, str] | None = None) -> Login:
    """The login with its key decoded. Raises ConfigurationError where a secret or the key cannot be read."""
    key = None
    if document.private_key is not None:
        text = read_secret(document.private_key, environment)
        key = parse_private_key(text, _optional(document.passphrase, environment), where=f"credential {document.id!r}")
    return Login(document.user, key, _optional(document.password, environment), document.port, document.sudo)


def parse_private_key(text: str, passphrase: str | None, *, where: str) -> paramiko.PKey:
    """The private key of OpenSSH or PEM text: Ed25519, ECDSA or RSA. Raises ConfigurationError; the text is never shown."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            key: paramiko.PKey = kind.from_private_key(io.StringIO(text + "\n"), password=passphrase)
            return key
        except paramiko.PasswordRequiredException:
            raise ConfigurationError(f"{where}: the private key is encrypted; give its passphrase") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise ConfigurationError(
        f"{where}: the private key cannot be read: it is no Ed25519, ECDSA or RSA key in OpenSSH or PEM form, or its passphrase is wrong"
    )


def _optional(reference: str | None, environment: Mapping[str, str] | None) -> str | None:
    return None if reference is None else read_secret(reference, environment)
