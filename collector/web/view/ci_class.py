"""CI classes as people read them: label, place among the others, attributes and rules."""

from __future__ import annotations

from msgspec import Struct

from collector.web.view.label import class_label
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import MODES, STRENGTHS, word
from muster.model.ci_class import CiClass, ClassCatalogue


class AttributeRow(Struct, frozen=True):
    name: str
    label: str
    type: str
    unit: str
    mode: str


class ClassRow(Struct, frozen=True):
    """`rules`: name and strength, strongest first."""

    name: str
    label: str
    parent: str
    is_dependent: bool
    local_key: list[str]
    attributes: list[AttributeRow]
    rules: list[tuple[str, str]]


def to_class_row(ci_class: CiClass, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> ClassRow:
    """One class with what it inherits."""
    return ClassRow(
        name=ci_class.name,
        label=class_label(ci_class.name, catalogue, viewpoint),
        parent="" if ci_class.parent is None else class_label(ci_class.parent, catalogue, viewpoint),
        is_dependent=ci_class.is_dependent,
        local_key=list(ci_class.local_key),
        attributes=[
            AttributeRow(name, viewpoint.pick(each.label, name), each.type, each.unit, word(MODES, each.mode, viewpoint))
            for name, each in ci_class.attributes.items()
        ],
        rules=[(each.rule, word(STRENGTHS, each.strength, viewpoint)) for each in ci_class.identification],
    )
