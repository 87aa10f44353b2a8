"""What one CI contributes to completeness and correctness: which required attributes it lacks, and which recorded values differ. Pure.

Definitions: docs/health.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from collector.reconcile.comparator import same
from muster.model.ci_class import CiClass

COMPARED_MODES = ("governed", "mixed")


class Score(Struct, frozen=True, array_like=True):
    """`missing`: required attributes without a value on either side. `differing`: compared ones that are not equal; `compared`: how many are."""

    missing: tuple[str, ...] = ()
    compared: int = 0
    differing: tuple[str, ...] = ()


def required_of(ci_class: CiClass) -> tuple[str, ...]:
    """The attributes that every CI of the class must have a value of, sorted."""
    return tuple(sorted(name for name, attribute in ci_class.attributes.items() if attribute.required))


def score(ci_class: CiClass, effective: Mapping[str, Any], recorded: Mapping[str, Any] | None) -> Score:
    """`recorded` None: the CI is not on record, so that nothing is compared. Empty text and empty lists are no value."""
    known = recorded or {}
    missing = tuple(name for name in required_of(ci_class) if not _is_filled(effective.get(name)) and not _is_filled(known.get(name)))
    compared = 0
    differing = []
    for name in sorted(known.keys() & effective.keys()):
        attribute = ci_class.attributes.get(name)
        if attribute is None or attribute.volatile or attribute.mode not in COMPARED_MODES:
            continue
        if known[name] is None or effective[name] is None:
            continue
        compared += 1
        if not same(attribute, known[name], effective[name]):
            differing.append(name)
    return Score(missing, compared, tuple(differing))


def _is_filled(value: Any) -> bool:
    return value is not None and value not in ("", [])
