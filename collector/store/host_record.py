"""Independent items against the records under their refs: is it the same thing still, and did its claims change?

The native key holds unless a veto fires (`collector/reconcile/native.py`); a contradicted record is closed, never rewritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from collector.reconcile.claim import claims_changed, claims_of, split_claims, succeed, vendor_of
from collector.reconcile.native import match_native
from collector.reconcile.record import Claim, RecordView
from collector.store.claim import find_quarantined, load_claims, mark_quarantined, save_claims
from collector.store.delivery import Delivery, TakenItem
from collector.store.edit import Edit
from collector.store.inventory import Inventory, add_records, adopt_children, change_record, is_as_before, keep_contents, new_record
from collector.store.record_view import load_views
from collector.store.source_record import StoredRecord, insert_records, load_refs, save_observations, update_records

ENROL_AGAIN = "enrol_again"  # in the answer: another machine has this enrolment


def take_independents(edit: Edit, delivery: Delivery, work: Inventory, taken: Sequence[TakenItem]) -> None:
    """Take hosts and devices; `work.to_identify` holds those that must be decided on again."""
    changed = [each for each in taken if not is_as_before(work.records.get(each.item.ref), each)]
    if not changed:
        return
    keep_contents(edit, changed)
    known = load_refs(edit.connection, delivery.source.id, (each.item.ref for each in changed), with_closed=True)
    known = [work.records.get(each.ref, each) if each.closed_at is None else each for each in known]
    before = load_claims(edit.connection, (each.id for each in known))
    views = load_views(edit, {each.id: before.get(each.id, ()) for each in known})
    for each in changed:
        candidates = [record for record in known if record.ref == each.item.ref]
        _take_one(edit, delivery, work, each, _Known(candidates, before, views))


class _Known(msgspec.Struct):
    """The records of one ref, open and closed, with their claims."""

    candidates: Sequence[StoredRecord]
    claims: Mapping[int, tuple[Claim, ...]]
    views: Mapping[int, RecordView]


def _take_one(edit: Edit, delivery: Delivery, work: Inventory, taken: TakenItem, known: _Known) -> None:
    at = delivery.observed_at
    claims = claims_of(taken.item, delivery.source.key, edit.context.junk, at)
    incoming = RecordView(
        id=-1,
        source=delivery.source.key,
        ref=taken.item.ref,
        ci_class=taken.item.ci_class,
        claims=claims,
        vendor=vendor_of(taken.item.attributes),
        first_seen_at=at,
        observed_at=at,
        confirmed_at=at,
    )
    views = [known.views[each.id] for each in known.candidates]
    match = match_native(views, incoming, edit.context.catalogue, edit.context.settings) if views else None
    close_ids = match.close_ids if match is not None else ()
    closed = [each for each in known.candidates if each.id in close_ids]
    for each in closed:
        each.closed_at, each.observed_at = at, known.views[each.id].confirmed_at
        work.to_identify.add(each.id)
        work.touch(each)
        work.replaced.add(each.ref)
    update_records(edit.connection, closed, ["closed_at", "observed_at"])
    record = next((each for each in known.candidates if match is not None and each.id == match.record_id), None)
    if delivery.source.key.kind == "agent" and any(each is not record and (record is None or _is_before(each, record)) for each in known.candidates):
        delivery.settings[ENROL_AGAIN] = True  # this machine is not the one that enrolled
    before = known.claims.get(record.id, ()) if record is not None else ()
    heard_at = known.views[record.id].confirmed_at if record is not None else at
    if record is not None and match is not None and match.split_at is not None:
        before = _split_off(edit, work, record, before, since=match.split_at, at=at)
    if record is None:
        record = new_record(delivery, taken)
        add_records(edit, work, [record])
        must_identify = True
    else:
        must_identify = claims_changed(before, claims) or record.closed_at is not None or record.ci_class != taken.item.ci_class
        record.closed_at = None
        change_record(edit, delivery, work, record, taken, was_other=match is not None and match.split_at is not None)
        work.records[record.ref] = record
        work.changed.append(record)
        work.touch(record)
        update_records(edit.connection, [record], ["closed_at"])
    _save_claims(edit, record.id, before, succeed(before, claims, at, heard_at=heard_at))
    if must_identify:
        work.to_identify.add(record.id)
    adopt_children(edit, work, {each.id: record for each in closed})


def _is_before(one: StoredRecord, other: StoredRecord) -> bool:
    return (one.first_seen_at, one.id) < (other.first_seen_at, other.id)


def _split_off(edit: Edit, work: Inventory, record: StoredRecord, claims: Sequence[Claim], *, since: int, at: int) -> tuple[Claim, ...]:
    """What a record held since another machine used its ref becomes that machine's own closed record; the claims that are left."""
    own, foreign = split_claims(claims, since)
    other = msgspec.structs.replace(
        record, id=0, first_seen_at=since, changed_at=since, closed_at=at, ci_id=None, link_rule=None, link_made_by=None, misses=0, is_absent=False
    )
    insert_records(edit.connection, [other])
    save_observations(edit.connection, [(other.id, since, other.content_hash)], edit.now)
    _save_claims(edit, other.id, (), foreign)
    save_claims(edit.connection, {record.id: claims}, {record.id: own})
    work.to_identify.update((record.id, other.id))
    return own


def _save_claims(edit: Edit, record_id: int, before: Sequence[Claim], after: Sequence[Claim]) -> None:
    marked = mark_quarantined(after, find_quarantined(edit.connection, after))
    save_claims(edit.connection, {record_id: before}, {record_id: marked})
