"""Names, serials, addresses and other private text of a case replaced, each value by the same one everywhere. Pure.

What identification looks at stays: which values are equal (also in other spellings), which are placeholders, which vendor made an
interface. Secrets and free text do not come along.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from muster.model.ci_class import ClassCatalogue
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.junk import JunkFilter
from muster.model.normaliser import normalise, normalise_address, normalise_mac, normalise_uuid, normalise_vendor

# Attributes whose text says what a thing is, not whose it is.
_PLAIN = frozenset({"vendor", "model", "architecture", "virtualisation", "manager", "version", "protocol", "type", "status", "slot", "branch"})
_PLAIN_PREFIXES = ("os.", "bios.", "cpu.")
_PRIVATE_PREFIXES = ("os.contact", "bios.serial")
_NAMED = frozenset({"name", "hostname", "fqdn", "sysname"})
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_NAME_TEXT = re.compile(r"[A-Za-z0-9]")


class Scrubber:
    """Replaces values for one case; keeps what it replaced by what."""

    def __init__(self, catalogue: ClassCatalogue, junk: JunkFilter) -> None:
        self._catalogue = catalogue
        self._junk = junk
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def replace_word(self, kind: str, text: str) -> str:
        """A short word for a text: `r1`, `r2` for refs, `z1` for zones."""
        return self._word(kind, text, f"{kind}{{}}")

    def replace_name(self, text: str) -> str:
        """Each label of a host's name by itself, so that a short name and a full one stay akin; capital letters stay capital."""
        address = normalise_address(text)
        if address is not None:
            return self._address(text)
        return ".".join(self._label(label, is_host=place == 0) for place, label in enumerate(text.strip().split(".")))

    def scrub_identifiers(self, identifiers: Mapping[str, Any], *, vendor: str = "") -> dict[str, Any]:
        """Identifiers of an item. `vendor` as told: it scopes serials."""
        found: dict[str, Any] = {}
        for kind, value in identifiers.items():
            values = [self._identifier(kind, str(each), vendor) for each in (value if isinstance(value, list) else [value])]
            found[kind] = values if isinstance(value, list) else values[0]
        return found

    def scrub_attributes(self, ci_class: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of an item, or recorded ones; those that are sensitive are left out."""
        known = self._catalogue.get(ci_class)
        vendor = str(attributes.get("vendor") or "")
        found: dict[str, Any] = {}
        for name, value in attributes.items():
            declared = known.attributes.get(name) if known is not None else None
            if declared is not None and declared.sensitive:
                continue
            found[name] = self.scrub_value(name, value, vendor=vendor)
        return found

    def scrub_value(self, name: str, value: Any, *, vendor: str = "") -> Any:
        """One value of an attribute; numbers stay."""
        if isinstance(value, list):
            return [self.scrub_value(name, each, vendor=vendor) for each in value]
        if isinstance(value, Mapping):
            return {key: self.scrub_value(str(key), each, vendor=vendor) for key, each in value.items()}
        if not isinstance(value, str) or value == "" or name in _PLAIN or (name.startswith(_PLAIN_PREFIXES) and name not in _PRIVATE_PREFIXES):
            return value
        bare = name.removeprefix("identifier.")
        if bare in IDENTIFIER_KINDS or bare in _NAMED:
            return self._identifier("hostname" if bare == "name" else bare, value, vendor)
        return self._shaped(name, value)

    def _identifier(self, kind: str, value: str, vendor: str) -> str:
        known = IDENTIFIER_KINDS.get(kind)
        if known is None:  # a local key: its shape tells nothing, its words might
            return self._shaped(kind, value) if _UUID.search(value) or normalise_mac(value) else value
        plain = normalise(kind, value, vendor=normalise_vendor(vendor))
        if plain is None or self._junk.judge(kind, plain, value):
            return value
        match known.normaliser:
            case "name":
                return self.replace_name(value)
            case "address":
                return self._address(value)
            case "mac":
                return self._mac(value) if normalise_mac(value) else self._word(kind, plain, "CHASSIS-{:04d}")
            case "uuid":
                return self._uuid(value)
            case "serial":
                return self._word("serial", plain, "SER{:05d}X")
            case "hexadecimal":
                return self._word(kind, plain, "{:032x}" if len(plain) == 32 else "{:020x}", start=0xA0000)
            case _:
                return self._word(kind, plain, f"{kind.upper().replace('_', '-')}-{{:04d}}")

    def _shaped(self, name: str, value: str) -> str:
        """A text by what it looks like; else a word that only tells equal from different."""
        if normalise_mac(value):
            return self._mac(value)
        if normalise_address(value):
            return self._address(value)
        if _UUID.fullmatch(value.strip("{} ")):
            return self._uuid(value)
        return self._word(name, value, f"{name.rpartition('.')[2]}-{{}}") if _NAME_TEXT.search(value) else value

    def _label(self, label: str, *, is_host: bool) -> str:
        if not label:
            return label
        if label.casefold() in ("localhost", "localdomain", "local", "example", "com", "net", "org"):
            return label
        word = self._word("label", label.casefold(), "host{}" if is_host else "net{}")
        return word.upper() if label.isupper() else word

    def _address(self, value: str) -> str:
        """Another address of the same kind, its prefix length kept; loopback, link-local and the like stay."""
        text, slash, length = value.strip().partition("/")
        plain = normalise_address(text)
        if plain is None:
            return value
        address = ipaddress.ip_address(plain)
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or self._junk.judge("ip", plain, text):
            return value
        number = self._number("ip", plain)
        new = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}" if address.version == 4 else f"fd00::{number:x}"
        return f"{new}{slash}{length}"

    def _mac(self, value: str) -> str:
        """The maker's half stays, and how it is written."""
        plain = normalise_mac(value)
        if plain is None or self._junk.judge("mac", plain, value):
            return value
        number = self._number("mac", plain)
        new = f"{plain[:8]}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        digits = new.replace(":", "")
        if "." in value:
            return f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"
        return new.replace(":", "-") if "-" in value else new if ":" in value else digits

    def _uuid(self, value: str) -> str:
        """Another UUID, in the same of the two byte orders."""
        found = _UUID.search(value)
        plain = normalise_uuid(value)
        if found is None or self._junk.judge("dmi_uuid", plain, value):
            return value if found is None and not plain else (self._word("uuid-text", plain, "UUID-{:04d}") if found is None else value)
        number = self._number("uuid", plain)
        new = f"0a0b0c0d-{number:04x}-4e0f-8a0b-{number:012x}"
        smaller = normalise_uuid(new)
        is_swapped = found.group().casefold() != plain
        new = _swap(smaller) if is_swapped else smaller
        return value.replace(found.group(), new.upper() if found.group().isupper() else new)

    def _word(self, kind: str, key: str, pattern: str, *, start: int = 0) -> str:
        known = self._known.get((kind, key))
        if known is None:
            known = self._known[kind, key] = pattern.format(start + self._next(kind))
        return known

    def _number(self, kind: str, key: str) -> int:
        known = self._known.get((kind, key))
        if known is None:
            known = self._known[kind, key] = str(self._next(kind))
        return int(known)

    def _next(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]


def _swap(uuid: str) -> str:
    """The first three fields byte by byte the other way round."""
    parts = uuid.split("-")
    swapped = [bytes.fromhex(part)[::-1].hex() for part in parts[:3]]
    return "-".join([*swapped, *parts[3:]])
