"""Whether two values of an attribute are the same, by the attribute's comparator; on normalised values, never on how they are shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from muster.model.ci_class import Attribute
from muster.model.normaliser import normalise_address, normalise_mac, normalise_uuid

_VERSION_PART = re.compile(r"\d+|[a-z]+|[~+:^]")  # what these four tell apart is another version; dots and dashes only separate
_SECRET_PREFIX = re.compile(r"^(?:sha256|sha-256)[:=]", re.IGNORECASE)
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
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
        case "path":
            return bool(_path(left) == _path(right))
        case "secret_hash":
            return bool(_secret(left) == _secret(right))
        case _:
            return bool(comparable(attribute, left) == comparable(attribute, right))


def comparable(attribute: Attribute, value: Any) -> Any:
    """The form in which one value is compared and grouped."""
    if isinstance(value, list | tuple):
        values = [comparable(attribute, each) for each in value]
        return sorted(set(map(str, values))) if attribute.comparator == "set" else values
    if isinstance(value, str):
        if attribute.comparator in _FORMS:
            return _FORMS[attribute.comparator](value)
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
    """Parts of a version without separators and leading zeros: v1.24.0-r1 and 1.24.0.r01 are one version, 1.24 and 1.240, 1~rc and 1.rc two."""
    text = str(value).strip().casefold()
    parts = _VERSION_PART.findall(text[1:] if re.match(r"v\d", text) else text)
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def _path(value: Any) -> Any:
    """A path without doubled and closing separators and `.`; a Windows one with `/` and in lower case, as its file systems compare."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    is_windows = "\\" in text or re.match(r"[A-Za-z]:(?:/|$)", text) is not None
    text = text.replace("\\", "/").casefold() if is_windows else text
    steps = [step for step in text.split("/") if step not in ("", ".")]
    root = "//" if is_windows and text.startswith("//") else "/" if text.startswith("/") else ""
    return root + "/".join(steps)


def _secret(value: Any) -> Any:
    """A secret's SHA-256, whether it came as hash or as text, so that neither side must hold it in clear."""
    if not isinstance(value, str):
        return value
    text = _SECRET_PREFIX.sub("", value.strip())
    lowered = text.casefold()
    return lowered if _SHA256_HEX.fullmatch(lowered) else hashlib.sha256(text.encode()).hexdigest()


_FORMS: dict[str, Callable[[str], Any]] = {"path": _path, "secret_hash": _secret, "version": lambda value: ".".join(_version(value))}
