"""Which CI a thing is that somebody puts on record: decided by the engine as if a source of kind `import` had reported it.

The rows that the engine needs for that stand in a savepoint that is rolled back: recognising writes nothing, and the rules, vetoes and
people's words are the ones that every report meets. Design: docs/import.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select

from collector.reconcile.claim import recorded_claims
from collector.reconcile.identify import partition
from collector.reconcile.record import CaseSeed, Claim, ClaimKey, Neighbourhood, Part, Suggestion
from collector.store.ci import StoredCi, load_cis
from collector.store.claim import find_holders, find_quarantined, mark_quarantined, save_claims
from collector.store.content import encode, hash_body
from collector.store.edit import Edit
from collector.store.namesake import find_namesakes
from collector.store.neighbourhood import load_neighbourhoods
from collector.store.schema import identity_claim, recorded_claim, source, source_record
from collector.store.statement import parts
from muster.model.ci_class import ClassCatalogue
from muster.model.identifier import NAME_KINDS
from muster.model.state import CaseKind

_SECTION = "recognition"
_NEAR_LIMIT = 5
# What a case of these kinds says is for a person to settle before anything is put on record.
_UNDECIDED: frozenset[CaseKind] = frozenset({"ambiguity", "clone", "contradiction", "class_conflict", "duplicate", "replacement", "resurrection"})


class RecordedItem(Struct, frozen=True, kw_only=True):
    """One thing to put on record. `identifiers`: those beside the attributes that identify too; `ci_id`: what it was known as before."""

    ci_class: str
    identifiers: Mapping[str, Any] = {}
    attributes: Mapping[str, Any] = {}
    zone: str = "default"
    ci_id: str | None = None


class Near(Struct, frozen=True):
    """A CI that the thing may be, and why nobody but a person can say so."""

    ci_id: str
    number: int
    name: str
    rule: str


class Recognised(Struct, frozen=True, kw_only=True):
    """`ci_id` None: nothing known is it. `rule`: what recognised it. `refusal`: why it can be neither, with what it is `near` to.

    `twin`: the place of an earlier thing of the same call that it is.
    """

    ci_id: str | None = None
    rule: str = ""
    refusal: str = ""
    near: tuple[Near, ...] = ()
    twin: int | None = None


def recognise(edit: Edit, items: Sequence[RecordedItem]) -> list[Recognised]:
    """What each of these is, in their order. Bounded work: those that share nothing with what is known never reach the engine."""
    claims = [recorded_claims(each.identifiers, each.attributes, zone=each.zone, junk=edit.context.junk) for each in items]
    holders = _load_holders(edit, claims)
    found: dict[int, Recognised] = {}
    asked: list[int] = []
    shared = _shared_inside(edit, claims)
    twins = _find_twins(edit, claims)
    for at, item in enumerate(items):
        keyed, weak = holders[at]
        if at in twins:
            found[at] = Recognised(rule=twins[at][1], twin=twins[at][0])
        elif at in shared or keyed - {item.ci_id} or (item.ci_id is None and weak):
            asked.append(at)
        else:
            found[at] = Recognised(ci_id=item.ci_id, rule="native_key" if item.ci_id is not None else "first_seen")
    if asked:
        found |= _ask_engine(edit, {at: items[at] for at in asked}, {at: claims[at] for at in asked})
    new = [at for at, each in found.items() if each.ci_id is None and each.twin is None and not each.refusal]
    for at, near in find_namesakes(edit, {at: (items[at].ci_class, claims[at]) for at in new}).items():
        known = {each.ci_id for each in found[at].near}
        added = [Near(each.id, each.number, each.name, "name") for each in near if each.id not in known]
        found[at] = msgspec.structs.replace(found[at], near=(*found[at].near, *added)[:_NEAR_LIMIT])
    return [found[at] for at in range(len(items))]


def _load_holders(edit: Edit, claims: Sequence[tuple[Claim, ...]]) -> list[tuple[set[str | None], bool]]:
    """For each thing: the CIs that hold a value that could link by itself (None: a record without one), and whether a weak one is held."""
    kinds, weak_kinds = edit.context.key_kinds, edit.context.suggesting_kinds - set(NAME_KINDS)
    wanted = {(each.kind, each.value) for one in claims for each in one if each.state == "active" and each.kind in kinds | weak_kinds}
    held: dict[tuple[str, str], set[str | None]] = {}
    rows = find_holders(edit.connection, identity_claim, wanted, limit=len(wanted) * 20 + 1000)
    ci_of = _ci_of(edit, {row.record_id for row in rows})
    for row in rows:
        held.setdefault((row.kind, row.value), set()).add(ci_of.get(row.record_id))
    for row in find_holders(edit.connection, recorded_claim, wanted, limit=len(wanted) * 20 + 1000):
        held.setdefault((row.kind, row.value), set()).add(row.ci_id)
    found: list[tuple[set[str | None], bool]] = []
    for one in claims:
        active = [each for each in one if each.state == "active"]
        keyed = {ci_id for each in active if each.kind in kinds for ci_id in held.get((each.kind, each.value), ())}
        found.append((keyed, any((each.kind, each.value) in held for each in active if each.kind in weak_kinds)))
    return found


def _ci_of(edit: Edit, record_ids: Collection[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for part in parts(sorted(record_ids)):
        found.update(
            {
                row.id: row.ci_id
                for row in edit.connection.execute(select(source_record.c.id, source_record.c.ci_id).where(source_record.c.id.in_(part)))
            }
        )
    return found


def _shared_inside(edit: Edit, claims: Sequence[tuple[Claim, ...]]) -> set[int]:
    """Those that share a value that could link with another of the same call."""
    by_value: dict[tuple[str, str], list[int]] = {}
    for at, one in enumerate(claims):
        for each in one:
            if each.state == "active" and each.kind in edit.context.key_kinds:
                by_value.setdefault((each.kind, each.value), []).append(at)
    return {at for places in by_value.values() if len(places) > 1 for at in places}


def _find_twins(edit: Edit, claims: Sequence[tuple[Claim, ...]]) -> dict[int, tuple[int, str]]:
    """Those that share with an earlier one what alone proves a thing: its place, and the kind."""
    proofs = edit.context.catalogue.derive(_proving_kinds)
    first: dict[ClaimKey, int] = {}
    found: dict[int, tuple[int, str]] = {}
    for at, one in enumerate(claims):
        for each in one:
            if each.state == "active" and each.kind in proofs:
                earlier = first.setdefault(each.key, at)
                if earlier != at:
                    found.setdefault(at, (earlier, each.kind))
    return found


def _proving_kinds(catalogue: ClassCatalogue) -> frozenset[str]:
    """Kinds of which one value is a strong rung by itself."""
    rules = [rule for each in catalogue for rule in each.identification if rule.strength == "strong" and not rule.common and not rule.equal_sets]
    return frozenset(kinds[0] for rule in rules if len(kinds := [*rule.all, *rule.shared]) == 1)


def _ask_engine(edit: Edit, items: Mapping[int, RecordedItem], claims: Mapping[int, tuple[Claim, ...]]) -> dict[int, Recognised]:
    savepoint = edit.connection.begin_nested()
    try:
        placed = _place(edit, items, claims)
        found: dict[int, Recognised] = {}
        for neighbourhood in load_neighbourhoods(edit, placed.keys()):
            found |= _decide(edit, neighbourhood, placed)
        return found
    finally:
        savepoint.rollback()


def _place(edit: Edit, items: Mapping[int, RecordedItem], claims: Mapping[int, tuple[Claim, ...]]) -> dict[int, int]:
    """The things as records of sources that are not there: place by the record's id."""
    zones = sorted({each.zone for each in items.values()})
    ids: dict[str, int] = {}
    for zone in zones:
        values = {"kind": "import", "name": "recognition", "instance": f"\x01{zone}", "zone": zone, "created_at": edit.now}
        ids[zone] = edit.connection.execute(insert(source).values(**values).returning(source.c.id)).scalar_one()
    placed: dict[int, int] = {}
    written: dict[int, tuple[Claim, ...]] = {}
    for at, item in items.items():
        body = {"class": item.ci_class, "identifiers": {}, "attributes": {"vendor": item.attributes.get("vendor")}, "owner": None}
        key = hash_body(encode(body))
        edit.contents[key] = body
        values = {
            "source_id": ids[item.zone], "section": _SECTION, "ref": f"{at:09d}", "ci_class": item.ci_class, "content_hash": key,
            "observed_at": edit.now, "first_seen_at": edit.now, "changed_at": edit.now, "ci_id": item.ci_id, "link_made_by": "engine",
        }  # fmt: skip
        record_id = edit.connection.execute(insert(source_record).values(**values).returning(source_record.c.id)).scalar_one()
        placed[record_id] = at
        written[record_id] = mark_quarantined(claims[at], find_quarantined(edit.connection, claims[at]))
    save_claims(edit.connection, {}, written)
    return placed


def _decide(edit: Edit, neighbourhood: Neighbourhood, placed: Mapping[int, int]) -> dict[int, Recognised]:
    decided = partition(neighbourhood, edit.context.catalogue, edit.context.settings)
    before = {each.id: each.ci_id for each in neighbourhood.records}
    disputes: dict[int, CaseSeed] = {}
    for seed in decided.cases:
        if seed.kind in _UNDECIDED:
            disputes |= dict.fromkeys(seed.record_ids, seed)
    wanted = _named(decided.parts, before, placed, disputes)
    known = load_cis(edit.connection, wanted)
    found: dict[int, Recognised] = {}
    for part in decided.parts:
        mine = sorted(link.record_id for link in part.links if link.record_id in placed)
        for record_id in mine:
            is_first = record_id == mine[0]
            judged = _judge(part, record_id, before, disputes.get(record_id), known)
            found[placed[record_id]] = judged if is_first or judged.refusal else Recognised(rule=judged.rule, twin=placed[mine[0]])
    if neighbourhood.is_truncated:
        return {at: Recognised(refusal="too many others share its identifiers; give one that is its own") for at in found}
    return found


def _named(parts_: Sequence[Part], before: Mapping[int, str | None], placed: Mapping[int, int], disputes: Mapping[int, CaseSeed]) -> set[str]:
    found = {ci_id for ci_id in before.values() if ci_id is not None} | {part.ci_id for part in parts_ if part.ci_id is not None}
    found |= {each.ci_id for part in parts_ for link in part.links if link.record_id in placed for each in link.evidence.suggestions if each.ci_id}
    return found | {ci_id for seed in disputes.values() for ci_id in seed.ci_ids}


def _judge(part: Part, record_id: int, before: Mapping[int, str | None], dispute: CaseSeed | None, known: Mapping[str, StoredCi]) -> Recognised:
    evidence = next(link.evidence for link in part.links if link.record_id == record_id)
    there = sorted({ci_id for link in part.links if link.record_id != record_id and (ci_id := before[link.record_id]) is not None})
    if dispute is not None:
        others = [ci_id for each in dispute.record_ids if (ci_id := before.get(each)) is not None]
        near = _near(known, [*others, *dispute.ci_ids], dispute.kind)
        return Recognised(refusal=f"{dispute.kind}: its identifiers do not agree on one CI{_say(near)}; settle which it is first", near=near)
    if len(there) > 1:
        near = _near(known, there, evidence.rule)
        return Recognised(refusal=f"it ties together what stands apart{_say(near)}; settle whether they are one first", near=near)
    suggested = [each for each in evidence.suggestions if each.ci_id is not None and not each.vetoes]
    near = _suggested(known, suggested, part.ci_id)
    return Recognised(ci_id=part.ci_id, rule=evidence.rule, near=near)


def _suggested(known: Mapping[str, StoredCi], suggested: Iterable[Suggestion], own: str | None) -> tuple[Near, ...]:
    rules = {each.ci_id: each.rule for each in suggested if each.ci_id is not None and each.ci_id != own}
    return tuple(Near(each.id, each.number, each.name, rules[each.id]) for each in _sorted(known, rules) if own is None)[:_NEAR_LIMIT]


def _near(known: Mapping[str, StoredCi], ci_ids: Iterable[str], rule: str) -> tuple[Near, ...]:
    return tuple(Near(each.id, each.number, each.name, rule) for each in _sorted(known, ci_ids))[:_NEAR_LIMIT]


def _sorted(known: Mapping[str, StoredCi], ci_ids: Iterable[str]) -> list[StoredCi]:
    return sorted((known[each] for each in set(ci_ids) if each in known), key=lambda each: each.number)


def _say(near: Sequence[Near]) -> str:
    return f" ({', '.join(f'{each.name}, number {each.number}' for each in near)})" if near else ""
