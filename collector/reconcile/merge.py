"""The observed view of a CI: one effective value per attribute, from the best source that is fresh, with its provenance.

The same function for the first and for every later report. Missing is no statement; empty counts only from a complete section and for
a clearable attribute; an older observation never displaces a newer one of the same source. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.reconcile.comparator import comparable
from collector.reconcile.fact import EffectiveValue, Loser, Merged, Observation, Pin
from collector.reconcile.settings import Settings
from muster.model.ci_class import Attribute, CiClass

_PLAIN = Attribute()
_NOTHING: Any = object()


def merge(ci_class: CiClass, observations: Sequence[Observation], pins: Mapping[str, Pin], settings: Settings, now: int) -> Merged:
    """Effective values and losers, in the order of attributes. The order of `observations` does not matter.

    Where no source is fresh the newest statement stands as last known. A pin that has expired at `now` is as if it were not there.
    """
    if len(observations) == 1 and not pins:
        return _from_one(ci_class, observations[0])
    names = sorted({name for each in observations for name in each.attributes} | {name for name, pin in pins.items() if pin.holds(now)})
    values: dict[str, EffectiveValue] = {}
    behind: dict[str, EffectiveValue] = {}
    losers: list[Loser] = []
    for name in names:
        attribute = ci_class.attributes.get(name, _PLAIN)
        observed, lost = _merge_one(attribute, name, observations, settings.precedence_of(ci_class.name, name))
        losers += lost
        pin = pins.get(name)
        if pin is not None and pin.holds(now):
            values[name] = EffectiveValue(pin.value, None, "pin", now)
            if observed is not None:
                behind[name] = observed
        elif observed is not None:
            values[name] = observed
    return Merged(values, tuple(losers), behind)


def _from_one(ci_class: CiClass, only: Observation) -> Merged:
    values: dict[str, EffectiveValue] = {}
    losers: list[Loser] = []
    rule = "only_source" if only.is_fresh else "last_known"
    for name in sorted(only.attributes):
        value, why = _statement(ci_class.attributes.get(name, _PLAIN), name, only)
        if why:
            losers.append(Loser(name, only.attributes[name], only.source, only.observed_at, why))
        else:
            values[name] = EffectiveValue(value, only.source, rule, only.observed_at, only.record_id, only.is_fresh, (only.source,))  # type: ignore[arg-type]  # one of two literals
    return Merged(values, tuple(losers))


def is_statement(ci_class: CiClass, name: str, value: Any, *, is_complete: bool) -> bool:
    """Whether a value that a source names says anything: an empty one only where it may clear, from a complete section."""
    attribute = ci_class.attributes.get(name, _PLAIN)
    if attribute.mode == "recorded_only":
        return False
    return value not in (None, "", []) or (attribute.clearable and is_complete)


def _statement(attribute: Attribute, name: str, observation: Observation) -> tuple[Any, str]:
    """What an observation states of an attribute that it names, or why that is no statement."""
    value = observation.attributes[name]
    if attribute.mode == "recorded_only":
        return _NOTHING, "recorded_only"
    if value is None or value in ("", []):
        if not attribute.clearable or not observation.is_complete:
            return _NOTHING, "empty"
        return None if value in ("", None) else [], ""
    return value, ""


def _merge_one(
    attribute: Attribute, name: str, observations: Iterable[Observation], precedence: Sequence[str]
) -> tuple[EffectiveValue | None, list[Loser]]:
    stated: list[tuple[Observation, Any]] = []
    losers: list[Loser] = []
    for each in observations:
        if name not in each.attributes:
            continue
        value, why = _statement(attribute, name, each)
        if why:
            losers.append(Loser(name, each.attributes[name], each.source, each.observed_at, why))
        else:
            stated.append((each, value))
    if not stated:
        return None, sorted(losers, key=_loser_order)
    if attribute.mode == "union":
        return _union(attribute, stated), losers
    any_fresh = any(each.is_fresh for each, _ in stated)

    def rank(entry: tuple[Observation, Any]) -> tuple[object, ...]:
        each = entry[0]
        kind_rank = precedence.index(each.source.kind) if each.source.kind in precedence else len(precedence)
        place = (kind_rank, -each.observed_at) if any_fresh else (-each.observed_at, kind_rank)
        return (not each.is_fresh, *place, each.source.text, each.ref, each.record_id)

    stated.sort(key=rank)
    best, value = stated[0]
    for each, other in stated[1:]:
        losers.append(Loser(name, other, each.source, each.observed_at, _why_lost(best, each, precedence)))
    equal = comparable(attribute, value)
    witnesses = tuple(dict.fromkeys(each.source for each, other in stated if comparable(attribute, other) == equal))
    rule = "only_source" if len(stated) == 1 else "precedence"
    return (
        EffectiveValue(value, best.source, rule if best.is_fresh else "last_known", best.observed_at, best.record_id, best.is_fresh, witnesses),  # type: ignore[arg-type]  # one of three literals
        sorted(losers, key=_loser_order),
    )


def _why_lost(best: Observation, other: Observation, precedence: Sequence[str]) -> str:
    if best.is_fresh and not other.is_fresh:
        return "stale"
    if best.is_fresh and best.source.kind != other.source.kind:
        return "lower_rank"
    return "older" if other.observed_at < best.observed_at else "same_rank"


def _union(attribute: Attribute, stated: Sequence[tuple[Observation, Any]]) -> EffectiveValue:
    """The members that any fresh source states (any source where none is fresh), each once as it is first spelt, in order."""
    any_fresh = any(each.is_fresh for each, _ in stated)
    counted = [(each, value) for each, value in stated if each.is_fresh or not any_fresh]
    spelt: dict[str, Any] = {}
    for member in sorted((each for _, value in counted for each in (value if isinstance(value, list) else [value])), key=str):
        spelt.setdefault(str(comparable(attribute, member)), member)
    members = sorted(spelt.values(), key=str)
    newest = min((each for each, _ in counted), key=lambda each: (-each.observed_at, each.source.text, each.ref))
    witnesses = tuple(sorted({each.source for each, _ in counted}))
    return EffectiveValue(members, newest.source, "union", newest.observed_at, newest.record_id, any_fresh, witnesses)


def _loser_order(loser: Loser) -> tuple[object, ...]:
    return (loser.attribute, loser.source.text, loser.observed_at, repr(loser.value))
