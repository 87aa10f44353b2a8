"""What stood before a merge, as far as it is not still there: kept with the decision, so that an un-merge restores it.

A CI that was merged into another keeps its own recorded side, tags, pins and history; what is kept here is of the survivor, and the
open questions of both. Design: docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select, update

from collector.store.ci import StoredCi
from collector.store.edit import Edit
from collector.store.past import keep_changes, keep_states_where
from collector.store.schema import difference
from collector.store.statement import parts, update_rows
from collector.store.verdict import DecisionSubject

UNDECIDED = ("open", "rejected", "ignored", "pinned", "held")
DETAIL = "merge_before"  # the name in the decision's detail


class DifferenceRow(msgspec.Struct, frozen=True, array_like=True):
    """The part of a difference that its life changes."""

    id: str
    ci_id: str
    kind: str
    attribute: str
    state: str
    decision_id: str | None
    ignore_until: int | None
    next_at: int | None
    rejected_values: bytes | None


class ViewBefore(msgspec.Struct, frozen=True, array_like=True):
    """What was observed of a CI."""

    effective_hash: bytes | None
    provenance: bytes | None
    presence: str


class LinkBefore(msgspec.Struct, frozen=True, array_like=True):
    """How a record was linked that a person linked anew."""

    rule: str | None
    made_by: str | None
    evidence: bytes | None


class MergeBefore(msgspec.Struct, frozen=True, kw_only=True):
    """Before one merge. `kept_records`: independent records of the survivor. `decided`: whether people had decided on a CI. `lent_pins`:
    (CI, attribute, decision) of pins that the survivor got. `given_tags`: tags that it got, and what they replaced.
    """

    survivor_id: str
    losers: tuple[str, ...]
    kept_records: tuple[int, ...] = ()
    decided: dict[str, bool] = {}
    differences: tuple[DifferenceRow, ...] = ()
    views: dict[str, ViewBefore] = {}
    links: dict[int, LinkBefore] = {}
    lent_pins: tuple[tuple[str, str, str, dict[str, Any] | None], ...] = ()
    given_tags: dict[str, tuple[str | None, str | None]] = {}
    choices: dict[str, str] = {}


def before_of(subject: DecisionSubject) -> MergeBefore:
    """What a merge's decision kept."""
    return msgspec.convert(subject.detail[DETAIL], MergeBefore, strict=False)


def keep_differences(edit: Edit, ci_ids: Collection[str]) -> tuple[DifferenceRow, ...]:
    """The undecided differences of these CIs."""
    columns = [difference.c[name] for name in DifferenceRow.__struct_fields__]
    found: list[DifferenceRow] = []
    for part in parts(sorted(ci_ids)):
        query = select(*columns).where(difference.c.ci_id.in_(part), difference.c.state.in_(UNDECIDED)).order_by(difference.c.id)
        found += [DifferenceRow(*row) for row in edit.connection.execute(query)]
    return tuple(found)


def supersede_differences(edit: Edit, ci_ids: Collection[str]) -> None:
    """The questions about CIs that are no more are asked of the survivor, where they still stand."""
    for part in parts(sorted(ci_ids)):
        is_it = difference.c.ci_id.in_(part) & difference.c.state.in_(UNDECIDED)
        keep_states_where(edit, is_it, "superseded")
        values = {"state": "superseded", "closed_at": edit.now, "version": difference.c.version + 1}
        edit.connection.execute(update(difference).where(is_it).values(**values))


def restore_differences(edit: Edit, before: Iterable[DifferenceRow]) -> None:
    """As they were, unless a person has said something newer of them or of their subject; what time has changed since is judged again."""
    wanted = {row.id: row for row in before}
    rows = [row for part in parts(sorted(wanted)) for row in edit.connection.execute(select(difference).where(difference.c.id.in_(part)))]
    active = _active_subjects(edit, {row.ci_id for row in rows})
    back: list[dict[str, Any]] = []
    for row in rows:
        was = wanted[row.id]
        other = active.get((row.ci_id, row.kind, row.attribute))
        if row.state == "accepted" or row.decision_id not in (None, was.decision_id) or other not in (None, row.id):
            continue
        words = {name: getattr(was, name) for name in ("state", "decision_id", "ignore_until", "next_at", "rejected_values")}
        keep_changes(edit, [(row.id, row.state, was.state)], valid_from=row.closed_at, decision_id=was.decision_id)
        back.append({"id": row.id, **words, "closed_at": None, "version": row.version + 1})
    update_rows(edit.connection, difference, back)


def _active_subjects(edit: Edit, ci_ids: Collection[str]) -> Mapping[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for part in parts(sorted(ci_ids)):
        is_it = difference.c.ci_id.in_(part) & difference.c.state.in_(UNDECIDED)
        for row in edit.connection.execute(select(difference.c.id, difference.c.ci_id, difference.c.kind, difference.c.attribute).where(is_it)):
            found[row.ci_id, row.kind, row.attribute] = row.id
    return found


def keep_views(rows: Iterable[StoredCi]) -> dict[str, ViewBefore]:
    """What is observed of these CIs now."""
    return {row.id: ViewBefore(row.effective_hash, row.provenance, row.presence) for row in rows}
