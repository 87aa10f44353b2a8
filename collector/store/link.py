"""Writing what identification decided: new CIs, links with their evidence, CIs that became another, cases. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import or_, update

from collector.reconcile.identify import partition
from collector.reconcile.record import LinkEvidence, Neighbourhood, Part, Partition, RecordView
from collector.store.check import move_checks
from collector.store.ci import StoredCi, insert_cis, load_cis, update_cis
from collector.store.claim import find_trusted, quarantine_values, release_values
from collector.store.content import encode
from collector.store.edit import NO_VALUE, Edit
from collector.store.identifier import new_id
from collector.store.neighbourhood import load_neighbourhoods
from collector.store.past import keep_ends_where, keep_links, keep_states_where
from collector.store.review_case import advance_stored_cases
from collector.store.schema import ci, difference, relation, source_record
from collector.store.section_state import note_outdated
from collector.store.statement import parts, update_rows


@dataclass
class Linked:
    """What changed. `moved`: records whose dependent ones must be placed anew. `emptied`: CI to the one that took its records."""

    touched: set[str] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    emptied: dict[str, str] = field(default_factory=dict)
    has_new: bool = False


def identify_records(edit: Edit, record_ids: Collection[int]) -> Linked:
    """Decide the neighbourhoods of these records anew and write what comes out."""
    linked = Linked()
    for neighbourhood in load_neighbourhoods(edit, record_ids):
        decided = _decide(edit, neighbourhood)
        _apply(edit, neighbourhood, decided, record_ids, linked)
    return linked


def _decide(edit: Edit, neighbourhood: Neighbourhood) -> Partition:
    """As the rules decide; once more where they would bar a value that a person trusts."""
    decided = partition(neighbourhood, edit.context.catalogue, edit.context.settings)
    trusted = find_trusted(edit.connection, decided.quarantined)
    if not trusted:
        return decided
    return partition(msgspec.structs.replace(neighbourhood, trusted=frozenset(trusted)), edit.context.catalogue, edit.context.settings)


def _apply(edit: Edit, neighbourhood: Neighbourhood, decided: Partition, seeds: Collection[int], linked: Linked) -> None:
    views = {view.id: view for view in neighbourhood.records}
    known = load_cis(edit.connection, (part.ci_id for part in decided.parts if part.ci_id is not None))
    ids: list[str] = []
    links: list[tuple[RecordView, LinkEvidence, str]] = []
    for part in decided.parts:
        members = [views[link.record_id] for link in part.links]
        if part.ci_id is None:
            ids.append(_make(edit, part, members[0]).id)
            linked.has_new = True
        else:
            ids.append(part.ci_id)
            _update(edit, part, known[part.ci_id], linked)
        links += [(views[link.record_id], link.evidence, ids[-1]) for link in part.links]
    _save_links(edit, links, seeds, linked)
    quarantine_values(edit.connection, decided.quarantined)
    release_values(edit.connection, decided.released)
    for ci_id, at in decided.emptied:
        linked.touched.add(ci_id)
        if at is not None:
            _redirect(edit, ci_id, ids[at], linked)
    if decided.outdated:
        note_outdated(edit.connection, decided.outdated)
        edit.has_outdated = True
    advance_stored_cases(edit, decided.cases, views, sees_namesakes=neighbourhood.sees_namesakes)


def _make(edit: Edit, part: Part, first: RecordView) -> StoredCi:
    made = StoredCi(
        id=new_id(edit.now),
        number=edit.take_number(),
        ci_class=part.ci_class,
        name=first.ref,
        zone=first.source.zone,
        control_level=edit.class_of(part.ci_class).control,
        is_provisional=part.is_provisional,
        created_at=edit.now,
        changed_at=edit.now,
    )
    insert_cis(edit.connection, [made])
    edit.made_ids.add(made.id)
    edit.note(made.id, "identity", "", NO_VALUE, {"class": made.ci_class, "source": first.source.text, "ref": first.ref})
    return made


def _update(edit: Edit, part: Part, known: StoredCi, linked: Linked) -> None:
    if (part.ci_class, part.is_provisional) == (known.ci_class, known.is_provisional):
        return
    if part.ci_class != known.ci_class:
        edit.note(known.id, "identity", "class", known.ci_class, part.ci_class)
    if known.is_provisional and not part.is_provisional:
        linked.moved.update(part.record_ids)
    known.ci_class, known.is_provisional = part.ci_class, part.is_provisional
    known.control_level = edit.class_of(part.ci_class).control
    known.changed_at = edit.now
    update_cis(edit.connection, [known], ["ci_class", "is_provisional", "control_level", "changed_at"])
    linked.touched.add(known.id)


def _save_links(edit: Edit, links: Sequence[tuple[RecordView, LinkEvidence, str]], seeds: Collection[int], linked: Linked) -> None:
    rows: list[dict[str, Any]] = []
    version = edit.context.rules_version
    for view, evidence, ci_id in links:
        is_moved = view.ci_id != ci_id
        if not is_moved and (view.id not in seeds or view.linked_by == "person"):
            continue  # a person's link keeps its evidence
        rows.append(
            {
                "id": view.id,
                "ci_id": ci_id,
                "link_rule": evidence.rule,
                "link_made_by": "engine",
                "link_evidence": msgspec.msgpack.encode(msgspec.structs.replace(evidence, rules_version=version)),
                "linked_at": edit.now,
            }
        )
        linked.touched.add(ci_id)
        if is_moved:
            linked.moved.add(view.id)
            name = f"{view.source.text}/{view.ref}"
            edit.note(ci_id, "identity", "link", NO_VALUE, {"source": view.source.text, "ref": view.ref, "rule": evidence.rule})
            if view.ci_id is not None:
                linked.touched.add(view.ci_id)
                edit.note(view.ci_id, "identity", "link", {"source": view.source.text, "ref": view.ref}, {"moved_to": ci_id, "record": name})
    was = {view.id: view.ci_id for view, _, _ in links}
    keep_links(edit, [(row["id"], was[row["id"]]) for row in rows if was[row["id"]] != row["ci_id"]])
    update_rows(edit.connection, source_record, rows)


def _redirect(edit: Edit, ci_id: str, survivor_id: str, linked: Linked) -> None:
    """The CI was the other one all along: its address leads there, its edges and open questions go with it."""
    linked.emptied[ci_id] = survivor_id
    linked.touched.add(survivor_id)
    edit.note(survivor_id, "identity", "merged_from", NO_VALUE, ci_id)
    redirect_cis(edit, {ci_id: survivor_id})


def redirect_cis(edit: Edit, survivors: dict[str, str]) -> None:
    """Write redirects, with the relations and the open differences of the CIs that are no more."""
    for gone, survivor in survivors.items():
        edit.note(gone, "identity", "redirect_to", NO_VALUE, survivor)
        keep_ends_where(edit, or_(relation.c.from_ci_id == gone, relation.c.to_ci_id == gone))
        edit.connection.execute(update(ci).where(ci.c.id == gone).values(redirect_to=survivor, changed_at=edit.now))
        for column in (relation.c.from_ci_id, relation.c.to_ci_id):
            edit.connection.execute(update(relation).where(column == gone).values({column.name: survivor}))
    move_checks(edit, survivors)
    still = difference.c.state.in_(("open", "rejected", "ignored", "pinned", "held"))
    for part in parts(sorted(survivors)):
        keep_states_where(edit, difference.c.ci_id.in_(part) & still, "superseded")
        closing = update(difference).where(difference.c.ci_id.in_(part), still)
        edit.connection.execute(closing.values(state="superseded", closed_at=edit.now, version=difference.c.version + 1))


def save_evidence(edit: Edit, record_id: int, made_by: str, evidence: LinkEvidence) -> None:
    """A link that a person made."""
    values = {"link_rule": evidence.rule, "link_made_by": made_by, "link_evidence": encode(evidence), "linked_at": edit.now}
    edit.connection.execute(update(source_record).where(source_record.c.id == record_id).values(**values))
