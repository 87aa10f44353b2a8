"""A CI's merges, what was made between a merge and its un-merge, and what it was before somebody deleted it, as pages show them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from collector.web.view.label import CiLink, to_link
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import say_plain
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import N_, word
from muster.merge_view import MadeLater, MergeHistory
from muster.model.ci_class import ClassCatalogue

_KINDS = {
    "record": N_("source record"),
    "recorded": N_("decision on record"),
    "pin": N_("held value"),
    "relation": N_("recorded relation"),
    "incident": N_("incident"),
}


class MergeRow(Struct, frozen=True):
    """One merge."""

    decision_id: str
    loser: CiLink
    loser_number: int
    survivor: CiLink
    at: Moment
    by: str
    reason: str
    is_in_force: bool


class LaterRow(Struct, frozen=True):
    """Something made in between. `is_movable`: a person may say that it is the other's."""

    id: int
    kind: str
    summary: str
    made: Moment
    ci: CiLink
    ci_id: str
    other: CiLink
    other_id: str
    is_assigned: bool
    is_movable: bool


class NearRow(Struct, frozen=True):
    """A near miss. `told`: what agrees."""

    link: CiLink
    number: int
    told: str


class StoneRow(Struct, frozen=True):
    """A tombstone."""

    number: int
    name: str
    deleted: Moment


def to_merges(history: MergeHistory, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[MergeRow]:
    """Newest first."""
    return [
        MergeRow(
            decision_id=each.decision_id,
            loser=to_link(each.loser, catalogue, viewpoint),
            loser_number=each.loser.number,
            survivor=to_link(each.survivor, catalogue, viewpoint),
            at=to_moment(each.at, viewpoint),
            by=each.made_by.partition(":")[2],
            reason=each.reason,
            is_in_force=each.undone_by is None,
        )
        for each in history.merges
    ]


def to_later(history: MergeHistory, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[LaterRow]:
    """Oldest first."""
    return [_later(each, catalogue, viewpoint) for each in history.made_later]


def _later(each: MadeLater, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> LaterRow:
    told: dict[str, Any] = {name: value for name, value in each.summary.items() if value not in (None, "")}
    return LaterRow(
        id=each.id,
        kind=word(_KINDS, each.kind, viewpoint),
        summary=say_plain(told, viewpoint)[:200],
        made=to_moment(each.made_at, viewpoint),
        ci=to_link(each.ci, catalogue, viewpoint),
        ci_id=each.ci.id,
        other=to_link(each.other, catalogue, viewpoint),
        other_id=each.other.id,
        is_assigned=each.is_assigned,
        is_movable=each.kind != "record",
    )


def to_stones(history: MergeHistory, viewpoint: Viewpoint) -> list[StoneRow]:
    """By number."""
    return [StoneRow(each.number, each.name, to_moment(each.deleted_at, viewpoint)) for each in history.tombstones]


def to_near(history: MergeHistory, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[NearRow]:
    """Best first."""
    return [NearRow(to_link(each.ci, catalogue, viewpoint), each.ci.number, ", ".join(each.identifiers)[:200]) for each in history.near_misses]
