"""os-release: which distribution this is (os-release(5))."""

from __future__ import annotations

import shlex


def parse_os_release(text: str) -> dict[str, str]:
    """The variables of an os-release file; lines that are no assignment are left out."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, raw = line.strip().partition("=")
        if not equals or not key or key.startswith("#"):
            continue
        values[key] = _unquote(raw)
    return values


def _unquote(raw: str) -> str:
    try:
        return "".join(shlex.split(raw)) if raw[:1] not in "\"'" else " ".join(shlex.split(raw))
    except ValueError:
        return raw.strip("\"'")
