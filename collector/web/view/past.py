"""Rows of lists as of the past. Their links lead to the items as they are now, at that instant of their history."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.label import CiLink, find_attribute, to_link
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import DIFFERENCE_KINDS, DIFFERENCE_STATES, LIFECYCLES, PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef, CiSummary, DifferenceView


class ItemThen(Struct, frozen=True):
    """One CI as it was."""

    ci: CiLink
    number: int
    presence_key: str
    presence: str
    lifecycle: str
    zone: str
    owner: CiLink | None
    is_recorded: bool
    sources: str
    differences: int


class DifferenceThen(Struct, frozen=True):
    """One difference as it read."""

    ci: CiLink
    label: str
    state: str
    old: str
    new: str
    opened: Moment
    by: str


def to_items_then(found: Sequence[CiSummary], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[ItemThen]:
    """In the order given."""
    return [
        ItemThen(
            ci=to_link(CiRef(each.id, each.number, each.ci_class, each.name), catalogue, viewpoint),
            number=each.number,
            presence_key=each.presence,
            presence=word(PRESENCES, each.presence, viewpoint),
            lifecycle=word(LIFECYCLES, each.lifecycle, viewpoint),
            zone=each.zone,
            owner=None if each.owner is None else to_link(each.owner, catalogue, viewpoint),
            is_recorded=each.is_recorded,
            sources=", ".join(each.source_kinds),
            differences=each.open_differences,
        )
        for each in found
    ]


def to_differences_then(found: Sequence[DifferenceView], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[DifferenceThen]:
    """In the order given."""
    rows = []
    for each in found:
        attribute = find_attribute(each.ci.ci_class, each.attribute, catalogue)
        is_change = each.kind in {"changed_attribute", "class_changed"}
        rows.append(
            DifferenceThen(
                ci=to_link(each.ci, catalogue, viewpoint),
                label=viewpoint.pick(each.label, each.attribute) if is_change else word(DIFFERENCE_KINDS, each.kind, viewpoint),
                state=word(DIFFERENCE_STATES, each.state, viewpoint),
                old=to_value(each.recorded, viewpoint, attribute=attribute).text if is_change else "",
                new=to_value(each.observed, viewpoint, attribute=attribute).text if is_change else "",
                opened=to_moment(each.opened_at, viewpoint),
                by=(each.decided_by or "").removeprefix("person:"),
            )
        )
    return rows
