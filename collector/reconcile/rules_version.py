"""Which rules a link was made by, as a short name that changes when they do: of the classes' rules, a dot, of the site's numbers. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from collector.reconcile.settings import Settings
from muster.model.ci_class import ClassCatalogue

_RULING = ("name", "family", "parent", "is_dependent", "portable", "local_key", "identification")
_LENGTH = 10


def classes_version(catalogue: ClassCatalogue) -> str:
    """Of what identifies CIs of every class, in hexadecimal; labels and attributes do not count."""
    return _digest([{name: getattr(each, name) for name in _RULING} for each in sorted(catalogue, key=lambda each: each.name)])


def settings_version(settings: Settings) -> str:
    """Of the numbers of reconciliation."""
    return _digest(settings)


def _digest(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    return hashlib.sha256(msgspec.msgpack.encode(plain, order="deterministic")).hexdigest()[:_LENGTH]
