"""What a merge would make, what speaks for and against one, and what is known of those that were made. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, or_, select

from collector.reconcile.case import ACTIONS
from collector.reconcile.union import PIN, Side, Union, find_refusals, propose_survivor, unite
from collector.store.case_member_ci import load_member_cis
from collector.store.ci import StoredCi, resolve
from collector.store.content import decode
from collector.store.edit import Context, Edit
from collector.store.merge_family import pair_families
from collector.store.merge_side import load_exact, load_sides
from collector.store.near_miss import load_near_misses
from collector.store.reading import Reading, load_refs
from collector.store.recorded_side import load_family
from collector.store.schema import (
    decision,
    difference,
    identity_claim,
    incident,
    made_later,
    merged_ci,
    relation,
    review_case,
    series,
    source,
    source_record,
    tombstone,
    transition,
)
from collector.store.statement import parts
from collector.store.tombstone import find_tombstones
from muster.errors import NotFoundError, quote
from muster.merge_view import (
    CaseDetail,
    Evidence,
    MadeLater,
    MergedValue,
    MergeHistory,
    MergePreview,
    MergeSide,
    MergeView,
    Refused,
    Stated,
    Tombstone,
)
from muster.ports import CiRef

SHOWN_VALUES = 20  # of one kind of identifier and CI
CASE_MEMBERS = 10  # of a case that are compared side by side
_IDENTIFYING = (
    "serial", "dmi_uuid", "cloud_instance_id", "hypervisor_uuid", "enrolment_id", "chassis_id", "permanent_mac", "mac", "machine_id",
    "ssh_host_key", "engine_id", "asset_tag", "fqdn", "hostname", "sysname",
)  # fmt: skip


def _edit(reading: Reading) -> Edit:
    """What loads as writing does, on a connection that only reads."""
    return Edit(reading.connection, Context(reading.catalogue, settings=reading.settings), reading.now, "decision", "")


def preview_merge(reading: Reading, keys: Sequence[str], keep: str | None, choices: Mapping[str, str]) -> MergePreview:
    """The merge of these CIs as it would be. `keep` None: the proposal stays. Raises NotFoundError, InputError for a choice that is none."""
    edit = _edit(reading)
    rows = [resolve(reading.connection, load_exact(reading.connection, key).id) for key in keys]
    sides = load_sides(edit, rows)
    proposal = propose_survivor(sides)
    survivor_id = proposal if keep is None else load_exact(reading.connection, keep).id
    ordered = sorted(zip(sides, rows, strict=True), key=lambda each: each[0].id != survivor_id)
    if ordered[0][0].id != survivor_id:
        raise NotFoundError(f"{quote(keep)} is none of the CIs to merge")
    survivor, losers = ordered[0][0], [side for side, _ in ordered[1:]]
    refusals = find_refusals(survivor, losers)
    union = unite(survivor, losers, choices)
    families = [pair_families(edit, row, ordered[0][1]) for _, row in ordered[1:]] if not refusals else []
    refs = load_refs(reading.connection, [survivor_id, proposal, *(side.id for side in sides)])
    return MergePreview(
        survivor=refs[survivor_id],
        proposal=refs[proposal],
        sides=[_side(reading, edit, row, side) for side, row in ordered],
        refusals=[Refused(each.code, each.message) for each in refusals],
        values=_values(reading, [side for side, _ in ordered], union),
        evidence=compare_identifiers(reading, [side.id for side, _ in ordered]),
        parts_joined=sum(len(each.redirects) - 1 for each in families),
        parts_moved=sum(len(each.moved) for each in families),
    )


def _values(reading: Reading, sides: Sequence[Side], union: Union) -> list[MergedValue]:
    """Everything that any of them has on record, the conflicts first; sensitive values are not shown."""
    conflicts = {each.attribute: each for each in union.conflicts}
    ci_class = sides[0].ci_class
    told: dict[str, dict[str, Any]] = {}
    for side in sides:
        words = {
            **side.recorded,
            **{f"tag.{name}": text for name, text in side.tags.items()},
            **{f"{PIN}{each}": held for each, held in side.pins.items()},
        }
        for name, value in words.items():
            told.setdefault(name, {})[side.id] = value
    found = []
    for name in sorted(told, key=lambda each: (each not in conflicts, each)):
        hidden = reading.attribute_of(ci_class, name.removeprefix(PIN)).sensitive
        stated = [Stated(side.id, None if hidden else told[name].get(side.id), side.id in told[name]) for side in sides]
        result = _result(name, union, told[name])
        label = {"en": name} if name.startswith(("tag.", PIN)) else reading.label_of(ci_class, name)
        chosen = conflicts[name].chosen if name in conflicts else None
        found.append(MergedValue(name, label, stated, None if hidden else result, name in conflicts, chosen))
    return found


def _result(name: str, union: Union, told: Mapping[str, Any]) -> Any:
    if name.startswith("tag."):
        return union.tags.get(name.removeprefix("tag."))
    if name.startswith(PIN):
        return told.get(union.pins_from.get(name.removeprefix(PIN), ""))
    return union.recorded.get(name)


def _side(reading: Reading, edit: Edit, row: StoredCi, side: Side) -> MergeSide:
    family = [each.id for each in load_family(edit, row.id)]
    touches = or_(relation.c.from_ci_id.in_(family[:500]), relation.c.to_ci_id.in_(family[:500])) & relation.c.valid_to.is_(None)
    return MergeSide(
        ci=CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name),
        lifecycle=row.lifecycle,
        presence=row.presence,
        is_recorded=row.is_recorded,
        is_provisional=row.is_provisional,
        created_at=row.created_at,
        seen_at=row.seen_at,
        records=load_record_names(reading, row.id),
        relations=_count(reading, relation, touches),
        parts=len(family) - 1,
        pins=len(side.pins),
        open_differences=_count(reading, difference, difference.c.ci_id.in_(family[:500]) & (difference.c.state == "open")),
        incidents=_count(reading, incident, incident.c.ci_id == row.id),
        services=sorted(edit.services_of(row.id)),
        series=_count_series(reading, row.id),
        state_changes=_count(reading, transition, transition.c.ci_id.in_(family[:500])),
    )


def _count(reading: Reading, table: Any, condition: Any) -> int:
    return int(reading.connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _count_series(reading: Reading, ci_id: str) -> int:
    own = (series.c.source_id == source_record.c.source_id) & (series.c.subject_ref == source_record.c.ref)
    query = select(func.count()).select_from(series.join(source_record, own)).where(source_record.c.ci_id == ci_id)
    return int(reading.connection.execute(query).scalar_one())


def load_record_names(reading: Reading, ci_id: str) -> list[str]:
    """The records in force of a CI, as people name them."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    columns = (source.c.kind, source.c.name, source.c.instance, source_record.c.ref)
    query = select(*columns).select_from(joined).where(source_record.c.ci_id == ci_id, source_record.c.closed_at.is_(None))
    return sorted(f"{row.kind}/{row.name}/{row.instance} {row.ref}" for row in reading.connection.execute(query))


def compare_identifiers(reading: Reading, ci_ids: Sequence[str]) -> list[Evidence]:
    """What the CIs' sources claim now, kind by kind, strong kinds first: what agrees speaks for one thing, what differs for several."""
    held: dict[str, dict[str, set[str]]] = {}
    joined = identity_claim.join(source_record, source_record.c.id == identity_claim.c.record_id)
    columns = (source_record.c.ci_id, identity_claim.c.kind, identity_claim.c.value)
    for part in parts(ci_ids):
        is_it = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None) & identity_claim.c.state.in_(("active", "quarantined"))
        for ci_id, kind, value in reading.connection.execute(select(*columns).select_from(joined).where(is_it)):
            held.setdefault(kind, {}).setdefault(ci_id, set()).add(value)
    found = []
    for kind in [each for each in _IDENTIFYING if each in held]:
        by_ci = held[kind]
        values = [(ci_id, sorted(by_ci.get(ci_id, ()))[:SHOWN_VALUES]) for ci_id in ci_ids]
        found.append(Evidence(kind, _judge(list(by_ci.values())), values))
    return found


def _judge(values: Sequence[Collection[str]]) -> str:
    if len(values) < 2:
        return "alone"
    shares = any(set(one) & set(other) for at, one in enumerate(values) for other in values[at + 1 :])
    return "agrees" if shares else "differs"


def load_case_detail(reading: Reading, case_id: str) -> CaseDetail:
    """A case with its members as they are now. Raises NotFoundError."""
    row = reading.connection.execute(select(review_case).where(review_case.c.id == case_id)).first()
    if row is None:
        raise NotFoundError(f"no case {quote(case_id)}; see `muster case list`")
    members = load_member_cis(reading.connection, row)
    refs = load_refs(reading.connection, members)
    compared = members[:CASE_MEMBERS]
    is_open_question = row.state == "open" and "same" in ACTIONS[row.kind] and len(compared) > 1
    return CaseDetail(
        id=row.id,
        kind=row.kind,
        state=row.state,
        members=[refs[each] for each in members],
        evidence=decode(row.evidence) or {},
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        decision_id=row.decision_id,
        actions=list(ACTIONS[row.kind]) if row.state == "open" else [],
        identifiers=compare_identifiers(reading, compared),
        preview=preview_merge(reading, compared, None, {}) if is_open_question else None,
    )


def load_merge_history(reading: Reading, key: str) -> MergeHistory:
    """What became of a CI by merges; of a CI that was merged away its own. Raises NotFoundError."""
    row = load_exact(reading.connection, key)
    query = select(merged_ci, decision.c.made_by, decision.c.reason).join(decision, decision.c.id == merged_ci.c.decision_id)
    merges = reading.connection.execute(
        query.where(or_(merged_ci.c.loser_id == row.id, merged_ci.c.survivor_id == row.id)).order_by(merged_ci.c.at.desc(), merged_ci.c.loser_id)
    ).all()
    touches = or_(made_later.c.ci_id == row.id, made_later.c.other_ci_id == row.id)
    later = reading.connection.execute(select(made_later).where(touches).order_by(made_later.c.made_at, made_later.c.id)).all()
    ids = {each for merge in merges for each in (merge.loser_id, merge.survivor_id)} | {
        each for one in later for each in (one.ci_id, one.other_ci_id)
    }
    refs = load_refs(reading.connection, ids)
    buried = [row.id, *find_tombstones(reading.connection, [row.id]).get(row.id, [])]
    stones = reading.connection.execute(select(tombstone).where(tombstone.c.ci_id.in_(buried)).order_by(tombstone.c.number)).all()
    return MergeHistory(
        merges=[
            MergeView(each.decision_id, refs[each.loser_id], refs[each.survivor_id], each.at, each.made_by, each.reason, each.undone_by)
            for each in merges
        ],
        made_later=[
            MadeLater(
                id=each.id,
                decision_id=each.decision_id,
                kind=each.kind,
                summary=decode(each.summary),
                made_at=each.made_at,
                ci=refs[each.ci_id],
                other=refs[each.other_ci_id],
                is_assigned=each.assigned_by is not None,
            )
            for each in later
        ],
        tombstones=[
            Tombstone(each.ci_id, each.number, each.ci_class, each.name, each.created_at, each.deleted_at, each.decision_id) for each in stones
        ],
        near_misses=load_near_misses(reading, row.id),
    )
