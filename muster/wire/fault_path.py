"""The exact path of a fault: msgspec says `$.attributes[...]` of a value in a mapping, and a person needs the key.

Not for deciding whether something is a fault: `muster/wire/codec.py`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAXIMUM_BYTES = 1_048_576  # of a body that is looked at a second time
MAXIMUM_KEYS = 1_000
_ANY_KEY = "[...]"
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def name_keys(path: str, body: bytes | msgspec.Raw, kind: Any, *, is_json: bool) -> str:
    """`path` (`$.attributes[...]`) of the first fault of `body` as a `kind`, with the key in place of `[...]` where it is found."""
    if path.count(_ANY_KEY) != 1 or len(body) > MAXIMUM_BYTES:
        return path
    try:
        value = msgspec.json.decode(body) if is_json else msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return path
    before, _, after = path.partition(_ANY_KEY)
    mapping = _follow(value, before)
    key = _find_key(value, mapping, kind, path) if isinstance(mapping, dict) and len(mapping) <= MAXIMUM_KEYS else None
    return path if key is None else f"{before}.{key}{after}"


def _follow(value: Any, path: str) -> Any:
    """What stands at a path of names and indexes; None where it leads nowhere."""
    for name, index in _STEP.findall(path):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _find_key(value: Any, mapping: dict[Any, Any], kind: Any, path: str) -> str | None:
    """The first key whose value alone makes a fault at this path."""
    for key, each in list(mapping.items()):
        mapping.clear()
        mapping[key] = each
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            if str(error).endswith(f"`{path}`"):
                return str(key)
    return None
