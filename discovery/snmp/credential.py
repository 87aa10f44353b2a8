"""Credentials of SNMP: a community, or a user of the user-based security model with its secrets.

Secrets are values here, read from where the credential file points (discovery/credential.py); they never show in `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AuthenticationProtocol = Literal["MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"]
PrivacyProtocol = Literal["AES", "AES-192", "AES-256", "AES-192-C", "AES-256-C"]


@dataclass(frozen=True, slots=True)
class Community:
    """SNMPv2c, or v1 for a device that knows nothing else: one word in the clear."""

    community: str = field(repr=False)
    version: Literal["1", "2c"] = "2c"


@dataclass(frozen=True, slots=True)
class User:
    """SNMPv3 (RFC 3414, RFC 7860). Without a privacy secret authNoPriv, without either noAuthNoPriv.

    AES-192 and AES-256 extend the key as in draft-blumenthal-aes-usm-04, which net-snmp speaks; the ones with -C as
    Cisco's devices do (draft-reeder-snmpv3-usm-3desede-00).
    """

    name: str
    authentication_secret: str | None = field(default=None, repr=False)
    privacy_secret: str | None = field(default=None, repr=False)
    authentication: AuthenticationProtocol = "SHA-256"
    privacy: PrivacyProtocol = "AES"
    context: str = ""


Credential = Community | User
