"""Identifiers as reported to the one form in which they are compared. The raw text is kept by the caller.

Not for: whether a value is usable (`muster/model/junk.py`).
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

from msgspec import Struct, convert

from muster.model.identifier import IDENTIFIER_KINDS, Normaliser

VENDOR_FILE = Path(__file__).parent / "vendor.toml"
_HEX12 = re.compile(r"[0-9a-f]{12}\Z")
_HEX32 = re.compile(r"[0-9a-f]{32}\Z")
_SERIAL_SEPARATORS = re.compile(r"[\s\-_./:]+")
_SERIAL_LABEL = re.compile(r"\A(?:s/?n|serial(?:\s*(?:no|nr|number))?)\s*[.:#=]\s*", re.IGNORECASE)
_LEGAL_FORMS = re.compile(
    r"[,.]?\s+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|gmbh|ag|kg|s\.?a|plc|bv|technologies|technology|"
    r"international|systems|computer|computers|group)\b\.?"
)


class VendorTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`aliases`: the one name to how it is also written; `serial_patterns`: vendor to a pattern whose group 1 is the serial."""

    aliases: dict[str, list[str]]
    serial_patterns: dict[str, str] = {}


def normalise(kind: str, raw: str, *, vendor: str = "") -> str | None:
    """The comparable form of an identifier; None where it is empty or malformed for its kind. `vendor` already normalised.

    >>> normalise("mac", "0050.56AB.cdef"), normalise("fqdn", "Web01.A.Example.")
    ('00:50:56:ab:cd:ef', 'web01.a.example')
    """
    text = unicodedata.normalize("NFKC", raw).strip().strip("\x00").strip()
    if not text:
        return None
    known = IDENTIFIER_KINDS.get(kind)
    form: Normaliser = known.normaliser if known is not None else "exact"
    match form:
        case "serial":
            return normalise_serial(text, vendor=vendor)
        case "uuid":
            return normalise_uuid(text)
        case "mac":
            return normalise_mac(text)
        case "name":
            return text.rstrip(".").casefold() or None
        case "address":
            return normalise_address(text)
        case "hexadecimal":
            return re.sub(r"[\s:\-]", "", text).casefold().removeprefix("0x") or None
        case "text":
            return " ".join(text.split()).casefold()
        case "exact":
            return text


def normalise_mac(text: str) -> str | None:
    """Six lower-case pairs with colons, from any common form (also with leading zeros left out); None where it is no 48-bit address."""
    lowered = text.strip().casefold()
    parts = lowered.replace("-", ":").split(":")
    if len(parts) == 6 and all(1 <= len(part) <= 2 for part in parts):
        lowered = "".join(part.zfill(2) for part in parts)
    digits = re.sub(r"[:\-.\s]", "", lowered).removeprefix("0x")
    if not _HEX12.match(digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def is_local_mac(mac: str) -> bool:
    """Whether a normalised address is locally administered (IEEE 802: bit 1 of the first octet): made up, so unique only by luck.

    >>> is_local_mac("52:54:00:12:34:56"), is_local_mac("00:1b:21:00:00:01")
    (True, False)
    """
    return bool(int(mac[:2], 16) & 2)


def normalise_uuid(text: str) -> str:
    """The smaller of the UUID and its form with the first three fields byte-swapped; another text in lower case.

    SMBIOS since 2.6 stores these fields little-endian (DSP0134 7.2.1), and tools disagree about older tables: both readings of one
    board must give one key.

    >>> normalise_uuid("33221100-5544-7766-8899-AABBCCDDEEFF") == normalise_uuid("{00112233-4455-6677-8899-aabbccddeeff}")
    True
    """
    lowered = text.strip().casefold()
    digits = re.sub(r"[\s{}\-]", "", lowered.removeprefix("urn:uuid:"))
    if not _HEX32.match(digits):
        return lowered
    swapped = _reverse_bytes(digits[:8]) + _reverse_bytes(digits[8:12]) + _reverse_bytes(digits[12:16]) + digits[16:]
    key = min(digits, swapped)
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def _reverse_bytes(digits: str) -> str:
    return bytes.fromhex(digits)[::-1].hex()


def normalise_serial(text: str, *, vendor: str = "") -> str | None:
    """Upper case without separators and without a label or a vendor's prefix before the number.

    >>> normalise_serial("S/N: abc-123 "), normalise_serial("1S20L5CTO1WWPF0ABCDE", vendor="lenovo")
    ('ABC123', 'PF0ABCDE')
    """
    bare = _SERIAL_SEPARATORS.sub("", _SERIAL_LABEL.sub("", text)).upper()
    pattern = vendor_table().serial_patterns.get(vendor)
    if pattern is not None:
        found = re.fullmatch(pattern, bare)
        bare = found.group(1) if found else bare
    return bare or None


def normalise_address(text: str) -> str | None:
    """An IP address in its shortest text, without prefix length or scope; IPv4 mapped into IPv6 as IPv4; None where it is none."""
    try:
        address = ipaddress.ip_address(text.split("/", 1)[0].split("%", 1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def normalise_vendor(text: str) -> str:
    """One name per vendor: lower case, legal forms left out, aliases resolved; "" where nothing is left.

    >>> normalise_vendor("Dell Inc."), normalise_vendor("Hewlett-Packard"), normalise_vendor(" ACME GmbH ")
    ('dell', 'hpe', 'acme')
    """
    lowered = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    known = _aliases()
    if lowered in known:
        return known[lowered]
    bare = _LEGAL_FORMS.sub("", lowered).strip(" ,.")
    return known.get(bare, bare)


def short_name(name: str) -> str:
    """The first label of a name."""
    return name.split(".", 1)[0]


@cache
def vendor_table() -> VendorTable:
    """The shipped table of vendors."""
    return convert(tomllib.loads(VENDOR_FILE.read_text(encoding="utf-8")), VendorTable, strict=True)


@cache
def _aliases() -> dict[str, str]:
    table = vendor_table().aliases
    return {alias: name for name, aliases in table.items() for alias in (name, *aliases)}
