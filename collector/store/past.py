"""What links, ends of relations and states of differences were until they change: kept beside the rows that say what they are.

Call these before the rows are written; nothing here is ever changed or removed. Reading: `as_of_link.py`, `read_as_of.py`. Design:
docs/time.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, cast, insert, literal, select

from collector.store.edit import Edit
from collector.store.schema import ci, difference, difference_state, history, link_past, relation, relation_past, source_record
from collector.store.statement import parts


def keep_links(edit: Edit, moved: Iterable[tuple[int, str | None]]) -> None:
    """Which CI each of these records belonged to until now; None: none yet."""
    rows = [{"record_id": record_id, "ci_id": ci_id, "known_to": edit.now} for record_id, ci_id in moved if ci_id is not None]
    if rows:
        edit.connection.execute(insert(link_past), rows)


def keep_links_where(edit: Edit, condition: ColumnElement[bool]) -> None:
    """The same of all records that a condition on `source_record` finds."""
    query = select(source_record.c.id, source_record.c.ci_id, _now(edit)).where(condition, source_record.c.ci_id.is_not(None))
    edit.connection.execute(insert(link_past).from_select(["record_id", "ci_id", "known_to"], query))


def keep_ends(edit: Edit, moved: Iterable[tuple[int, str | None, str | None]]) -> None:
    """Which CIs each of these relations joined until now, from and to."""
    rows = [{"relation_id": each, "from_ci_id": one, "to_ci_id": other, "known_to": edit.now} for each, one, other in moved]
    if rows:
        edit.connection.execute(insert(relation_past), rows)


def keep_ends_where(edit: Edit, condition: ColumnElement[bool]) -> None:
    """The same of all that a condition on `relation` finds."""
    query = select(relation.c.id, relation.c.from_ci_id, relation.c.to_ci_id, _now(edit)).where(condition)
    edit.connection.execute(insert(relation_past).from_select(["relation_id", "from_ci_id", "to_ci_id", "known_to"], query))


def keep_changes(edit: Edit, changes: Iterable[tuple[str, str, str]], *, valid_from: int | None = None, decision_id: str | None = None) -> None:
    """States that differences get: (difference, before, after); those that have it already are left out.

    `valid_from`: of a decision that is taken back the instant at which it was made: as known since, it never was. `decision_id`: the
    one in force afterwards.
    """
    shared = {"valid_from": edit.now if valid_from is None else valid_from, "known_from": edit.now, "decision_id": decision_id}
    rows = [{"difference_id": each, "old_state": old, "new_state": new, **shared} for each, old, new in changes if old != new]
    if rows:
        edit.connection.execute(insert(difference_state), rows)


def keep_states_where(edit: Edit, condition: ColumnElement[bool], state: str) -> None:
    """The state that all differences get that a condition finds."""
    words = [literal(state), _now(edit), _now(edit)]
    query = select(difference.c.id, difference.c.state, *words).where(condition, difference.c.state != state)
    columns = ["difference_id", "old_state", "new_state", "valid_from", "known_from"]
    edit.connection.execute(insert(difference_state).from_select(columns, query))


def correct_owners(edit: Edit, moved: Mapping[str, tuple[str, str]]) -> None:
    """Parts that belong to another owner because CIs were found to be one, or not: as known from now on, they always did.

    `moved`: part to (owner until now, owner).
    """
    for part in parts(sorted(moved)):
        for row in edit.connection.execute(select(ci.c.id, ci.c.created_at).where(ci.c.id.in_(part))).all():
            edit.note(row.id, "identity", "owner", *moved[row.id], valid_from=row.created_at)


def correct_back(edit: Edit, since: int) -> None:
    """What a decision wrote on record and is taken back now never was so: the gathered lines are valid from its instant on, but for
    values of which something else has become valid meanwhile."""
    lines = edit.gathered(("recorded", "lifecycle"))
    later: set[tuple[str, str, str]] = set()
    columns = (history.c.ci_id, history.c.layer, history.c.attribute)
    for part in parts(sorted({line["ci_id"] for line in lines})):
        is_later = history.c.ci_id.in_(part) & history.c.layer.in_(("recorded", "lifecycle")) & (history.c.valid_from > since)
        later.update((row[0], row[1], row[2]) for row in edit.connection.execute(select(*columns).where(is_later)))
    for line in lines:
        if (line["ci_id"], line["layer"], line["attribute"]) not in later:
            line["valid_from"] = since


def _now(edit: Edit) -> Any:
    return cast(literal(edit.now), link_past.c.known_to.type)
