"""CIs side by side: what identifies them, what hangs on them, what each has on record, and what a merge would make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from collector.web.view.label import CiLink, find_attribute, to_link
from collector.web.view.moment import say_exact
from collector.web.view.value import to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import IDENTIFIER_WORDS, LIFECYCLES, N_, PRESENCES, word
from muster.merge_view import Evidence, MergedValue, MergePreview, MergeSide
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

_MARKS = {
    "agrees": ("●", N_("agrees: speaks for one thing")),
    "differs": ("▲", N_("differs: speaks for several")),
    "alone": ("◌", N_("only one has it")),
    "conflict": ("▲", N_("on record differently: choose")),
    "same": ("●", N_("the same")),
}
_COUNTS = (
    ("relations", N_("Relations")),
    ("parts", N_("Parts")),
    ("pins", N_("Held values")),
    ("open_differences", N_("Open differences")),
    ("incidents", N_("Incidents")),
    ("series", N_("Metric series")),
    ("state_changes", N_("State changes")),
)
VALUES_SHOWN = 8


class Column(Struct, frozen=True):
    """One CI. `is_proposal`: which should stay."""

    id: str
    number: int
    link: CiLink
    is_proposal: bool = False
    is_survivor: bool = False


class ComparedRow(Struct, frozen=True):
    """One line over all columns. `mark`: agrees, differs, alone, conflict, same or empty; `choice`: the form's name for the column that holds."""

    label: str
    cells: list[list[str]]
    mark: str = ""
    shape: str = ""
    told: str = ""
    choice: str = ""


class Comparison(Struct, frozen=True):
    """Columns, and groups of rows under a heading."""

    columns: list[Column]
    groups: list[tuple[str, list[ComparedRow]]]
    refusals: list[str] = []
    parts_joined: int = 0
    parts_moved: int = 0


def compare_members(members: Sequence[CiRef], evidence: Sequence[Evidence], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> Comparison:
    """Only what identifies them: for cases in which nothing is merged."""
    columns = [Column(each.id, each.number, to_link(each, catalogue, viewpoint)) for each in members if _is_compared(each, evidence)]
    return Comparison(columns, [(viewpoint.say("Identifiers"), _evidence_rows(evidence, columns, viewpoint))])


def _is_compared(ci: CiRef, evidence: Sequence[Evidence]) -> bool:
    return any(ci.id == ci_id for each in evidence for ci_id, _ in each.values)


def to_comparison(preview: MergePreview, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> Comparison:
    """All that a person should see before a merge."""
    columns = [
        Column(
            side.ci.id, side.ci.number, to_link(side.ci, catalogue, viewpoint), side.ci.id == preview.proposal.id, side.ci.id == preview.survivor.id
        )
        for side in preview.sides
    ]
    groups = [
        (viewpoint.say("Identifiers"), _evidence_rows(preview.evidence, columns, viewpoint)),
        (viewpoint.say("What hangs on it"), _side_rows(preview.sides, viewpoint)),
        (viewpoint.say("On record"), _value_rows(preview.values, preview.survivor.ci_class, catalogue, viewpoint)),
    ]
    return Comparison(
        columns,
        [(title, rows) for title, rows in groups if rows],
        [each.message for each in preview.refusals],
        preview.parts_joined,
        preview.parts_moved,
    )


def _row(label: str, cells: Iterable[Iterable[str]], viewpoint: Viewpoint, *, mark: str = "", choice: str = "") -> ComparedRow:
    shape, told = _MARKS.get(mark, ("", ""))
    return ComparedRow(label, [list(each) for each in cells], mark, shape, viewpoint.say(told) if told else "", choice)


def _evidence_rows(evidence: Sequence[Evidence], columns: Sequence[Column], viewpoint: Viewpoint) -> list[ComparedRow]:
    found = []
    for each in evidence:
        values: Mapping[str, list[str]] = dict(each.values)
        cells = [values.get(column.id, [])[:VALUES_SHOWN] for column in columns]
        found.append(_row(word(IDENTIFIER_WORDS, each.kind, viewpoint), cells, viewpoint, mark=each.word))
    return found


def _side_rows(sides: Sequence[MergeSide], viewpoint: Viewpoint) -> list[ComparedRow]:
    rows = [
        _row(viewpoint.say("Lifecycle"), ([word(LIFECYCLES, side.lifecycle, viewpoint)] for side in sides), viewpoint),
        _row(viewpoint.say("Presence"), ([word(PRESENCES, side.presence, viewpoint)] for side in sides), viewpoint),
        _row(viewpoint.say("On record"), ([viewpoint.say("yes") if side.is_recorded else viewpoint.say("no")] for side in sides), viewpoint),
        _row(viewpoint.say("Known since"), ([say_exact(side.created_at, viewpoint)] for side in sides), viewpoint),
        _row(viewpoint.say("Seen"), ([say_exact(side.seen_at, viewpoint)] if side.seen_at is not None else [] for side in sides), viewpoint),
        _row(viewpoint.say("Records"), (_short(side.records) for side in sides), viewpoint),
        _row(viewpoint.say("Services"), (side.services for side in sides), viewpoint),
    ]
    for name, label in _COUNTS:
        counts = [getattr(side, name) for side in sides]
        if any(counts):
            rows.append(_row(viewpoint.say(label), ([f"{count:,}"] for count in counts), viewpoint))
    return [row for row in rows if any(row.cells)]


def _short(records: Sequence[str]) -> list[str]:
    """`agent/web01 host`: the instance is 32 random digits."""
    found = []
    for each in records[:VALUES_SHOWN]:
        source, _, ref = each.partition(" ")
        found.append(f"{'/'.join(source.split('/')[:2])} {ref}")
    return found


def _value_rows(values: Sequence[MergedValue], ci_class: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[ComparedRow]:
    found = []
    for each in values:
        attribute = find_attribute(ci_class, each.attribute, catalogue)
        cells = [to_value(one.value, viewpoint, attribute=attribute).texts if one.has_value else [] for one in each.stated]
        label = viewpoint.pick(each.label, each.attribute)
        found.append(_row(label, cells, viewpoint, mark="conflict" if each.is_conflict else "", choice=each.attribute if each.is_conflict else ""))
    return found
