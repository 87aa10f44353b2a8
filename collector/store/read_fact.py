"""The facts of one configuration item: effective and recorded value, why this one is in force, and what every source says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from collector.reconcile.explain import MESSAGES, explain_value, render
from collector.reconcile.fact import EffectiveValue, Loser, Merged, Observation, Pin
from collector.reconcile.merge import merge
from collector.store.content import decode, load_contents
from collector.store.read_pin import load_pins
from collector.store.reading import Reading
from collector.store.schema import difference, history, pin
from muster.ports import Candidate, Fact, SourceRef

HIDDEN = "••••"


def load_facts(reading: Reading, row: Any, observations: Sequence[Observation], sources: Mapping[int, SourceRef]) -> list[Fact]:
    """Every attribute that has a value on any side, in the order of the class's file, others after it. Sensitive values are hidden."""
    contents = load_contents(reading.connection, (bytes(each) for each in (row.effective_hash, row.recorded_hash) if each is not None))
    effective = contents[bytes(row.effective_hash)] if row.effective_hash is not None else {}
    recorded = contents[bytes(row.recorded_hash)] if row.recorded_hash is not None else {}
    ci_class = reading.class_of(row.ci_class)
    merged = merge(ci_class, observations, _load_pins(reading, row.id), reading.settings, reading.now)
    provenance = decode(row.provenance) or {}
    since = _load_since(reading, row.id)
    held = {each.attribute: each for each in load_pins(reading, row.id)}
    query = select(difference.c.attribute).where(difference.c.ci_id == row.id, difference.c.state == "open", difference.c.kind == "changed_attribute")
    different = set(reading.connection.execute(query).scalars())
    told = {name for each in observations for name in each.attributes}
    order = {name: at for at, name in enumerate(ci_class.attributes)}
    facts = []
    for name in sorted({*effective, *recorded, *told}, key=lambda each: (order.get(each, len(order)), each)):
        attribute = reading.attribute_of(row.ci_class, name)
        value = merged.values.get(name)
        candidates = _candidates(name, merged, observations, sources, hides=attribute.sensitive)
        facts.append(
            Fact(
                attribute=name,
                label=reading.label_of(row.ci_class, name),
                unit=attribute.unit,
                mode=attribute.mode,
                effective=_shown(effective.get(name), hides=attribute.sensitive),
                has_effective=name in effective,
                recorded=_shown(recorded.get(name), hides=attribute.sensitive),
                has_recorded=name in recorded,
                source=_winner(name, value, provenance, observations, sources),
                rule=value.rule if value is not None else "",
                since=since.get(name, row.created_at) if name in effective else None,
                candidates=candidates,
                is_different=name in different,
                is_volatile=attribute.volatile,
                pin=held.get(name),
            )
        )
    return facts


def _load_pins(reading: Reading, ci_id: str) -> dict[str, Pin]:
    rows = reading.connection.execute(select(pin).where(pin.c.ci_id == ci_id))
    return {row.attribute: Pin(decode(row.value), row.reason, row.owner, row.expires_at) for row in rows}


def _load_since(reading: Reading, ci_id: str) -> dict[str, int]:
    """When each observed value last became what it is, of those that changed since the CI was first seen."""
    query = select(history.c.attribute, func.max(history.c.valid_from)).where(history.c.ci_id == ci_id, history.c.layer == "observed")
    return {row[0]: row[1] for row in reading.connection.execute(query.group_by(history.c.attribute))}


def _winner(
    name: str, value: EffectiveValue | None, provenance: Mapping[str, Any], observations: Sequence[Observation], sources: Mapping[int, SourceRef]
) -> SourceRef | None:
    """Whose value is in force; as stored, else as merged now."""
    stored = provenance.get(name)
    if stored is not None:
        return sources.get(stored[0])
    if value is None or value.source is None:
        return None
    source_id = next((each.source_id for each in observations if each.record_id == value.record_id), None)
    return None if source_id is None else sources.get(source_id)


def _candidates(name: str, merged: Merged, observations: Sequence[Observation], sources: Mapping[int, SourceRef], *, hides: bool) -> list[Candidate]:
    value = merged.values.get(name)
    losers = {(each.source, each.observed_at): each for each in merged.losers if each.attribute == name}
    found = []
    for each in observations:
        if name not in each.attributes:
            continue
        is_winner = value is not None and (each.record_id, each.observed_at) == (value.record_id, value.observed_at)
        found.append(
            Candidate(
                source=sources[each.source_id],
                value=_shown(each.attributes[name], hides=hides),
                observed_at=each.observed_at,
                confirmed_at=each.confirmed_at,
                is_fresh=each.is_fresh,
                is_winner=is_winner,
                why=_why(value, losers.get((each.source, each.observed_at)), is_winner=is_winner),
            )
        )
    return sorted(found, key=lambda candidate: (not candidate.is_winner, -candidate.confirmed_at))


def _why(value: EffectiveValue | None, loser: Loser | None, *, is_winner: bool) -> str:
    if loser is not None and not (is_winner and value is not None):
        return MESSAGES.get(f"loser.{loser.why}", loser.why)
    return "" if value is None else render(explain_value(value))


def _shown(value: Any, *, hides: bool) -> Any:
    return HIDDEN if hides and value is not None else value
