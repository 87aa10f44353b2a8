"""Which values of a CI a verification compares, and what the automatic method finds. Pure. Rules: docs/verification.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.reconcile.comparator import same
from collector.reconcile.score import COMPARED_MODES
from muster.model.ci_class import CiClass
from muster.verification import Answer, CheckedValue


def examine(ci_class: CiClass, recorded: Mapping[str, Any], effective: Mapping[str, Any], *, is_seen: bool) -> tuple[Answer, list[CheckedValue]]:
    """What is recorded against what a source sees now, attribute by attribute. A CI that no source sees now, or of which no
    recorded value is observed, is not found: an old observation proves nothing.
    """
    if not is_seen:
        return "not_found", []
    values = []
    for name in sorted(recorded.keys() & effective.keys()):
        attribute = ci_class.attributes.get(name)
        if attribute is None or attribute.volatile or attribute.mode not in COMPARED_MODES or None in (recorded[name], effective[name]):
            continue
        answer: Answer = "equal" if same(attribute, recorded[name], effective[name]) else "differs"
        hidden = attribute.sensitive
        values.append(CheckedValue(name, None if hidden else recorded[name], None if hidden else effective[name], answer))
    if not values:
        return "not_found", []
    return "differs" if any(each.answer == "differs" for each in values) else "equal", values


def list_values(ci_class: CiClass, recorded: Mapping[str, Any]) -> list[CheckedValue]:
    """What a person goes and checks: every recorded value that does not move by itself and is no secret."""
    found = []
    for name in sorted(recorded):
        attribute = ci_class.attributes.get(name)
        if attribute is not None and not attribute.volatile and not attribute.sensitive and recorded[name] is not None:
            found.append(CheckedValue(name, recorded[name], None, "open"))
    return found
