"""What sections no longer hold: misses counted, absence, returns, and the brake on mass loss. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select

from collector.reconcile.absence import KnownRef, SectionJudgement, SectionWord, estate_brake, judge_section
from collector.reconcile.compare import is_governed
from collector.reconcile.conflict import resurrection_of
from collector.reconcile.record import CaseSeed
from collector.store.content import encode, load_contents
from collector.store.delivery import Delivery
from collector.store.edit import Edit
from collector.store.inventory import Inventory
from collector.store.neighbourhood import load_known_cis
from collector.store.review_case import close_case_of, open_case, open_case_once
from collector.store.schema import ci, review_case
from collector.store.section_state import StoredSection
from collector.store.source import StoredSource
from collector.store.source_record import StoredRecord, load_records, save_observations, update_records
from collector.store.statement import parts

LISTING_KINDS = frozenset({"import", "hypervisor", "cloud"})
WHOLE_SOURCE = "*"


def judge_section_loss(edit: Edit, work: Inventory, source: StoredSource, word: SectionWord, listed: Collection[str] | None) -> SectionJudgement:
    """Apply what a section says of the records that it held; `listed` None: it is as before.

    `word.depth` is compared with the depth of the section so far, so `word` carries both in one number: a shallower report says nothing
    of what only a deeper one sees.
    """
    known = [each for each in work.records.values() if each.section == word.name and each.id and each.closed_at is None]
    there = {each.ref for each in known if not each.misses and not each.is_absent} if listed is None else listed
    volatile = _find_volatile(edit, [each for each in known if each.ref not in there and not each.is_absent])
    refs = [KnownRef(each.ref, each.misses, each.missed_since, each.is_absent, is_volatile=each.ref in volatile) for each in known]
    judgement = judge_section(refs, there, word, edit.context.settings, settled=len(work.settled.get(word.name, ())))
    by_ref = {each.ref: each for each in known}
    _apply(edit, work, by_ref, judgement, word.observed_at)
    if judgement.case is not None:
        _open_brake(edit, judgement.case, list(by_ref.values()))
    if judgement.settles is not None:
        close_case_of(edit, judgement.settles)
    return judgement


def _find_volatile(edit: Edit, missing: Sequence[StoredRecord]) -> set[str]:
    """Refs whose going is no loss: of classes that come and go by nature, and parts that are in another owner by now."""
    load_contents(edit.connection, (each.content_hash for each in missing), edit.contents)
    found = {each.ref for each in missing if _is_passing(edit, each)}
    lasting = [each for each in missing if each.ref not in found and each.owner_record_id is not None and each.ci_id is not None]
    if not lasting:
        return found
    owner_of = {each.id: each.ci_id for each in load_records(edit.connection, {each.owner_record_id or 0 for each in lasting})}
    now_in: dict[str, str | None] = {}
    for part in parts(sorted({each.ci_id or "" for each in lasting})):
        now_in |= {row.id: row.owner_ci_id for row in edit.connection.execute(select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(part)))}
    return found | {each.ref for each in lasting if now_in.get(each.ci_id or "") != owner_of.get(each.owner_record_id or 0)}


def _is_passing(edit: Edit, record: StoredRecord) -> bool:
    """Containers and their links come and go with what runs."""
    ci_class = edit.class_of(record.ci_class)
    is_governed_class = ci_class.control == "governed" and record.owner_record_id is not None
    return ci_class.control == "ephemeral" or (is_governed_class and not is_governed(ci_class, edit.contents[record.content_hash]["attributes"]))


def brake_source(edit: Edit, delivery: Delivery, work: Inventory, states: Sequence[StoredSection]) -> bool:
    """Whether a list of other things (an import, a manager's inventory) loses so much over all its sections at once that all are held."""
    source = delivery.source.key
    if source.kind not in LISTING_KINDS or not states:
        return False
    names = {each.name for each in states if _is_whole(delivery, each.name)}
    standing = [each for each in work.records.values() if each.section in names and not each.is_absent and each.owner_record_id is None]
    missing = [each for each in standing if each.ref not in delivery.listed.get(each.section, set())]
    key = f"mass_loss|{source.text}|{WHOLE_SOURCE}"
    lost = {source.text: len(missing)}
    if all(each.is_released for each in states) or not estate_brake(lost, {source.text: len(standing)}, edit.context.settings):
        close_case_of(edit, key)
        return False
    refs = sorted(each.ref for each in missing)
    evidence = {"source": source.text, "section": WHOLE_SOURCE, "lost": len(refs), "of": len(standing), "refs": refs[:50]}
    _open_brake(edit, CaseSeed(kind="mass_loss", key=key, evidence=evidence), missing)
    return True


def _is_whole(delivery: Delivery, name: str) -> bool:
    word = delivery.report.sections[name]
    return word.complete and word.status == "ok" and word.items is not None and name not in delivery.unreadable


def _apply(edit: Edit, work: Inventory, by_ref: dict[str, StoredRecord], judgement: SectionJudgement, at: int) -> None:
    changed: list[StoredRecord] = []
    for missed in judgement.missed:
        record = by_ref[missed.ref]
        record.misses, record.missed_since = missed.misses, missed.missed_since
        changed.append(record)
    gone = [by_ref[ref] for ref in judgement.absent]
    for record in gone:
        record.is_absent, record.misses = True, record.misses + 1
        work.touch(record)
    back = [by_ref[ref] for ref in judgement.returned]
    was_absent = [each for each in back if each.is_absent]
    for record in back:
        record.misses, record.missed_since, record.is_absent = 0, None, False
        work.touch(record)
    update_records(edit.connection, [*changed, *gone, *back], ["misses", "missed_since", "is_absent"])
    save_observations(edit.connection, [(each.id, at, None) for each in gone], edit.now)
    save_observations(edit.connection, [(each.id, at, each.content_hash) for each in was_absent], edit.now)


def count_missing(work: Inventory, name: str) -> int:
    """Records of a section that are missed and not yet absent: each confirmation counts them on."""
    return sum(each.section == name and bool(each.misses) and not each.is_absent for each in work.records.values())


def note_resurrections(edit: Edit, records: Iterable[StoredRecord], at: int) -> None:
    """A case for each retired or disposed host of which a source reports again; a part that is back is a new one to decide on."""
    seen = {each.ci_id: each.id for each in records if each.ci_id is not None and each.owner_record_id is None and each.owner_ref is None}
    ended = ci.c.lifecycle.in_(("retired", "disposed"))
    for part in parts(sorted(seen)):
        in_use = set(part) - set(edit.connection.execute(select(ci.c.id).where(ci.c.id.in_(part), ended)).scalars())
        seen = {ci_id: record_id for ci_id, record_id in seen.items() if ci_id not in in_use}
    if not seen:
        return
    for known in load_known_cis(edit, list(seen)).values():
        seed = resurrection_of(known, seen[known.id], at)
        if seed is not None:
            open_case_once(edit, seed)


def _open_brake(edit: Edit, seed: CaseSeed, records: Collection[StoredRecord]) -> None:
    """The case of a braked section, or the open one with what it says now."""
    is_open = (review_case.c.case_key == seed.key) & (review_case.c.state == "open")
    case_id = edit.connection.execute(select(review_case.c.id).where(is_open)).scalar()
    if case_id is None:
        open_case(edit, _with_hosts(edit, seed, records))
    else:
        edit.connection.execute(review_case.update().where(review_case.c.id == case_id).values(evidence=encode(seed.evidence)))


def _with_hosts(edit: Edit, seed: CaseSeed, records: Collection[StoredRecord]) -> CaseSeed:
    """The case names the hosts whose items the section holds, not each of its items."""
    owners = load_records(edit.connection, (each.owner_record_id for each in records if each.owner_record_id is not None))
    hosts = {each.ci_id for each in (*records, *owners) if each.owner_record_id is None and each.ci_id is not None}
    return CaseSeed(kind=seed.kind, key=seed.key, ci_ids=tuple(sorted(hosts)[:50]), evidence=seed.evidence)


def word_of(source: StoredSource, state: StoredSection, *, observed_at: int, complete: bool, status: str, is_shallow: bool) -> SectionWord:
    """A section's word for `judge_section`; a shallow one is as if it were not complete."""
    return SectionWord(
        source=source.key,
        name=state.name,
        status=status,  # type: ignore[arg-type]  # one of the wire's three words
        complete=complete and not is_shallow,
        depth=0,
        observed_at=observed_at,
        is_held=state.held,
        is_released=state.is_released,
    )
