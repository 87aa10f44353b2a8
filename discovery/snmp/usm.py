"""SNMPv3 messages under the user-based security model (RFC 3414, 3826, 7860): keys, sealing a request, opening an answer. Pure.

Salts and times are arguments. The speed over pysnmp comes from the decoding, not from the ciphers.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from discovery.snmp import ber
from discovery.snmp.credential import AuthenticationProtocol, User
from muster.errors import InputError

# Hash and octets of the digest (RFC 3414 6.3.1 and 7.3.1, RFC 7860 4.1).
_DIGESTS = {
    "MD5": ("md5", 12), "SHA": ("sha1", 12), "SHA-224": ("sha224", 16), "SHA-256": ("sha256", 24), "SHA-384": ("sha384", 32),
    "SHA-512": ("sha512", 48),
}  # fmt: skip
_KEY_OCTETS = {"AES": 16, "AES-192": 24, "AES-256": 32, "AES-192-C": 24, "AES-256-C": 32}
_AUTHENTICATED, _ENCRYPTED, _REPORTABLE = 1, 2, 4
_SECURITY_MODEL, _MAXIMUM_SIZE, _STRETCHED = 3, 65_507, 1_048_576
_SEQUENCE, _OCTET_STRING = 0x30, 0x04


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one user for one engine; both empty for noAuthNoPriv, the second for authNoPriv."""

    digest: AuthenticationProtocol
    authentication: bytes = field(default=b"", repr=False)
    privacy: bytes = field(default=b"", repr=False)

    @property
    def flags(self) -> int:
        """The security level as in msgFlags."""
        return (_AUTHENTICATED if self.authentication else 0) | (_ENCRYPTED if self.privacy else 0)


@dataclass(frozen=True, slots=True)
class Engine:
    """The authoritative engine of a device as its messages name it: `boots` and `time` in seconds since the last boot."""

    engine_id: bytes = b""
    boots: int = 0
    time: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A received message whose data is not opened yet. `digest_at`: where its digest stands in the datagram."""

    datagram: bytes = field(repr=False)
    message_id: int
    flags: int
    engine: Engine
    user_name: bytes
    digest_at: int
    digest: bytes
    salt: bytes
    data_at: int

    @property
    def is_authenticated(self) -> bool:
        """Whether it says that it carries a digest."""
        return bool(self.flags & _AUTHENTICATED)


def supports(user: User) -> bool:
    """Whether this codec speaks the user's protocols: not the other key extension where the hash is shorter than the key."""
    if user.privacy_secret is None or not user.privacy.endswith("-C"):
        return True
    return hashlib.new(_DIGESTS[user.authentication][0], usedforsecurity=False).digest_size >= _KEY_OCTETS[user.privacy]


def stretch_secret(digest: AuthenticationProtocol, secret: str) -> bytes:
    """The key of a passphrase (RFC 3414 A.2): a hash over a megabyte, 2 ms. Raises InputError for an empty one."""
    octets = secret.encode()
    if not octets:
        raise InputError("an empty passphrase is no SNMPv3 secret", path="")
    repeated = (octets * (_STRETCHED // len(octets) + 1))[:_STRETCHED]
    return hashlib.new(_DIGESTS[digest][0], repeated, usedforsecurity=False).digest()


def localise_key(digest: AuthenticationProtocol, key: bytes, engine_id: bytes) -> bytes:
    """The key for one engine (RFC 3414 2.6)."""
    return hashlib.new(_DIGESTS[digest][0], key + engine_id + key, usedforsecurity=False).digest()


def privacy_key(user: User, localised: bytes) -> bytes:
    """As many octets as the cipher takes; a short key goes on with its own hash (draft-blumenthal-aes-usm-04 3.1.2.1)."""
    key, wanted = localised, _KEY_OCTETS[user.privacy]
    while len(key) < wanted:
        key += hashlib.new(_DIGESTS[user.authentication][0], key, usedforsecurity=False).digest()
    return key[:wanted]


def seal_request(message_id: int, engine: Engine, user: User, keys: Keys, pdu: bytes, *, salt: bytes) -> bytes:
    """A request at the keys' security level; `salt` is 8 octets that no earlier message with these keys had."""
    scoped = ber.encode_tlv(_SEQUENCE, _text(engine.engine_id) + _text(user.context.encode()) + pdu)
    if keys.privacy:
        cipher = Cipher(algorithms.AES(keys.privacy), CFB(_vector(engine, salt))).encryptor()
        scoped = _text(cipher.update(scoped) + cipher.finalize())
    width = _DIGESTS[keys.digest][1] if keys.authentication else 0
    head = ber.encode_integer(message_id) + ber.encode_integer(_MAXIMUM_SIZE) + _text(bytes([keys.flags | _REPORTABLE]))
    header = ber.encode_tlv(_SEQUENCE, head + ber.encode_integer(_SECURITY_MODEL))
    before = _text(engine.engine_id) + ber.encode_integer(engine.boots) + ber.encode_integer(engine.time) + _text(user.name.encode())
    after = _text(salt if keys.privacy else b"")
    security = _text(ber.encode_tlv(_SEQUENCE, before + _text(bytes(width)) + after))
    message = ber.encode_tlv(_SEQUENCE, ber.encode_integer(ber.VERSION_3) + header + security + scoped)
    if not width:
        return message
    at = len(message) - len(scoped) - len(after) - width
    return message[:at] + _digest(keys, message) + message[at + width :]


def read_sealed(datagram: bytes) -> Sealed:
    """The outside of a message. Raises InputError where it is no SNMPv3 message of this security model."""
    try:
        at, end = ber.read_header(datagram, 0, _SEQUENCE)
        version, at = ber.read_integer(datagram, at)
        header_at, at = ber.read_header(datagram, at, _SEQUENCE)
        message_id, header_at = ber.read_integer(datagram, header_at)
        _, header_at = ber.read_integer(datagram, header_at)
        flags, header_at = _octets(datagram, header_at)
        model, _ = ber.read_integer(datagram, header_at)
        security_at, data_at = ber.read_header(datagram, at, _OCTET_STRING)
        at, _ = ber.read_header(datagram, security_at, _SEQUENCE)
        engine_id, at = _octets(datagram, at)
        boots, at = ber.read_integer(datagram, at)
        time, at = ber.read_integer(datagram, at)
        user_name, at = _octets(datagram, at)
        digest, digest_end = _octets(datagram, at)
        salt, _ = _octets(datagram, digest_end)
    except IndexError:
        raise InputError(f"breaks off after {len(datagram)} octets", path="") from None
    if version != ber.VERSION_3 or model != _SECURITY_MODEL or len(flags) != 1 or end > len(datagram):
        raise InputError("no whole SNMPv3 message of the user-based security model", path="")
    engine = Engine(engine_id, boots, time)
    return Sealed(datagram, message_id, flags[0], engine, user_name, digest_end - len(digest), digest, salt, data_at)


def open_sealed(sealed: Sealed, keys: Keys) -> ber.Message:
    """The answer or report inside. Raises InputError where the digest is wrong or the data cannot be read with these keys."""
    datagram, at = sealed.datagram, sealed.data_at
    if sealed.is_authenticated:
        width = _DIGESTS[keys.digest][1]
        blank = datagram[: sealed.digest_at] + bytes(len(sealed.digest)) + datagram[sealed.digest_at + len(sealed.digest) :]
        if not keys.authentication or len(sealed.digest) != width or not hmac.compare_digest(_digest(keys, blank), sealed.digest):
            raise InputError("a digest that is not the user's", path="")
    try:
        if sealed.flags & _ENCRYPTED:
            if not keys.privacy or len(sealed.salt) != 8:
                raise InputError("encrypted, and not for these keys", path="")
            start, end = ber.read_header(datagram, at, _OCTET_STRING)
            cipher = Cipher(algorithms.AES(keys.privacy), CFB(_vector(sealed.engine, sealed.salt))).decryptor()
            datagram, at = cipher.update(datagram[start:end]) + cipher.finalize(), 0
        at, _ = ber.read_header(datagram, at, _SEQUENCE)
        _, at = _octets(datagram, at)
        _, at = _octets(datagram, at)
        return ber.decode_pdu(datagram, at, ber.RESPONSE, ber.REPORT)
    except IndexError:
        raise InputError("data that breaks off", path="") from None


def _text(body: bytes) -> bytes:
    return ber.encode_tlv(_OCTET_STRING, body)


def _octets(datagram: bytes, at: int) -> tuple[bytes, int]:
    start, end = ber.read_header(datagram, at, _OCTET_STRING)
    if end > len(datagram):
        raise InputError("octets that break off", path="")
    return datagram[start:end], end


def _digest(keys: Keys, message: bytes) -> bytes:
    name, width = _DIGESTS[keys.digest]
    return hmac.new(keys.authentication, message, name).digest()[:width]


def _vector(engine: Engine, salt: bytes) -> bytes:
    """The initialisation vector of RFC 3826 3.1.2.1. Raises InputError for boots or time that do not fit."""
    try:
        return engine.boots.to_bytes(4, "big") + engine.time.to_bytes(4, "big") + salt
    except OverflowError:
        raise InputError("boots or time of the engine out of range", path="") from None
