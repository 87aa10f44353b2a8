"""Cases of identity and mass loss: opened with the finding, resolved with it, or by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert, or_, select, update

from collector.reconcile.case import StoredCase, advance_cases
from collector.reconcile.record import CaseSeed, RecordView
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.identifier import new_id
from collector.store.schema import case_member, review_case, source_record
from collector.store.statement import insert_missing, parts


def advance_stored_cases(edit: Edit, seeds: Sequence[CaseSeed], views: Mapping[int, RecordView], *, sees_namesakes: bool) -> None:
    """Open, update and resolve the cases around one neighbourhood; `sees_namesakes`: no bystander was left out."""
    stored = load_stored_cases(edit, record_ids=views, keys=[seed.key for seed in seeds])
    if not seeds and not stored:
        return
    changes = advance_cases(stored, seeds, set(views), sees_namesakes=sees_namesakes)
    for seed in changes.opened:
        open_case(edit, seed)
    for case_id, seed in changes.updated:
        _write_members(edit, case_id, seed)
    shown = {(seed.kind, seed.key): seed for seed in seeds}
    still = [(each.id, shown[each.kind, each.key]) for each in stored if each.state == "open" and (each.kind, each.key) in shown]
    _follow_links(edit, [(case_id, seed) for case_id, seed in still if case_id not in dict(changes.updated)])
    close_cases(edit, changes.resolved)


def _follow_links(edit: Edit, cases: Iterable[tuple[str, CaseSeed]]) -> None:
    """Cases of the same records, some of which got their CI only after the case was opened, or have another one now."""
    seeds = dict(cases)
    for part in parts(sorted(seeds)):
        for row in edit.connection.execute(select(review_case.c.id, review_case.c.members).where(review_case.c.id.in_(part))).all():
            if not set(_member_cis(edit, seeds[row.id])) <= set(decode(row.members) or ()):
                _write_members(edit, row.id, seeds[row.id])


def load_stored_cases(edit: Edit, *, record_ids: Collection[int] = (), keys: Collection[str] = ()) -> list[StoredCase]:
    """Open cases about these records, and cases with these keys, open or decided."""
    found: dict[str, Any] = {}
    for part in parts(sorted(record_ids)):
        members = select(case_member.c.case_id).where(case_member.c.record_id.in_(part))
        found |= {
            row.id: row for row in edit.connection.execute(select(review_case).where(review_case.c.id.in_(members), review_case.c.state == "open"))
        }
    for key_part in parts(sorted(keys)):
        decided = or_(review_case.c.state == "open", review_case.c.decision_id.is_not(None))
        found |= {row.id: row for row in edit.connection.execute(select(review_case).where(review_case.c.case_key.in_(key_part), decided))}
    return [
        StoredCase(row.id, row.kind, row.case_key, row.state, _members(edit, row.id), row.decision_id is not None) for _, row in sorted(found.items())
    ]


def open_case(edit: Edit, seed: CaseSeed) -> str:
    """A new case; its id."""
    case_id = new_id(edit.now)
    edit.connection.execute(
        insert(review_case).values(
            id=case_id,
            kind=seed.kind,
            case_key=seed.key,
            members=encode(_member_cis(edit, seed)),
            evidence=encode(seed.evidence),
            state="open",
            opened_at=edit.now,
        )
    )
    insert_missing(edit.connection, case_member, [{"case_id": case_id, "record_id": record_id} for record_id in seed.record_ids])
    return case_id


def open_case_once(edit: Edit, seed: CaseSeed) -> None:
    """A case that is not open yet and that no person has decided."""
    if not load_stored_cases(edit, keys=[seed.key]):
        open_case(edit, seed)


def close_cases(edit: Edit, case_ids: Iterable[str]) -> None:
    """Resolved by themselves: nothing shows them any more."""
    for part in parts(case_ids):
        is_open = review_case.c.id.in_(part) & (review_case.c.state == "open")
        edit.connection.execute(update(review_case).where(is_open).values(state="resolved", closed_at=edit.now))


def close_case_of(edit: Edit, key: str) -> None:
    """The open case of this key, if there is one, is resolved by itself."""
    is_it = (review_case.c.case_key == key) & (review_case.c.state == "open")
    edit.connection.execute(update(review_case).where(is_it).values(state="resolved", closed_at=edit.now))


def _write_members(edit: Edit, case_id: str, seed: CaseSeed) -> None:
    values = {"members": encode(_member_cis(edit, seed)), "evidence": encode(seed.evidence)}
    edit.connection.execute(update(review_case).where(review_case.c.id == case_id).values(**values))
    insert_missing(edit.connection, case_member, [{"case_id": case_id, "record_id": record_id} for record_id in seed.record_ids])


def _member_cis(edit: Edit, seed: CaseSeed) -> list[str]:
    """The CIs that the case is about, its records' own ones among them."""
    found = set(seed.ci_ids)
    for part in parts(seed.record_ids):
        query = select(source_record.c.ci_id).where(source_record.c.id.in_(part), source_record.c.ci_id.is_not(None))
        found.update(edit.connection.execute(query).scalars())
    return sorted(found)


def _members(edit: Edit, case_id: str) -> tuple[int, ...]:
    query = select(case_member.c.record_id).where(case_member.c.case_id == case_id).order_by(case_member.c.record_id)
    return tuple(edit.connection.execute(query).scalars())
