"""Changes as a time line: what changed from what to what, when it was true, when it became known, and why."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.web.view.label import CiLink, attribute_label, find_attribute, source_text, to_link
from collector.web.view.moment import DAY_MS, Moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.word_change import Piece, mark_words
from collector.web.view.wording import CAUSES, DIFFERENCE_STATES, IDENTITY_CHANGES, LAYERS, LIFECYCLES, PRESENCES, relation_word, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef, HistoryEntry


class ChangeRow(Struct, frozen=True):
    """One change. `old` None: there was nothing; `new` None: nothing is left. `is_late`: known more than a day after it was true."""

    ci: CiLink | None
    layer: str
    layer_key: str
    label: str
    old: list[Piece] | None
    new: list[Piece] | None
    at: Moment
    known: Moment
    is_late: bool
    cause: str
    by: str
    day: str


def to_changes(entries: Sequence[HistoryEntry], catalogue: ClassCatalogue, viewpoint: Viewpoint, subject: CiRef | None = None) -> list[ChangeRow]:
    """In the order given. `subject`: the CI whose page shows them, which then is not named on each row."""
    return [to_change(each, catalogue, viewpoint, subject) for each in entries]


def to_change(entry: HistoryEntry, catalogue: ClassCatalogue, viewpoint: Viewpoint, subject: CiRef | None = None) -> ChangeRow:
    """One row."""
    ci = entry.ci or subject
    class_name = ci.ci_class if ci else ""
    old, new = _text(entry, entry.old_value, class_name, catalogue, viewpoint), _text(entry, entry.new_value, class_name, catalogue, viewpoint)
    pieces = mark_words(old.text, new.text) if old and new else (None, None)
    is_own = ci is None or (subject is not None and ci.id == subject.id)
    return ChangeRow(
        ci=None if is_own or ci is None else to_link(ci, catalogue, viewpoint),
        layer=word(LAYERS, entry.layer, viewpoint),
        layer_key=entry.layer,
        label=_label(entry, class_name, catalogue, viewpoint),
        old=pieces[0] or ([Piece(old.text, False)] if old else None),
        new=pieces[1] or ([Piece(new.text, False)] if new else None),
        at=to_moment(entry.valid_from, viewpoint),
        known=to_moment(entry.known_from, viewpoint),
        is_late=entry.known_from - entry.valid_from > DAY_MS,
        cause=word(CAUSES, entry.cause_kind, viewpoint),
        by=entry.actor.removeprefix("person:") if entry.actor else source_text(entry.source),
        day=f"{viewpoint.local(entry.valid_from):%Y-%m-%d}",
    )


def _label(entry: HistoryEntry, class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> str:
    if entry.attribute and entry.layer in {"observed", "recorded"}:
        return attribute_label(class_name, entry.attribute, catalogue, viewpoint)
    if entry.layer == "recorded":
        return viewpoint.say("put on record") if entry.new_value else viewpoint.say("taken off record")
    if entry.layer == "observed":
        return viewpoint.say("first observed")
    if entry.layer == "identity":
        return word(IDENTITY_CHANGES, entry.attribute, viewpoint)
    if entry.layer == "relation":
        return relation_word("out", entry.attribute.partition(":")[0], viewpoint)
    return entry.attribute or word(LAYERS, entry.layer, viewpoint)


def _text(entry: HistoryEntry, value: object, class_name: str, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> Value | None:
    if entry.layer == "source" and isinstance(value, dict):
        return Value([str(value.get("source", ""))])
    if value is None or isinstance(value, dict) or (entry.layer == "recorded" and not entry.attribute):
        return None
    tables = {"presence": PRESENCES, "lifecycle": LIFECYCLES, "difference": DIFFERENCE_STATES}
    if entry.layer in tables:
        return Value([word(tables[entry.layer], value, viewpoint)])
    return to_value(value, viewpoint, attribute=find_attribute(class_name, entry.attribute, catalogue))
