"""Recorded values that a merge left undecided: kept beside the record, and asked as differences until somebody chooses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from collector.reconcile.difference import DifferenceSeed
from collector.reconcile.union import PIN, TAG, Conflict, conflict_seed
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.observed_view import View
from collector.store.schema import recorded_conflict
from collector.store.statement import insert_or_replace, parts


def keep_conflicts(edit: Edit, decision_id: str, ci_id: str, conflicts: Iterable[Conflict]) -> None:
    """Keep what the first of the others had on record, where no choice was made."""
    rows = []
    for each in conflicts:
        if each.chosen is None and not each.attribute.startswith((TAG, PIN)):
            other = next(value for _, value in each.values[1:] if encode(value) != encode(each.values[0][1]))
            rows.append({"ci_id": ci_id, "attribute": each.attribute, "value": encode(other), "decision_id": decision_id})
    insert_or_replace(edit.connection, recorded_conflict, rows)


def drop_conflicts(edit: Edit, decision_id: str) -> None:
    """The merge is taken back, and its questions with it."""
    edit.connection.execute(delete(recorded_conflict).where(recorded_conflict.c.decision_id == decision_id))


def load_conflicts(edit: Edit, ci_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """By CI and attribute what stands against the record."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts(sorted(ci_ids)):
        for row in edit.connection.execute(select(recorded_conflict).where(recorded_conflict.c.ci_id.in_(part))):
            found.setdefault(row.ci_id, {})[row.attribute] = decode(row.value)
    return found


def ask_conflicts(edit: Edit, view: View, conflicts: Mapping[str, Any], seeds: Sequence[DifferenceSeed]) -> list[DifferenceSeed]:
    """A question for each that is still one; what is observed otherwise anyway is asked as that."""
    asked = {seed.attribute for seed in seeds if seed.kind == "changed_attribute"}
    ci_class = edit.class_of(view.ci.ci_class)
    return [
        conflict_seed(ci_class, view.ci.id, attribute, view.recorded.get(attribute), value)
        for attribute, value in sorted(conflicts.items())
        if attribute not in asked and encode(view.recorded.get(attribute)) != encode(value)
    ]
