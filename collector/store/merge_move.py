"""What a merge moves, written down row by row so that an un-merge can give it back: links, parts, ends of relations, states.

A row goes back only from where the merge put it (or from what that became since): what a later merge or a person took elsewhere stays
there. Design: docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Table, Text, cast, insert, literal, select, update

from collector.store.ci import load_cis, resolve
from collector.store.edit import Edit
from collector.store.past import correct_owners, keep_ends_where, keep_links_where
from collector.store.schema import check_state, ci, moved_row, portable_key, relation, source_record, transition
from collector.store.statement import insert_missing, parts, update_rows

MoveKind = Literal["record", "part", "redirect", "relation_from", "relation_to", "transition", "check", "portable_key"]
# Rows that name a CI in one column, found by their number.
_NUMBERED: Mapping[MoveKind, tuple[Table, Column[Any]]] = {
    "record": (source_record, source_record.c.ci_id),
    "relation_from": (relation, relation.c.from_ci_id),
    "relation_to": (relation, relation.c.to_ci_id),
    "transition": (transition, transition.c.ci_id),
    "check": (check_state, check_state.c.ci_id),
}


@dataclass(frozen=True)
class Course:
    """The decision under which rows move, and the CI with which they go."""

    edit: Edit
    decision_id: str
    loser_id: str

    def note(self, kind: MoveKind, moved: Mapping[str, tuple[str, str]]) -> None:
        """Row to (whose it was, whose it is)."""
        shared = {"decision_id": self.decision_id, "loser_id": self.loser_id, "kind": kind}
        rows = [{**shared, "row_key": key, "from_ci_id": old, "to_ci_id": new} for key, (old, new) in sorted(moved.items())]
        if rows:
            self.edit.connection.execute(insert(moved_row), rows)


def move_rows(course: Course, moved: Mapping[str, str]) -> None:
    """Move all that names a CI of `moved` to the CI that it becomes. Links, relations and states of every time go along."""
    for kind, (table, column) in _NUMBERED.items():
        for gone, survivor in sorted(moved.items()):
            chosen = (column == gone) & _is_free(survivor) if kind == "check" else column == gone
            words = {"decision_id": course.decision_id, "loser_id": course.loser_id, "kind": kind, "to_ci_id": survivor}
            told = [literal(value, moved_row.c[name].type) for name, value in words.items()]
            query = select(*told, cast(table.c.id, Text), column).where(chosen)
            noted = insert(moved_row).from_select([*words, "row_key", "from_ci_id"], query)
            if course.edit.connection.execute(noted).rowcount:
                _keep(course.edit, kind, chosen)
                course.edit.connection.execute(update(table).where(chosen).values({column.name: survivor}))


def _keep(edit: Edit, kind: MoveKind, chosen: ColumnElement[bool]) -> None:
    if kind == "record":
        keep_links_where(edit, chosen)
    elif kind in ("relation_from", "relation_to"):
        keep_ends_where(edit, chosen)


def _is_free(survivor: str) -> Any:
    """A check that the survivor has from the same source keeps its own word; the other's stays where it is."""
    held = check_state.alias("held")
    same = (held.c.check_name == check_state.c.check_name) & (held.c.source_id == check_state.c.source_id)
    return ~select(held.c.id).where(held.c.ci_id == survivor, same).exists()


def move_parts(course: Course, moved: Mapping[str, tuple[str, str]], zones: Mapping[str, str]) -> None:
    """Parts that have no counterpart get another owner: part to (old owner, new owner). `zones`: of the new owners."""
    course.note("part", moved)
    now = course.edit.now
    rows = [{"id": part_id, "owner_ci_id": new, "zone": zones[new], "changed_at": now} for part_id, (_, new) in sorted(moved.items())]
    update_rows(course.edit.connection, ci, rows)
    correct_owners(course.edit, moved)


def redirect(course: Course, moved: Mapping[str, str]) -> None:
    """The addresses of these CIs lead to others from now on."""
    course.note("redirect", {gone: (gone, survivor) for gone, survivor in moved.items()})
    rows = [{"id": gone, "redirect_to": survivor, "changed_at": course.edit.now} for gone, survivor in sorted(moved.items())]
    update_rows(course.edit.connection, ci, rows)


def lend_portable_keys(course: Course, moved: Mapping[str, str]) -> None:
    """The survivor of a part is found by the keys of both."""
    connection = course.edit.connection
    rows = [row for part in parts(sorted({*moved, *moved.values()})) for row in connection.execute(select(portable_key).where(_of(part)))]
    held = {(row.ci_id, row.key) for row in rows}
    lent = [row for row in rows if row.ci_id in moved and (moved[row.ci_id], row.key) not in held]
    insert_missing(connection, portable_key, [{"ci_class": row.ci_class, "key": row.key, "ci_id": moved[row.ci_id]} for row in lent])
    course.note("portable_key", {f"{row.ci_class}|{row.key}": (row.ci_id, moved[row.ci_id]) for row in lent})


def _of(ci_ids: Collection[str]) -> Any:
    return portable_key.c.ci_id.in_(ci_ids)


@dataclass
class Returned:
    """What went back. `redirects`: CI to the one it led to; `parts`: part to its owner; `records`: record to its CI; `holders`: where
    rows were put to who has them now."""

    redirects: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    records: dict[int, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)

    @property
    def touched(self) -> set[str]:
        """Every CI on one side or the other."""
        return {*self.redirects, *self.redirects.values(), *self.parts, *self.parts.values(), *self.records.values(), *self.holders.values()}


def give_back(edit: Edit, decision_id: str, losers: Collection[str]) -> Returned:
    """Move back what a merge took from these CIs and their parts, as far as it is still where it was put."""
    is_it = (moved_row.c.decision_id == decision_id) & moved_row.c.loser_id.in_(sorted(losers))
    rows = edit.connection.execute(select(moved_row).where(is_it).order_by(moved_row.c.id)).all()
    returned = Returned(holders={each: resolve(edit.connection, each).id for each in sorted({row.to_ci_id for row in rows})})
    by_kind: dict[str, list[Any]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    _lead_back(edit, by_kind.get("redirect", ()), returned)
    _own_back(edit, by_kind.get("part", ()), returned)
    for kind in _NUMBERED:
        _number_back(edit, kind, by_kind.get(kind, ()), returned)
    _take_lent(edit, by_kind.get("portable_key", ()), returned)
    return returned


def _lead_back(edit: Edit, rows: Iterable[Any], returned: Returned) -> None:
    returned.redirects = {row.row_key: returned.holders[row.to_ci_id] for row in rows}
    for part in parts(sorted(returned.redirects)):
        edit.connection.execute(update(ci).where(ci.c.id.in_(part)).values(redirect_to=None, changed_at=edit.now))


def _own_back(edit: Edit, rows: Iterable[Any], returned: Returned) -> None:
    wanted = {row.row_key: row for row in rows}
    for part in parts(sorted(wanted)):
        for part_id, owner in edit.connection.execute(select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(part))):
            row = wanted[part_id]
            if owner == returned.holders[row.to_ci_id]:
                returned.parts[part_id] = row.from_ci_id
    correct_owners(edit, {part_id: (returned.holders[wanted[part_id].to_ci_id], owner) for part_id, owner in returned.parts.items()})
    owners = load_cis(edit.connection, returned.parts.values())
    rows_back = [
        {"id": each, "owner_ci_id": owner, "zone": owners[owner].zone, "changed_at": edit.now} for each, owner in sorted(returned.parts.items())
    ]
    update_rows(edit.connection, ci, rows_back)


def _number_back(edit: Edit, kind: MoveKind, rows: Iterable[Any], returned: Returned) -> None:
    table, column = _NUMBERED[kind]
    wanted = {int(row.row_key): row for row in rows}
    back: list[dict[str, Any]] = []
    for part in parts(sorted(wanted)):
        for number, ci_id in edit.connection.execute(select(table.c.id, column).where(table.c.id.in_(part))):
            row = wanted[number]
            if ci_id == returned.holders[row.to_ci_id]:
                back.append({"id": number, column.name: row.from_ci_id})
                if kind == "record":
                    returned.records[number] = row.from_ci_id
    for part in parts([row["id"] for row in back]):
        _keep(edit, kind, table.c.id.in_(part))
    update_rows(edit.connection, table, back)


def _take_lent(edit: Edit, rows: Iterable[Any], returned: Returned) -> None:
    for row in rows:
        ci_class, key = row.row_key.split("|", 1)
        table = portable_key.c
        is_it = (table.ci_class == ci_class) & (table.key == key) & (table.ci_id == returned.holders[row.to_ci_id])
        edit.connection.execute(portable_key.delete().where(is_it))
