"""What a normalised identifier must not be to identify anything: placeholders, well-known defaults, virtual addresses.

The list is data (`junk.toml`); rules that no list can hold (one character repeated, counted digits) are here.
Not for: values that turn out to be shared; those are learned (`collector/reconcile/quarantine.py`).
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from muster.errors import ConfigurationError
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.normaliser import normalise

JUNK_FILE = Path(__file__).parent / "junk.toml"
_SEPARATORS = re.compile(r"[\s\-_./:,()#]+")
_REPEATABLE = frozenset({"serial", "asset_tag", "cloud_instance_id", "number"})
_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)  # RFC 5737, RFC 3849, RFC 9637


class JunkRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What is junk for one kind of identifier."""

    values: list[str] = []
    patterns: list[str] = []
    prefixes: list[str] = []


class JunkFilter:
    """Tells why a value is junk. Built once from the shipped file and a site's own."""

    def __init__(self, *documents: dict[str, JunkRules]) -> None:
        self._values: dict[str, frozenset[str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], ...]] = {}
        self._prefixes: dict[str, tuple[str, ...]] = {}
        for kind in sorted({kind for document in documents for kind in document}):
            rules = [document[kind] for document in documents if kind in document]
            self._values[kind] = frozenset(_comparable(kind, value) for each in rules for value in each.values)
            self._patterns[kind] = tuple(re.compile(pattern, re.IGNORECASE) for each in rules for pattern in each.patterns)
            self._prefixes[kind] = tuple(prefix.casefold() for each in rules for prefix in each.prefixes)

    def judge(self, kind: str, value: str, raw: str = "") -> str:
        """Why `value` (normalised; `raw` as reported) identifies nothing, as `junk:<rule>`; "" where it may."""
        known = IDENTIFIER_KINDS.get(kind)
        form = known.normaliser if known is not None else "exact"
        lists = {"mac": "mac", "name": "name"}.get(form, kind)
        bare = _SEPARATORS.sub("", (raw or value).casefold())
        if value in self._values.get(lists, ()) or _SEPARATORS.sub("", value.casefold()) in self._values["any"] or bare in self._values["any"]:
            return "junk:placeholder"
        texts = (value, " ".join((raw or value).split()))
        if any(pattern.fullmatch(text) for name in ("any", lists) for pattern in self._patterns.get(name, ()) for text in texts):
            return "junk:placeholder"
        if value.startswith(self._prefixes.get(lists, ()) or ("\x00",)):
            return "junk:virtual_address"
        if form == "mac" and int(value[:2], 16) & 1:
            return "junk:group_address"
        if form == "address":
            return _judge_address(value)
        return _judge_shape(kind, value)


def _judge_address(value: str) -> str:
    address = ipaddress.ip_address(value)
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return "junk:local_address"
    if any(address.version == network.version and address in network for network in _DOCUMENTATION):
        return "junk:documentation_address"
    return ""


def _judge_shape(kind: str, value: str) -> str:
    digits = re.sub(r"[^0-9A-Za-z]", "", value)
    if len(digits) >= 3 and len(set(digits.casefold())) == 1 and kind in _REPEATABLE:
        return "junk:one_character_repeated"
    if kind in _REPEATABLE and len(digits) >= 6 and digits.isdecimal() and digits.isascii():
        steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(digits)}
        if steps in ({1}, {9}):
            return "junk:counted_digits"
    return ""


def _comparable(kind: str, value: str) -> str:
    if kind == "any":
        return _SEPARATORS.sub("", value.casefold())
    return normalise({"name": "hostname"}.get(kind, kind), value) or value


def load_junk(*files: Path) -> JunkFilter:
    """The shipped list and those of a site. Raises ConfigurationError with the file."""
    return JunkFilter(*(_read(file) for file in (JUNK_FILE, *files)))


@cache
def shipped_junk() -> JunkFilter:
    """The shipped list alone."""
    return load_junk()


def _read(file: Path) -> dict[str, JunkRules]:
    try:
        found = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, JunkRules], strict=True)
        for rules in found.values():
            for pattern in rules.patterns:
                re.compile(pattern)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, re.error, OSError) as error:
        raise ConfigurationError(f"{file}: {error}; compare with the form of the shipped junk.toml") from None
    return found
