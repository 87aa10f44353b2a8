"""The review queue: groups of one cause, and the chosen difference side by side, recorded beside observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from collector.web.view.label import CiLink, class_label, find_attribute, service_path, source_text, to_link
from collector.web.view.moment import Moment, maybe_moment, say_short, to_moment
from collector.web.view.value import Value, say_plain, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.word_change import Piece, mark_words
from collector.web.view.wording import DECISIONS, DIFFERENCE_KINDS, DIFFERENCE_SENTENCES, DIFFERENCE_STATES, RISKS, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import DecisionView, DifferenceGroup, DifferenceView, Fact

SERVICES_SHOWN = 3


class GroupRow(Struct, frozen=True):
    """One cause. `title` says what, `old` → `new` how, `scope` on how many."""

    key: str
    query: str
    kind: str
    kind_key: str
    title: str
    old: str
    new: str
    scope: str
    count: int
    class_label: str
    risk: str
    risk_level: int
    age: str
    newest: Moment
    source: str = ""
    change: str = ""
    unauthorised: int = 0
    unauthorised_part: int = 0  # where they are not all
    flaps: int = 0
    services: list[str] = []
    more_services: int = 0


class Side(Struct, frozen=True):
    """Recorded or observed: marked words of a text, or members of a list with those that only this side has."""

    pieces: list[Piece]
    members: list[Piece]
    is_missing: bool
    exact: str = ""


class AttributeRow(Struct, frozen=True):
    """One attribute of a CI that is new or gone."""

    label: str
    value: Value


class Step(Struct, frozen=True):
    """One value that the observation passed through."""

    at: Moment
    text: str


class DifferencePanel(Struct, frozen=True):
    """The chosen difference."""

    id: str
    token: str
    kind: str
    kind_key: str
    state: str
    state_key: str
    is_decidable: bool
    ci: CiLink
    owner: CiLink | None
    attribute: str
    label: str
    recorded: Side
    observed: Side
    attributes: list[AttributeRow]
    source: str
    opened: Moment
    confirmed: Moment
    ignore_until: Moment | None
    decided_by: str
    reason: str
    explanation: str
    services: list[tuple[str, str]]
    trail: list[Step]
    risk: str
    risk_level: int
    change: str = ""
    is_unauthorised: bool = False
    flaps: int = 0
    waiting_id: str = ""
    waiting_by: str = ""
    other: CiLink | None = None


class DifferenceRow(Struct, frozen=True):
    """One difference in the list of its group."""

    id: str
    token: str
    name: str
    label: str
    owner: str
    old: str
    new: str
    age: str
    is_chosen: bool


class DoneBar(Struct, frozen=True):
    """What was just done, with its undo."""

    decision_id: str
    text: str
    is_undoable: bool


def to_group(group: DifferenceGroup, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> GroupRow:
    """A row of the queue: `Kernel 6.1.0-18 → 6.1.0-21`, or `+3 listening services`."""
    label = class_label(group.ci_class, catalogue, viewpoint)
    attribute = find_attribute(group.ci_class, group.attribute, catalogue)
    is_change = group.kind in {"changed_attribute", "class_changed"}
    old = to_value(group.recorded, viewpoint, attribute=attribute).text if is_change and group.count == 1 else ""
    new = to_value(group.observed, viewpoint, attribute=attribute).text if is_change else ""
    if is_change:
        title = viewpoint.pick(group.label, group.attribute) or word(DIFFERENCE_KINDS, group.kind, viewpoint)
        scope = group.example.name if group.ci_count == 1 else f"{label} × {group.ci_count:,}"
    elif group.kind.endswith("_relation"):
        sign = "−" if group.kind.startswith("absent") else "+"  # a minus sign
        title = f"{sign} {viewpoint.pick(group.label, group.attribute)}"
        new = group.other.name if group.other is not None else ""
        scope = group.example.name if group.ci_count == 1 else f"{label} × {group.ci_count:,}"
    else:
        sign = "−" if group.kind.startswith("absent") else "+"  # a minus sign
        title = f"{sign}{group.count:,} {label}"
        scope = group.example.name if group.count == 1 else viewpoint.say("such as %(name)s", name=group.example.name)
    return GroupRow(
        key=group.group_key,
        query=quote(group.group_key, safe=""),
        kind=word(DIFFERENCE_KINDS, group.kind, viewpoint),
        kind_key=group.kind,
        title=title,
        old=old,
        new=new,
        scope=scope,
        count=group.count,
        class_label=label,
        risk=word(RISKS, group.risk, viewpoint),
        risk_level=group.risk,
        age=say_short(max(viewpoint.now - group.oldest_at, 0), viewpoint),
        newest=to_moment(group.newest_at, viewpoint),
        source=", ".join(group.sources),
        change=group.change_id or "",
        unauthorised=group.unauthorised,
        unauthorised_part=group.unauthorised if group.unauthorised != group.count else 0,
        flaps=group.flaps,
        services=group.services[:SERVICES_SHOWN],
        more_services=max(0, len(group.services) - SERVICES_SHOWN),
    )


def to_difference_row(difference: DifferenceView, chosen: str | None, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> DifferenceRow:
    """One row of the chosen group."""
    attribute = find_attribute(difference.ci.ci_class, difference.attribute, catalogue)
    is_change = difference.kind in {"changed_attribute", "class_changed"}
    return DifferenceRow(
        id=difference.id,
        token=difference.observed_token,
        name=difference.ci.name or f"#{difference.ci.number}",
        label=viewpoint.pick(difference.label, difference.attribute) if is_change else word(DIFFERENCE_KINDS, difference.kind, viewpoint),
        owner=difference.owner.name if difference.owner else "",
        old=to_value(difference.recorded, viewpoint, attribute=attribute).text if is_change else "",
        new=to_value(difference.observed, viewpoint, attribute=attribute).text if is_change else "",
        age=say_short(max(viewpoint.now - difference.opened_at, 0), viewpoint),
        is_chosen=difference.id == chosen,
    )


def to_panel(difference: DifferenceView, facts: Sequence[Fact], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> DifferencePanel:
    """The chosen difference; `facts` are those of its CI, shown where the whole CI is new or gone."""
    class_name = difference.ci.ci_class
    attribute = find_attribute(class_name, difference.attribute, catalogue)
    is_whole = difference.kind in {"new_ci", "absent_ci"}
    recorded, observed = _sides(difference, viewpoint)
    shown = [each for each in facts if each.has_effective or each.has_recorded] if is_whole else []
    return DifferencePanel(
        id=difference.id,
        token=difference.observed_token,
        kind=word(DIFFERENCE_KINDS, difference.kind, viewpoint),
        kind_key=difference.kind,
        state=word(DIFFERENCE_STATES, difference.state, viewpoint),
        state_key=difference.state,
        is_decidable=difference.state in {"open", "rejected", "ignored", "held"},
        ci=to_link(difference.ci, catalogue, viewpoint),
        owner=None if difference.owner is None else to_link(difference.owner, catalogue, viewpoint),
        attribute=difference.attribute,
        label=viewpoint.pick(difference.label, difference.attribute) or class_label(class_name, catalogue, viewpoint),
        recorded=recorded,
        observed=observed,
        attributes=[
            AttributeRow(
                viewpoint.pick(each.label, each.attribute),
                to_value(
                    each.effective if each.has_effective else each.recorded,
                    viewpoint,
                    attribute=find_attribute(class_name, each.attribute, catalogue),
                ),
            )
            for each in shown
        ],
        source=source_text(difference.source),
        opened=to_moment(difference.opened_at, viewpoint),
        confirmed=to_moment(difference.confirmed_at, viewpoint),
        ignore_until=maybe_moment(difference.ignore_until, viewpoint),
        decided_by=(difference.decided_by or "").removeprefix("person:"),
        reason=difference.reason,
        explanation=_explain(difference, viewpoint),
        services=[(each, service_path(each)) for each in difference.services],
        trail=[Step(to_moment(at, viewpoint), to_value(value, viewpoint, attribute=attribute).text) for at, value in difference.trail[-8:]],
        risk=word(RISKS, difference.risk, viewpoint),
        risk_level=difference.risk,
        change=difference.change_id or "",
        is_unauthorised=difference.is_unauthorised,
        flaps=difference.flaps,
        waiting_id=difference.waiting_id or "",
        waiting_by=(difference.waiting_by or "").removeprefix("person:"),
        other=None if difference.other is None else to_link(difference.other, catalogue, viewpoint),
    )


def _sides(difference: DifferenceView, viewpoint: Viewpoint) -> tuple[Side, Side]:
    """Of a relation its other end by name."""
    if difference.kind in {"new_ci", "absent_ci"}:
        return _NOTHING, _NOTHING
    if difference.kind.endswith("_relation"):
        name = difference.other.name if difference.other is not None else ""
        recorded = None if difference.recorded is None else name if difference.observed is None else str(difference.recorded.get("to", ""))
        return to_sides(recorded, None if difference.observed is None else name, viewpoint)
    return to_sides(difference.recorded, difference.observed, viewpoint)


def _explain(difference: DifferenceView, viewpoint: Viewpoint) -> str:
    """Why there is a difference; the store's own sentence for a kind that has none here."""
    sentence = DIFFERENCE_SENTENCES.get(difference.kind)
    if sentence is None:
        return difference.explanation
    return viewpoint.say(sentence, source=source_text(difference.source) or viewpoint.say("a source"))


_NOTHING = Side([], [], is_missing=True)


def to_sides(recorded: Any, observed: Any, viewpoint: Viewpoint) -> tuple[Side, Side]:
    """Recorded and observed, with what differs marked: members of lists, else words."""
    if isinstance(recorded, list) or isinstance(observed, list):
        old = [say_plain(each, viewpoint) for each in recorded or []]
        new = [say_plain(each, viewpoint) for each in observed or []]
        return _list_side(old, new, recorded), _list_side(new, old, observed)
    left = "" if recorded is None else to_value(recorded, viewpoint).text
    right = "" if observed is None else to_value(observed, viewpoint).text
    pieces = mark_words(left, right)
    return Side(pieces[0], [], is_missing=recorded is None), Side(pieces[1], [], is_missing=observed is None)


def to_done(decision: DecisionView, viewpoint: Viewpoint) -> DoneBar:
    """The bar after a decision; what is an undo, or undone, has none itself."""
    said = word(DECISIONS, decision.kind, viewpoint)
    number = len(decision.difference_ids)
    text = viewpoint.count("%(number)s difference: %(what)s", "%(number)s differences: %(what)s", number, what=said) if number else said
    return DoneBar(decision.id, text, decision.kind != "undo" and decision.undone_by is None)


def _list_side(own: list[str], other: list[str], value: Any) -> Side:
    return Side([], [Piece(each, each not in set(other)) for each in own], is_missing=value is None)
