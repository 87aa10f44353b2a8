"""Relations that rows of an import state: their other ends found among what is known, written with the rest of the decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import select

from collector.imports.row import RelationText, RowFault
from collector.reconcile.record import SourceKey
from collector.store.edit import Edit
from collector.store.endpoint import find_endpoints
from collector.store.imported_row import find_named
from collector.store.recorded_relation import RelationChange, RelationWish, check_wish, plan_wish, write_relations
from collector.store.schema import relation
from collector.store.statement import parts
from muster.errors import ConflictError, InputError, NotFoundError, quote
from muster.wire.report import Endpoint

BATCH = 500


class StatedRelation(msgspec.Struct, frozen=True):
    """What a row says of the CI that it is."""

    row: int
    ci_id: str
    zone: str
    text: RelationText


def write_stated(edit: Edit, mapping: str, stated: Sequence[StatedRelation]) -> tuple[list[RelationChange], list[RowFault]]:
    """Put them on record; what changed, and the rows whose other end is none or several. A thing's one parent takes the place of another."""
    done: list[RelationChange] = []
    faults: list[RowFault] = []
    for batch in parts(stated, BATCH):
        ends = find_ends(edit, mapping, batch)
        there = _load_there(edit, {each.ci_id for each in batch})
        for each in batch:
            end = ends.get(key_of(each))
            if end is None:
                message = f"no one CI is {each.text.by} {quote(each.text.value)}; put it on record first, or say by which identifier it is known"
                faults.append(RowFault(each.row, each.text.column, quote(each.text.value), message))
            elif (each.ci_id, each.text.type, end) not in there and (end, each.text.type, each.ci_id) not in there:
                try:
                    change = check_wish(edit.connection, edit.context, RelationWish(type=each.text.type, from_key=each.ci_id, to_key=end))
                    done += write_relations(edit, edit.cause_id, plan_wish(edit, change, is_removed=False))
                except ConflictError:
                    continue  # another row of the batch said the same
                except (InputError, NotFoundError) as error:
                    faults.append(RowFault(each.row, each.text.column, quote(each.text.value), str(error)))
    return done, faults


def key_of(each: StatedRelation) -> tuple[str, str, str]:
    """What `find_ends` knows its other end by."""
    return (each.zone, each.text.by, each.text.value + "|" + each.text.ci_class)


def find_ends(edit: Edit, mapping: str, batch: Iterable[StatedRelation]) -> dict[tuple[str, str, str], str]:
    """The CIs that these name, by `key_of`; those that name none or several are left out."""
    found: dict[tuple[str, str, str], str] = {}
    wanted = {key_of(each): each for each in batch}
    named = find_named(edit.connection, {each.text.value for each in wanted.values() if each.text.by == "ci"})
    found |= {key: named[each.text.value] for key, each in wanted.items() if each.text.by == "ci" and each.text.value in named}
    for zone in sorted({each.zone for each in wanted.values()}):
        ends = {
            key: Endpoint({("hostname" if each.text.by == "name" else each.text.by): each.text.value}, each.text.ci_class or None)
            for key, each in wanted.items()
            if each.zone == zone and each.text.by != "ci"
        }
        ids = find_endpoints(edit, SourceKey("import", mapping, "", zone), ends.values())
        found |= {key: ids[packed] for key, end in ends.items() if (packed := msgspec.msgpack.encode(end)) in ids}
    return found


def _load_there(edit: Edit, ci_ids: Iterable[str]) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    wanted = sorted(ci_ids)
    for part in parts(wanted):
        columns = (relation.c.from_ci_id, relation.c.type, relation.c.to_ci_id)
        touches = relation.c.from_ci_id.in_(part) | relation.c.to_ci_id.in_(part)
        in_force = touches & (relation.c.side == "recorded") & relation.c.valid_to.is_(None)
        found |= {(row[0], row[1], row[2]) for row in edit.connection.execute(select(*columns).where(in_force))}
    return found
