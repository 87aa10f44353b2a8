"""Decisions of a collector as steps of a case file: what people did on the CIs that the case tells of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from collector.reconcile.claim import RECORDED_PREFIX
from collector.simulation.scrub import Scrubber
from collector.store.case_material import Material, TakenDecision

Naming = Callable[[str], Any]


class Told(Struct, frozen=True):
    """A step that tells a decision. `undoes`: the decision that it takes back, whose step `refer` names."""

    at: int
    decision_id: str
    step: dict[str, Any]
    undoes: str | None = None

    def refer(self, place: int) -> dict[str, Any]:
        """The step that takes back what step `place` did."""
        who = self.step.get("decide") or self.step.get("operation") or {}
        if "operation" in self.step:
            return {"operation": {**{name: value for name, value in who.items() if name == "by"}, "unmerge": {"step": place}}}
        return {"decide": {"step": place, "decision": "undo", **{name: value for name, value in who.items() if name == "by"}}}


def tell_decisions(material: Material, name_of: Naming, scrubber: Scrubber) -> list[Told]:
    """A step for each decision, and for each difference of one on several; those on CIs outside of the neighbourhood are left out."""
    found: list[Told] = []
    for each in material.decisions:
        by = scrubber.replace_word("person", each.made_by)
        found += [Told(each.at, each.id, step, each.undoes) for step in _steps(material, each, name_of, scrubber, by)]
    return found


def _steps(material: Material, each: TakenDecision, name_of: Naming, scrubber: Scrubber, by: str) -> Iterator[dict[str, Any]]:
    match each.kind:
        case "accept" | "reject" | "ignore":
            yield from _on_differences(material, each, name_of, by)
        case "undo":
            yield {"decide": {"step": 0, "decision": "undo", "by": by}}
        case "resolve":
            yield from _on_case(material, each, name_of, by)
        case "merge" | "adopt" | "unmerge":
            yield from _on_identity(material, each, name_of, by)
        case "delete":
            named = name_of(str(each.subject.detail.get("ci")))
            if named is not None:
                yield {"operation": {"delete": named, "by": by}}
        case "pin":
            yield from _on_pin(material, each, name_of, scrubber, by)
        case "record":
            yield from _on_record(material, each, name_of, scrubber, by)


def _on_differences(material: Material, each: TakenDecision, name_of: Naming, by: str) -> Iterator[dict[str, Any]]:
    for ci_id, kind, attribute in each.rows:
        named = name_of(ci_id) if ci_id in material.ci_ids else None
        if named is not None:
            subject = {"ci": named, "kind": kind, **({"attribute": attribute} if attribute else {})}
            yield {"decide": {"difference": subject, "decision": each.kind, "by": by}}


def _on_case(material: Material, each: TakenDecision, name_of: Naming, by: str) -> Iterator[dict[str, Any]]:
    """Members by their records: where those belong was the question."""
    cis = {record.ci_id for record in material.records if record.id in each.case_members and record.ci_id is not None}
    named = [name for name in (name_of(ci_id) for ci_id in sorted(cis)) if name is not None]
    action = each.subject.detail.get("action")
    if action is not None:
        yield {"decide": {"case": {"kind": each.case_kind, "members": named if action != "same" else []}, "decision": action, "by": by}}


def _on_identity(material: Material, each: TakenDecision, name_of: Naming, by: str) -> Iterator[dict[str, Any]]:
    detail = each.subject.detail
    if each.kind == "unmerge":
        yield {"operation": {"unmerge": {"step": 0}, "by": by}}
        return
    kept = detail.get("survivor") or detail.get("into")
    gone = detail.get("losers") or [detail.get("ci")]
    for ci_id in gone:
        pair = [name_of(str(kept)), name_of(str(ci_id))]
        if None not in pair and pair[0] != pair[1]:
            yield {"operation": {"merge" if each.kind == "merge" else "adopt": pair if each.kind == "merge" else pair[::-1], "by": by}}


def _on_pin(material: Material, each: TakenDecision, name_of: Naming, scrubber: Scrubber, by: str) -> Iterator[dict[str, Any]]:
    """A pin that still holds; of one that ended nothing is left to tell."""
    detail = each.subject.detail
    named = name_of(str(detail.get("ci_id"))) if detail.get("ci_id") in material.ci_ids else None
    for attribute, value in each.values.items():
        if named is not None:
            told = {"ci": named, "attribute": attribute, "value": scrubber.scrub_value(attribute, value), "reason": "pinned", "owner": by}
            yield {"operation": {"pin": told, "by": by}}


def _on_record(material: Material, each: TakenDecision, name_of: Naming, scrubber: Scrubber, by: str) -> Iterator[dict[str, Any]]:
    detail = each.subject.detail
    ci_id = str(detail.get("ci"))
    if ci_id not in material.ci_ids:
        return
    named = name_of(ci_id)
    if named is None:
        return
    if each.made_ci:
        yield {
            "operation": {"record": tell_record(scrubber, str(detail["class"]), material.zones.get(ci_id, "default"), named, each.values), "by": by}
        }
        return
    plain = {name: value for name, value in each.values.items() if not name.startswith(RECORDED_PREFIX)}
    vendor = str(plain.get("vendor") or "")
    attributes = {name: scrubber.scrub_value(name, value, vendor=vendor) for name, value in plain.items()}
    if attributes:
        yield {"operation": {"record": {"ci": named, "attributes": attributes}, "by": by}}
    lifecycles = [side.after.lifecycle for side in each.subject.sides if side.ci_id == ci_id and side.before.lifecycle != side.after.lifecycle]
    if lifecycles:
        yield {"operation": {"lifecycle": {"ci": named, "to": lifecycles[-1]}, "by": by}}


def tell_record(scrubber: Scrubber, ci_class: str, zone: str, label: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Putting a CI on record under a label that later steps name it by."""
    identifiers = {name.removeprefix(RECORDED_PREFIX): value for name, value in values.items() if name.startswith(RECORDED_PREFIX)}
    attributes = {name: value for name, value in values.items() if not name.startswith(RECORDED_PREFIX)}
    told = {
        "class": ci_class,
        "ref": label,
        "zone": scrubber.replace_word("zone", zone),
        "identifiers": scrubber.scrub_identifiers(identifiers, vendor=str(attributes.get("vendor") or "")),
        "attributes": scrubber.scrub_attributes(ci_class, attributes),
    }
    return {name: value for name, value in told.items() if value}
