"""A configuration item as it was at an instant, by what was known at another, beside how it is now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from collector.web.view.label import attribute_label, find_attribute
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import Value, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import LIFECYCLES, PRESENCES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiAsAt, HistoryEntry

INSTANTS_SHOWN = 12


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
