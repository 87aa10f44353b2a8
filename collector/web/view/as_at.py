"""A configuration item as it was at an instant, by what was known at another, beside how it is now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from collector.web.view.label import CiLink, attribute_label, class_label, find_attribute, to_link
from collector.web.view.moment import Moment, to_moment
from collector.web.view.relation import RelationRow, to_relations
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import IDENTIFIER_WORDS, LIFECYCLES, PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiAsAt, HistoryEntry

INSTANTS_SHOWN = 12
MARKS_SHOWN = 60


class AsAtRow(Struct, frozen=True):
    """One attribute then and now. `recorded` None: nothing was on record."""

    label: str
    effective: Value
    recorded: Value | None
    now: Value
    is_changed: bool


class AsAt(Struct, frozen=True):
    """`existed` False: the CI was not known then."""

    at: Moment
    known: Moment
    existed: bool
    presence: str
    lifecycle: str
    rows: list[AsAtRow]
    name: str
    class_label: str
    is_recorded: bool
    asked_for: CiLink | None  # where it was believed to be another CI
    owner: CiLink | None
    contents: list[tuple[str, int]]
    identifiers: list[tuple[str, str]]
    relations: list[RelationRow]


class Slide(Struct, frozen=True):
    """The slider over a CI's life, in milliseconds; `earlier` and `later`: the changes before and after where it stands."""

    first: int
    last: int
    step: int
    value: int
    marks: list[int]
    earlier: int | None
    later: int | None
    text: str


class Instant(Struct, frozen=True):
    """An instant at which something changed: what a form takes, and what a reader reads."""

    value: str
    text: str


def to_as_at(then: CiAsAt, today: CiAsAt, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> AsAt:
    """Attributes that either has; those that differ first, then by label."""
    class_name = then.ci.ci_class
    rows = []
    for name in {*then.effective, *then.recorded, *today.effective, *today.recorded}:
        attribute = find_attribute(class_name, name, catalogue)
        if attribute is not None and attribute.sensitive:
            continue
        before = then.effective.get(name, then.recorded.get(name))
        after = today.effective.get(name, today.recorded.get(name))
        recorded = then.recorded.get(name)
        rows.append(
            AsAtRow(
                label=attribute_label(class_name, name, catalogue, viewpoint),
                effective=to_value(before, viewpoint, attribute=attribute),
                recorded=None if recorded is None else to_value(recorded, viewpoint, attribute=attribute),
                now=to_value(after, viewpoint, attribute=attribute),
                is_changed=before != after,
            )
        )
    return AsAt(
        at=to_moment(then.at, viewpoint),
        known=to_moment(then.known_at, viewpoint),
        existed=then.existed,
        presence=word(PRESENCES, then.presence, viewpoint),
        lifecycle=word(LIFECYCLES, then.lifecycle, viewpoint),
        rows=sorted(rows, key=lambda row: (not row.is_changed, row.label)),
        name=then.ci.name,
        class_label=class_label(class_name, catalogue, viewpoint),
        is_recorded=then.is_recorded,
        asked_for=None if then.asked_for is None else to_link(then.asked_for, catalogue, viewpoint),
        owner=None if then.owner is None else to_link(then.owner, catalogue, viewpoint),
        contents=[(class_label(name, catalogue, viewpoint), count) for name, count in then.contents.items()],
        identifiers=[(word(IDENTIFIER_WORDS, each.kind, viewpoint), each.raw) for each in then.identifiers],
        relations=to_relations(then.relations, catalogue, viewpoint),
    )


def to_slide(entries: Sequence[HistoryEntry], created_at: int, at: int | None, viewpoint: Viewpoint) -> Slide:
    """From when the CI became known until now, in steps of a second, a minute or an hour."""
    told = sorted({entry.valid_from for entry in entries if entry.valid_from <= viewpoint.now})
    first = min([created_at, *told])
    span = max(viewpoint.now - first, 1_000)
    step = 1_000 if span < 7_200_000 else 60_000 if span < 90 * 86_400_000 else 3_600_000
    value = viewpoint.now if at is None else max(first, at)
    return Slide(
        first=first,
        last=viewpoint.now,
        step=step,
        value=value,
        marks=told[-MARKS_SHOWN:],
        earlier=max((each for each in told if each < value), default=None),
        later=min((each for each in told if each > value), default=None),
        text=to_moment(value, viewpoint).exact,
    )


def parse_local(text: str | None, viewpoint: Viewpoint) -> int | None:
    """A form's `2026-03-01T11:00` in the reader's zone as an instant; None where it is none.

    An hour that the clock skips counts as the one after it, one that comes twice as the first.
    """
    try:
        return round(datetime.fromisoformat(text or "").replace(tzinfo=viewpoint.zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def list_instants(entries: Sequence[HistoryEntry], viewpoint: Viewpoint) -> list[Instant]:
    """The last instants at which something changed, newest first, each once."""
    found = dict.fromkeys(entry.valid_from // 1000 for entry in entries)
    local = [viewpoint.local(second * 1000) for second in list(found)[:INSTANTS_SHOWN]]
    return [Instant(f"{each:%Y-%m-%dT%H:%M:%S}", f"{each:%Y-%m-%d %H:%M:%S}") for each in local]
