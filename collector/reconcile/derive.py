"""What the identifiers of an item say of its attributes, where the source tells no such attribute itself. Pure.

A switch that only gave its sysName has that name; a person who reviews it should not see a CI without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muster.facts.host_name import short_name
from muster.model.ci_class import CiClass
from muster.model.normaliser import normalise_address

# Where a host's or device's name stands, best first.
_NAMES = ("hostname", "fqdn", "sysname")
_LISTS = ("ip", "mac")


def derive_attributes(ci_class: CiClass, identifiers: Mapping[str, str | list[str]], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes to add: of a host or device `name`, `serial`, `ip` and `mac`, of a part all that it is known by. Empty where the source
    told them all.

    A name is the first label of the host name, so that two sources of one host agree. Several serials (a stack) are none of the whole.
    """
    found: dict[str, Any] = {}
    if ci_class.is_dependent:
        return {
            name: value for name, value in identifiers.items() if name not in attributes and name in ci_class.attributes and isinstance(value, str)
        }
    if "name" not in attributes and "name" in ci_class.attributes:
        names = (_single(identifiers.get(kind)) for kind in _NAMES)
        name = next((each for each in names if each), "")
        if name:
            found["name"] = short_name(name) if normalise_address(name) is None else name
    serial = _single(identifiers.get("serial"))
    if serial and "serial" not in attributes and "serial" in ci_class.attributes:
        found["serial"] = serial
    for kind in _LISTS:
        value = identifiers.get(kind)
        if value and kind not in attributes and kind in ci_class.attributes:
            found[kind] = [value] if isinstance(value, str) else sorted(set(value))
    return found


def _single(value: str | list[str] | None) -> str:
    if isinstance(value, list):
        return value[0].strip() if len(value) == 1 else ""
    return (value or "").strip()
