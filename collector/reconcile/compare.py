"""What differs between the observed and the recorded side of one CI: seeds of differences, with their group and risk. Pure.

Missing on either side is no statement. Only governed attributes, and mixed ones beyond their tolerance, are compared.
Design: docs/reconciliation.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct

from collector.reconcile.comparator import comparable, same
from collector.reconcile.difference import DifferenceSeed
from collector.reconcile.fact import EffectiveValue, Merged
from collector.reconcile.record import SourceKey
from muster.model.ci_class import CiClass
from muster.model.state import DifferenceKind, Lifecycle, Presence

_IDENTITY_ATTRIBUTES = frozenset({"serial", "mac", "permanent_mac", "board.serial", "chassis.serial"})
_MINOR_ATTRIBUTES = frozenset({"description", "alias", "time_zone", "bios.version"})
_EXPOSING_CLASSES = frozenset({"listening_service", "local_account", "certificate"})
_CRITICAL = frozenset({"critical", "high", "1", "mission critical", "tier 1"})


class Subject(Struct, frozen=True, kw_only=True):
    """The CI whose sides are compared. `owner_is_recorded`: for a dependent one. `recorded_class`: None while it is not recorded."""

    ci_id: str
    zone: str = "default"
    is_recorded: bool
    is_dependent: bool = False
    owner_ci_id: str | None = None
    owner_is_recorded: bool = False
    owner_is_absent: bool = False
    presence: Presence = "seen"
    lifecycle: Lifecycle = "live"
    recorded_class: str | None = None
    source: SourceKey | None = None  # of new_ci and absent_ci
    criticality: str = ""
    service_count: int = 0


def compare(ci_class: CiClass, merged: Merged, recorded: Mapping[str, Any], subject: Subject) -> list[DifferenceSeed]:
    """Seeds in the order of (kind, attribute).

    A CI that is not recorded gives at most one `new_ci`: an independent one always, a dependent one only where its owner is
    recorded and its class is governed; and what differs from a value that a person holds or held by a pin. A recorded one that is absent
    gives `absent_ci` alone; what is retired or disposed gives nothing, a case tells that it is back.
    """
    if subject.lifecycle in ("retired", "disposed"):
        return []
    if subject.is_recorded and subject.presence == "absent":
        return _absent(ci_class, merged, subject)
    seeds = [] if subject.is_recorded else _new(ci_class, merged, subject)
    if subject.is_recorded and subject.recorded_class not in (None, ci_class.name):
        seeds.append(_class_changed(ci_class, subject))
    for name, value in merged.values.items():
        seed = _attribute(ci_class, name, value, merged, recorded, subject=subject)
        if seed is not None:
            seeds.append(seed)
    return sorted(seeds, key=lambda seed: (seed.kind, seed.attribute))


def is_governed(ci_class: CiClass, attributes: Mapping[str, Any]) -> bool:
    """Whether the coming and going of a CI of this class is under change control; a class may say so for some of its kinds only."""
    if ci_class.control != "governed":
        return False
    name = str(attributes.get("name", ""))
    if any(fnmatchcase(name, pattern) for pattern in ci_class.ungoverned_names):
        return False
    return all(attributes.get(each, values[0]) in values for each, values in ci_class.governed_when.items() if values)


def _new(ci_class: CiClass, merged: Merged, subject: Subject) -> list[DifferenceSeed]:
    if subject.presence == "absent":
        return []
    if subject.is_dependent and not (subject.owner_is_recorded and is_governed(ci_class, merged.plain())):
        return []
    if not subject.is_dependent and ci_class.control == "ephemeral":
        return []
    return [_seed(ci_class, "new_ci", subject, source=subject.source)]


def _absent(ci_class: CiClass, merged: Merged, subject: Subject) -> list[DifferenceSeed]:
    if subject.is_dependent and (subject.owner_is_absent or not is_governed(ci_class, merged.plain())):
        return []  # what went with its owner is told once, by the owner
    return [_seed(ci_class, "absent_ci", subject, source=subject.source)]


def _class_changed(ci_class: CiClass, subject: Subject) -> DifferenceSeed:
    return _seed(ci_class, "class_changed", subject, recorded=subject.recorded_class, observed=ci_class.name, source=subject.source)


def _attribute(
    ci_class: CiClass, name: str, value: EffectiveValue, merged: Merged, recorded: Mapping[str, Any], *, subject: Subject
) -> DifferenceSeed | None:
    attribute = ci_class.attributes.get(name)
    is_pinned = value.rule == "pin"
    if attribute is None or attribute.volatile or (attribute.mode not in ("governed", "mixed") and not is_pinned):
        return None
    observed = merged.behind_pins.get(name) if is_pinned else value
    against = value.value if is_pinned else recorded.get(name)
    if observed is None or (not is_pinned and name not in recorded) or same(attribute, against, observed.value):
        return None
    seed = _seed(ci_class, "changed_attribute", subject, attribute=name, recorded=against, observed=observed.value, source=observed.source)
    return msgspec.structs.replace(seed, is_pinned=is_pinned, is_controlled=attribute.mode == "governed")


def _seed(
    ci_class: CiClass,
    kind: DifferenceKind,
    subject: Subject,
    *,
    attribute: str = "",
    recorded: Any = None,
    observed: Any = None,
    source: SourceKey | None = None,
) -> DifferenceSeed:
    return DifferenceSeed(
        ci_id=subject.ci_id,
        kind=kind,
        attribute=attribute,
        recorded=recorded,
        observed=observed,
        source=source,
        group_key=group_key(ci_class, kind, subject, attribute=attribute, observed=observed),
        risk=risk_of(ci_class, kind, attribute, criticality=subject.criticality, service_count=subject.service_count),
    )


def group_key(ci_class: CiClass, kind: DifferenceKind, subject: Subject, *, attribute: str = "", observed: Any = None) -> str:
    """What has one cause: the same attribute becoming the same value anywhere; parts coming to or going from one owner; hosts of one zone."""
    if kind in ("changed_attribute", "class_changed"):
        definition = ci_class.attributes.get(attribute)
        form = comparable(definition, observed) if definition is not None else observed
        return f"{kind}|{ci_class.name}|{attribute}|{value_token(form)[:16]}"
    place = subject.owner_ci_id if subject.is_dependent else subject.zone
    return f"{kind}|{ci_class.name}|{place}"


def value_token(value: Any) -> str:
    """A short text that stands for a value exactly; an acceptance gives it back (`decide.accept`)."""
    return hashlib.sha256(msgspec.msgpack.encode(value, order="deterministic")).hexdigest()[:32]


def risk_of(ci_class: CiClass, kind: DifferenceKind, attribute: str, *, criticality: str = "", service_count: int = 0) -> int:
    """0 low to 3 high: what it is, raised by one for a critical CI or one that services depend on."""
    is_whole = kind in ("new_ci", "absent_ci") and not ci_class.is_dependent
    risk = 1
    if attribute in _IDENTITY_ATTRIBUTES or kind == "class_changed" or is_whole or ci_class.name in _EXPOSING_CLASSES:
        risk = 2
    elif attribute in _MINOR_ATTRIBUTES:
        risk = 0
    return min(3, risk + (criticality.casefold() in _CRITICAL or service_count > 0))
