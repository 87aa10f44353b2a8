"""Whether two values of an attribute are the same, by the attribute's comparator; on normalised values, never on how they are shown."""

from __future__ import annotations

import re
from typing import Any

from muster.model.ci_class import Attribute
from muster.model.normaliser import normalise_address, normalise_mac, normalise_uuid

_VERSION_PART = re.compile(r"\d+|[a-z]+")
_TYPED = {"mac": normalise_mac, "ip": normalise_address, "uuid": normalise_uuid}


def same(attribute: Attribute, left: Any, right: Any) -> bool:
    """Whether two values mean the same. None equals only None."""
    if left is None or right is None:
        return left is right
    match attribute.comparator:
        case "set":
            return _as_set(attribute, left) == _as_set(attribute, right)
        case "ordered":
            return [comparable(attribute, each) for each in _as_list(left)] == [comparable(attribute, each) for each in _as_list(right)]
        case "numeric":
            return _within(attribute.tolerance_ratio, left, right)
        case "version":
            return _version(left) == _version(right)
        case _:
            return bool(comparable(attribute, left) == comparable(attribute, right))


def comparable(attribute: Attribute, value: Any) -> Any:
    """The form in which one value is compared and grouped."""
    if isinstance(value, list | tuple):
        values = [comparable(attribute, each) for each in value]
        return sorted(set(map(str, values))) if attribute.comparator == "set" else values
    if isinstance(value, str):
        text = " ".join(value.split())
        typed = _TYPED.get(attribute.type)
        if typed is not None:
            return typed(text) or text.casefold()
        return text.casefold() if attribute.comparator in ("casefold", "set") else text
    return value


def change_ratio(left: Any, right: Any) -> float | None:
    """How far a number moved, as a ratio of the larger magnitude; None where either is no number."""
    if not _is_number(left) or not _is_number(right):
        return None
    larger = max(abs(left), abs(right))
    return abs(left - right) / larger if larger else 0.0


def _within(tolerance: float, left: Any, right: Any) -> bool:
    ratio = change_ratio(left, right)
    return bool(left == right) if ratio is None else ratio <= tolerance


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _as_set(attribute: Attribute, value: Any) -> set[str]:
    return {str(comparable(attribute, each)) for each in _as_list(value)}


def _version(value: Any) -> tuple[str, ...]:
    """Parts of a version without separators and leading zeros: 1.24.0-r1 and 1.24.0.r01 are one version, 1.24 and 1.240 are two."""
    parts = _VERSION_PART.findall(str(value).casefold())
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)
