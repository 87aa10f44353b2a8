"""Records that were never of this CI: split off into one of their own, by the links alone. Design: docs/merges.md.

The same path as an un-merge, for what the rules (or the first look) got wrong. Taking a split back merges again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import product

from sqlalchemy import Connection, func, insert, select, update

from collector.store.ci import StoredCi, insert_cis, load_ci, load_cis
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records
from collector.store.merge_evidence import find_misplaced, follow_evidence
from collector.store.merge_move import Returned
from collector.store.merge_side import independent_records
from collector.store.past import keep_links
from collector.store.placement import follow_owners, place_records
from collector.store.relation import retry_pending
from collector.store.schema import ci, identity_constraint, link_past, merged_ci, source, source_record
from collector.store.settle import settle
from collector.store.source_record import StoredRecord, load_records
from collector.store.statement import parts, update_rows
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import ConflictError, InputError, NotFoundError, quote

PAIRS_LIMIT = 10_000


def split_records(connection: Connection, context: Context, ci_key: str, records: Sequence[str], *, actor: str, now: int, reason: str = "") -> str:
    """Records of a CI become another CI; the decision's id. `records`: numbers, or `kind/name/instance` with or without ` REF`.

    The CI that they were before the rules joined it with this one comes back, where there was one; else they are a new one. Raises
    NotFoundError, InputError for a name that means no record, ConflictError (`nothing-left`) where none would stay.
    """
    row = load_ci(connection, ci_key)
    if row.owner_ci_id is not None:
        raise ConflictError(f"{row.name} is part of another CI and follows it; split the records of the CI that has it", code="part")
    made = Made(new_id(now), "split", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    own = independent_records(connection, [row.id])[row.id]
    gone = _find_records(edit, row, own, records)
    if len(gone) == len(own) and not row.is_recorded:
        raise ConflictError(f"nothing would be left of {row.name}: it is made of these records alone", code="nothing-left")
    settle(edit, _carry_out(edit, made, row, sorted(gone), sorted(set(own) - gone)))
    return made.id


def _find_records(edit: Edit, row: StoredCi, own: Collection[int], names: Iterable[str]) -> set[int]:
    """The records that are named; each name must mean at least one."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    columns = (source_record.c.id, source_record.c.ref, source.c.kind, source.c.name, source.c.instance)
    known: dict[str, set[int]] = {}
    for part in parts(sorted(own)):
        for each in edit.connection.execute(select(*columns).select_from(joined).where(source_record.c.id.in_(part))):
            text = f"{each.kind}/{each.name}/{each.instance}"
            for name in (str(each.id), text, f"{text} {each.ref}"):
                known.setdefault(name, set()).add(each.id)
    found: set[int] = set()
    for name in names:
        if name not in known:
            told = ", ".join(sorted(each for each in known if " " in each)[:10])
            made_of = f"it is made of {told}" if told else "no source reports it"
            raise NotFoundError(f"{row.name} has no record {quote(name)}; {made_of}")
        found |= known[name]
    if not found:
        raise InputError("name the records that are another CI", path="records")
    return found


def _carry_out(edit: Edit, made: Made, row: StoredCi, gone: Sequence[int], left: Sequence[int]) -> set[str]:
    target = _find_former(edit, row, gone) or _make(edit, row, gone)
    keep_links(edit, [(each, row.id) for each in gone])
    words = {"ci_id": target.id, "link_made_by": made.made_by if not left else "engine", "link_rule": "person", "linked_at": edit.now}
    update_rows(edit.connection, source_record, [{"id": each, **words} for each in gone])
    pairs = list(product(gone, left))[:PAIRS_LIMIT]
    constraints = [{"kind": "cannot_link", "left_record_id": one, "right_record_id": other} for one, other in pairs]
    shared = {"decision_id": made.id, "created_at": edit.now}
    ids: tuple[int, ...] = ()
    if constraints:
        statement = insert(identity_constraint).returning(identity_constraint.c.id)
        ids = tuple(edit.connection.execute(statement, [{**each, **shared} for each in constraints]).scalars())
    if not left:  # what is on record alone has no record of its own to be kept apart from: people decided on both
        update_rows(edit.connection, ci, [{"id": each, "has_decisions": True} for each in (row.id, target.id)])
    edit.note(row.id, "identity", "split", NO_VALUE, target.id)
    linked = identify_records(edit, {*gone, *left})
    returned = Returned(redirects={target.id: row.id}, records=dict.fromkeys(gone, target.id))
    touched = follow_evidence(edit, returned, 0)
    placed = place_again(edit, {*gone, *linked.moved}, {row.id, target.id})
    touched |= retry_pending(edit)
    detail = {"ci": row.id, "into": target.id, "records": len(gone)}
    save_decision(edit, made, DecisionSubject(constraint_ids=ids, detail=detail))
    return {row.id, target.id, *touched, *linked.touched, *placed}


def _find_former(edit: Edit, row: StoredCi, gone: Sequence[int]) -> StoredCi | None:
    """The CI that most of the records were when the rules joined it with this one; one that a person merged is not meant."""
    by_person = select(merged_ci.c.loser_id).where(merged_ci.c.undone_by.is_(None))
    joined = link_past.join(ci, ci.c.id == link_past.c.ci_id)
    is_it = link_past.c.record_id.in_(list(gone)) & (ci.c.redirect_to == row.id) & ci.c.id.not_in(by_person) & ci.c.owner_ci_id.is_(None)
    query = select(ci.c.id).select_from(joined).where(is_it).group_by(ci.c.id, ci.c.number)
    former = edit.connection.execute(query.order_by(func.count().desc(), ci.c.number).limit(1)).scalar()
    if former is None:
        return None
    edit.connection.execute(update(ci).where(ci.c.id == former).values(redirect_to=None, changed_at=edit.now))
    edit.note(former, "identity", "redirect_to", row.id, NO_VALUE)
    return load_cis(edit.connection, [former])[former]


def _make(edit: Edit, row: StoredCi, gone: Sequence[int]) -> StoredCi:
    first = min(load_records(edit.connection, gone), key=lambda each: (each.first_seen_at, each.id))
    made = StoredCi(
        id=new_id(edit.now),
        number=edit.take_number(),
        ci_class=first.ci_class,
        name=first.ref,
        zone=row.zone,
        control_level=edit.class_of(first.ci_class).control,
        created_at=edit.now,
        changed_at=edit.now,
    )
    insert_cis(edit.connection, [made])
    edit.note(made.id, "identity", "", NO_VALUE, {"class": made.ci_class, "ref": first.ref, "split_from": row.id}, valid_from=first.first_seen_at)
    return made


def place_again(edit: Edit, moved: Collection[int], ci_ids: Collection[str]) -> set[str]:
    """Place the parts of records whose CI is another now, and those that hang on a wrong owner; the CIs touched.

    What is there goes first: what was last seen elsewhere stays with the CI that it was, wherever that goes with the others.
    """
    wrong = find_misplaced(edit, ci_ids)
    touched = _place_by_source(edit, [*follow_owners(edit, moved), *(each for each in wrong if _is_there(each))])
    return touched | _place_by_source(edit, find_misplaced(edit, {*ci_ids, *touched}))


def _is_there(record: StoredRecord) -> bool:
    return record.closed_at is None and not record.misses and not record.is_absent


def _place_by_source(edit: Edit, records: Iterable[StoredRecord]) -> set[str]:
    """Source by source, so that a part that several see becomes one CI."""
    by_source: dict[int, dict[int, StoredRecord]] = {}
    for each in records:
        by_source.setdefault(each.source_id, {})[each.id] = each
    return {ci_id for _, each in sorted(by_source.items()) for ci_id in place_records(edit, each.values()).touched}
