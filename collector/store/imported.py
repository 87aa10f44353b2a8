"""Putting the rows of a file on record: recognised by the engine, written as one decision, all or none, undone as one.

Rows come in batches, so that memory does not grow with the file. A row that changes nothing writes nothing; an import of which no row
changes anything makes no decision. Design: docs/import.md.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from msgspec import Struct
from sqlalchemy import Connection, update

from collector.imports.mapping import ImportMapping
from collector.imports.row import RowFault, Wish
from collector.reconcile.absence import is_mass_loss
from collector.reconcile.record import CaseSeed
from collector.store.ci import StoredCi, load_cis
from collector.store.content import load_contents
from collector.store.edit import Context, Edit
from collector.store.identifier import new_id
from collector.store.imported_part import write_parts
from collector.store.imported_relation import StatedRelation, write_stated
from collector.store.imported_row import find_named, iterate_known, load_known, save_known
from collector.store.imported_write import WrittenBatch, write_batch
from collector.store.recognition import Near, Recognised, RecordedItem, recognise
from collector.store.recorded_relation import RelationChange
from collector.store.recorded_side import SideChange
from collector.store.review_case import open_case_once
from collector.store.schema import review_case
from collector.store.settle import settle
from collector.store.verdict import DecisionSubject, Made, save_decision

BATCH = 500
FAULTS_TOLD = 1_000
NEAR_TOLD = 200
MISSING_TOLD = 50


class NearMiss(Struct, frozen=True):
    """A row that only weak evidence ties to a CI."""

    row: int
    number: int
    name: str
    rule: str


class ImportReport(Struct, frozen=True, kw_only=True):
    """What an import did, or would do (`is_dry_run`). `linked`: rows that are CIs known before, by what recognised them.

    `is_applied`: something was written. `faults`: the first of `fault_count`, by row. `missing`: CIs of earlier imports that a complete
    file no longer holds; proposed to people in a case, `is_braked` where so many are missing that the file is suspected.
    """

    mapping: str
    is_dry_run: bool
    is_applied: bool
    decision_id: str | None
    rows: int
    linked: dict[str, int]
    new: int
    changed: int
    unchanged: int
    refused: int
    fault_count: int
    faults: list[RowFault]
    near_misses: list[NearMiss]
    missing: int
    is_braked: bool


@dataclass
class ImportJob:
    """One import. `skips_bad`: what can be put on record is, although other rows are refused."""

    mapping: ImportMapping
    wishes: Iterable[Wish | list[RowFault]]
    file: str
    is_dry_run: bool = False
    skips_bad: bool = False


@dataclass
class _Tally:
    """What gathers over the batches."""

    rows: int = 0
    linked: Counter[str] = field(default_factory=Counter)
    new: int = 0
    changed: int = 0
    refused: int = 0
    faults: list[RowFault] = field(default_factory=list)
    fault_count: int = 0
    near: list[NearMiss] = field(default_factory=list)
    row_of_key: dict[str, int] = field(default_factory=dict)
    row_of_ci: dict[str, int] = field(default_factory=dict)
    sides: list[SideChange] = field(default_factory=list)
    tags_before: dict[str, dict[str, str]] = field(default_factory=dict)
    stated: list[StatedRelation] = field(default_factory=list)
    parts: list[Wish] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def refuse(self, faults: Sequence[RowFault]) -> None:
        self.refused += 1
        self.fault_count += len(faults)
        self.faults += faults[: max(0, FAULTS_TOLD - len(self.faults))]


def run_import(connection: Connection, context: Context, job: ImportJob, *, actor: str, now: int, reason: str = "") -> ImportReport:
    """Put a file on record, or say what that would do; all in a savepoint, rolled back for a dry run and where a row is refused."""
    made = Made(new_id(now), "import", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    tally = _Tally()
    savepoint = connection.begin_nested()
    try:
        wishes = iter(job.wishes)
        while batch := list(islice(wishes, BATCH)):
            _take_batch(edit, job, batch, tally)
            edit.contents.clear()
        _write_parts(edit, job, tally)
        related = _write_relations(edit, job, tally)
        missing, is_braked = _propose_missing(edit, job, tally)
        is_kept = not job.is_dry_run and (job.skips_bad or not tally.refused)
        is_applied = is_kept and bool(tally.sides or tally.tags_before or related)
        if is_applied:
            detail = {"import": job.mapping.id, "file": job.file[:256], "decision": made.id, "rows": tally.rows, "tags_of_before": tally.tags_before}
            save_decision(edit, made, DecisionSubject(sides=tuple(tally.sides), relations=tuple(related), detail=detail))
    except BaseException:
        savepoint.rollback()
        raise
    (savepoint.commit if is_kept else savepoint.rollback)()
    return ImportReport(
        mapping=job.mapping.id,
        is_dry_run=job.is_dry_run,
        is_applied=is_applied,
        decision_id=made.id if is_applied else None,
        rows=tally.rows,
        linked=dict(sorted(tally.linked.items())),
        new=tally.new,
        changed=tally.changed,
        unchanged=sum(tally.linked.values()) - tally.changed,
        refused=tally.refused,
        fault_count=tally.fault_count,
        faults=sorted(tally.faults, key=lambda each: each.row),
        near_misses=tally.near,
        missing=missing,
        is_braked=is_braked,
    )


def _take_batch(edit: Edit, job: ImportJob, batch: Sequence[Wish | list[RowFault]], tally: _Tally) -> None:
    tally.rows += len(batch)
    wishes: list[Wish] = []
    for each in batch:
        if isinstance(each, Wish):
            first = tally.row_of_key.setdefault(each.key, each.row)
            if first == each.row:
                wishes.append(each)
            else:
                tally.refuse([RowFault(each.row, "", "", f"the same as row {first}: both are {each.key}; leave one out")])
        else:
            tally.refuse(each)
    tally.parts += [each for each in wishes if each.owner is not None]
    wishes = [each for each in wishes if each.owner is None]
    if not wishes:
        return
    known = load_known(edit.connection, job.mapping.id, {each.key for each in wishes})
    named = find_named(edit.connection, {each.ci for each in wishes if each.ci})
    for wish in [each for each in wishes if each.ci and each.ci not in named]:
        tally.refuse([RowFault(wish.row, job.mapping.ci or "", repr(wish.ci), "no CI has this number or id; leave it empty for a new one")])
        wishes.remove(wish)
    known |= {each.key: named[each.ci] for each in wishes if each.ci}
    items = [_to_item(each, known.get(each.key)) for each in wishes]
    chosen = list(_choose(job, wishes, recognise(edit, items), tally))
    ids = {wish.key: ci_id for wish, ci_id in chosen if ci_id is not None}
    cis = load_cis(edit.connection, ids.values())
    load_contents(edit.connection, (key for each in cis.values() for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    targets: list[tuple[Wish, StoredCi | None]] = [(wish, None if ci_id is None else cis[ci_id]) for wish, ci_id in chosen]
    written = write_batch(edit, targets)
    by_name = {each.key for each in wishes if each.ci}  # found again by what the row says
    _gather(edit, job, tally, written, known | {key: ci_id for key, ci_id in written.ids.items() if key in by_name})
    zones = {each.key: (each.zone, each.relations) for each in wishes if each.relations}
    tally.stated += [
        StatedRelation(tally.row_of_key[key], written.ids[key], zone, text)
        for key, (zone, texts) in zones.items()
        if key in written.ids
        for text in texts
    ]
    for key, ci_id in written.ids.items():
        tally.row_of_ci[ci_id] = tally.row_of_key[key]


def _write_parts(edit: Edit, job: ImportJob, tally: _Tally) -> None:
    """Once every row that may be an owner has its CI."""
    for start in range(0, len(tally.parts), BATCH):
        batch = tally.parts[start : start + BATCH]
        known = load_known(edit.connection, job.mapping.id, {each.key for each in batch})
        written = write_parts(edit, job.mapping.id, batch)
        tally.linked["local_key"] += len(written.ids) - written.new
        _gather(edit, job, tally, written, known)
        edit.contents.clear()
    tally.linked += Counter()  # without those that are none


def _gather(edit: Edit, job: ImportJob, tally: _Tally, written: WrittenBatch, known: Mapping[str, str]) -> None:
    for fault in written.faults:
        tally.refuse([fault])
    tally.new += written.new
    tally.changed += len(written.changed)
    tally.sides += written.sides
    tally.tags_before |= written.tags_before
    tally.touched |= written.touched
    save_known(edit, job.mapping.id, {key: ci_id for key, ci_id in written.ids.items() if known.get(key) != ci_id})


def _write_relations(edit: Edit, job: ImportJob, tally: _Tally) -> list[RelationChange]:
    """Once every row has its CI, as a row may name one that comes after it."""
    done, faults = write_stated(edit, job.mapping.id, tally.stated)
    for fault in faults:
        tally.refuse([fault])
    begun = {each.from_ci_id for each in done}
    tally.changed += len(begun - tally.touched)
    settle(edit, begun)
    return done


def _to_item(wish: Wish, ci_id: str | None) -> RecordedItem:
    values = {name: value for name, value in wish.values.items() if value is not None}
    return RecordedItem(ci_class=wish.ci_class.name, attributes=values, zone=wish.zone, ci_id=ci_id)


def _choose(job: ImportJob, wishes: Sequence[Wish], found: Sequence[Recognised], tally: _Tally) -> Iterator[tuple[Wish, str | None]]:
    """The wishes that can be put on record, with the CI that is there already (None: a new one); the others are refused."""
    for wish, each in zip(wishes, found, strict=True):
        ci_id = each.ci_id
        if each.near and ci_id is None and not each.refusal:
            tally.near += [NearMiss(wish.row, near.number, near.name, near.rule) for near in each.near][: max(0, NEAR_TOLD - len(tally.near))]
            if job.mapping.near_misses == "adopt" and len(each.near) == 1:
                ci_id = each.near[0].ci_id
        said = _refuse(job, wishes, each, ci_id, tally)
        if said:
            tally.refuse([RowFault(wish.row, "", "", said)])
            continue
        if ci_id is not None:
            tally.row_of_ci[ci_id] = wish.row
            tally.linked["adopted" if each.ci_id is None else each.rule] += 1
        yield wish, ci_id


def _refuse(job: ImportJob, wishes: Sequence[Wish], found: Recognised, ci_id: str | None, tally: _Tally) -> str:
    if found.refusal:
        return found.refusal
    if found.twin is not None:
        return f"the same as row {wishes[found.twin].row} by {found.rule}; leave one out"
    if ci_id is not None and ci_id in tally.row_of_ci:
        return f"the same CI as row {tally.row_of_ci[ci_id]} by {found.rule}; leave one out"
    if ci_id is None and found.near and job.mapping.near_misses != "create":
        return f"looks like {_say(found.near)}, and nothing proves it; give an identifier, or set near_misses to adopt or create"
    return ""


def _say(near: Sequence[Near]) -> str:
    return " or ".join(f"{each.name} (number {each.number}, by {each.rule})" for each in near)


def _propose_missing(edit: Edit, job: ImportJob, tally: _Tally) -> tuple[int, bool]:
    """What a complete file no longer holds, as a case for people; nothing is ever taken off the record by itself."""
    if not job.mapping.complete or (tally.refused and not job.skips_bad):
        return 0, False
    missing: list[str] = []
    count = standing = 0
    digest = hashlib.sha256()
    for key, ci_id in iterate_known(edit.connection, job.mapping.id):
        standing += 1
        if key not in tally.row_of_key and ci_id not in tally.row_of_ci:
            count += 1
            digest.update(ci_id.encode())
            missing += [ci_id] if len(missing) < MISSING_TOLD else []
    prefix = f"mass_loss|import/{job.mapping.id}|"
    case_key = prefix + (digest.hexdigest()[:16] if count else "")  # others missing are another question
    is_old = review_case.c.case_key.startswith(prefix, autoescape=True) & (review_case.c.case_key != case_key) & (review_case.c.state == "open")
    edit.connection.execute(update(review_case).where(is_old).values(state="resolved", closed_at=edit.now))
    if not count:
        return 0, False
    is_braked = is_mass_loss(count, standing, tally.rows, edit.context.settings)
    names = sorted(each.name for each in load_cis(edit.connection, missing).values())
    told = {"source": f"import/{job.mapping.id}", "section": "*", "file": job.file[:256]}
    evidence = {**told, "lost": count, "of": standing, "refs": names, "braked": is_braked}
    open_case_once(edit, CaseSeed(kind="mass_loss", key=case_key, ci_ids=tuple(sorted(missing)), evidence=evidence))
    return count, is_braked
