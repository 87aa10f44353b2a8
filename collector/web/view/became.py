"""What became of configuration items between two moments, as rows for reading."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.label import CiLink, attribute_label, find_attribute, to_link
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import LAYERS, LIFECYCLES, N_, relation_word, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiComparison, RelationChange, ValueChange

CHANGES = {
    "added": N_("added"),
    "removed": N_("removed"),
    "changed": N_("changed"),
    "unchanged": N_("unchanged"),
}
_IDENTITY = {
    "class": N_("Class"),
    "name": N_("Name"),
    "lifecycle": N_("Lifecycle"),
    "owner_id": N_("Part of"),
    "zone": N_("Zone"),
    "is_recorded": N_("On record"),
    "recorded_class": N_("Class on record"),
}


class ValueRow(Struct, frozen=True):
    """One value at both moments."""

    layer: str
    label: str
    old: Value
    new: Value


class RelationRow(Struct, frozen=True):
    """A relation that came or went."""

    is_new: bool
    text: str
    other: CiLink | None
    qualifier: str


class ComparisonRow(Struct, frozen=True):
    """One CI. `key`: added, removed, changed or unchanged."""

    ci: CiLink
    key: str
    text: str
    values: list[ValueRow]
    relations: list[RelationRow]


def to_comparisons(found: Sequence[CiComparison], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[ComparisonRow]:
    """In the order given."""
    return [
        ComparisonRow(
            ci=to_link(each.ci, catalogue, viewpoint),
            key=each.change,
            text=word(CHANGES, each.change, viewpoint),
            values=[_value(value, each.ci.ci_class, catalogue, viewpoint) for value in each.values],
            relations=[_relation(relation, catalogue, viewpoint) for relation in each.relations],
        )
        for each in found
    ]


def _value(change: ValueChange, class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ValueRow:
    if change.layer == "identity":
        sides = [
            word(LIFECYCLES, side, viewpoint) if change.attribute == "lifecycle" and side is not None else side for side in (change.old, change.new)
        ]
        old, new = (to_value(side, viewpoint) for side in sides)
        return ValueRow(word(LAYERS, "identity", viewpoint), word(_IDENTITY, change.attribute, viewpoint), old, new)
    if change.layer == "tag":
        return ValueRow(viewpoint.say("Tag"), change.attribute, to_value(change.old, viewpoint), to_value(change.new, viewpoint))
    attribute = find_attribute(class_name, change.attribute, catalogue)
    old, new = (to_value(side, viewpoint, attribute=attribute) for side in (change.old, change.new))
    return ValueRow(word(LAYERS, change.layer, viewpoint), attribute_label(class_name, change.attribute, catalogue, viewpoint), old, new)


def _relation(change: RelationChange, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> RelationRow:
    other = None if change.other is None else to_link(change.other, catalogue, viewpoint)
    return RelationRow(change.change == "added", relation_word(change.direction, change.type, viewpoint), other, change.qualifier)
