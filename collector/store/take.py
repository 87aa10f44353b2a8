"""The sections of one report, in order: what each means, its items, who they are, what is gone. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, update

from collector.reconcile.absence import is_mass_loss
from collector.store.address_binding import find_sharers
from collector.store.delivery import Delivery, TakenItem, read_items
from collector.store.edit import Edit
from collector.store.host_record import take_independents
from collector.store.inventory import Inventory, load_inventory, save_inventory, take_dependents
from collector.store.late import take_late
from collector.store.link import identify_records
from collector.store.loss import brake_source, count_missing, judge_section_loss, note_resurrections, word_of
from collector.store.newborn import Candidate, bear, choose_newborn
from collector.store.placement import follow_owners, place_records
from collector.store.relation import follow_refs, load_section_relations, retry_pending, take_relations
from collector.store.relation_loss import count_missed_relations
from collector.store.review_case import open_case_once
from collector.store.schema import ci, source_record
from collector.store.section_state import (
    HOUR_MS,
    Meaning,
    StoredSection,
    confirm_states,
    is_as_before,
    judge_word,
    load_states,
    save_states,
    take_outdated,
)
from collector.store.source_record import load_sections
from collector.store.standing import Standing, load_standing
from collector.store.statement import parts
from muster.wire.report import ReceivedSection


def take_sections(edit: Edit, delivery: Delivery) -> set[str]:
    """Take what a report says of its sections; the CIs whose observed view may have changed."""
    sections = delivery.report.sections
    states = load_states(edit.connection, delivery.source.id, sections)
    delivery.heard = states
    meanings = {name: judge_word(states.get(name), word, delivery.observed_at) for name, word in sections.items()}
    changed = [name for name, meaning in meanings.items() if meaning == "content"]
    counting = [name for name, meaning in meanings.items() if meaning == "confirmed" and (states[name].missing_count or states[name].held)]
    for name, meaning in meanings.items():
        if meaning == "wanted":
            delivery.wanted.append(sections[name].digest or "")
        elif meaning == "empty":
            delivery.reject(f"$.sections.{name}", "neither items nor a digest; send the items, or the digest of those sent before")
    late = take_late(edit, delivery, [name for name, meaning in meanings.items() if meaning == "late"], states)
    work = _take_content(edit, delivery, changed, counting, late.unknown)
    back = _find_returned(meanings, states, edit.now)
    heard = [name for name, meaning in meanings.items() if meaning in ("confirmed", "content", "braked")]
    if edit.has_outdated or any(states[name].is_outdated for name in heard if name in states):
        back = sorted({*back, *take_outdated(edit.connection, delivery.source.id, heard)})
    whole = _judge(edit, delivery, work, meanings, states)
    touched = work.touched | _meet_again(edit, delivery, back)
    work.touched |= take_relations(edit, delivery, changed, whole)
    if counting:
        work.touched |= count_missed_relations(edit, delivery, load_section_relations(edit, delivery.source.id, counting))
    if work.made or work.to_identify:
        work.touched |= retry_pending(edit)
    return late.touched | touched | work.touched


def _take_content(edit: Edit, delivery: Delivery, changed: Collection[str], counting: Collection[str], unknown: Sequence[TakenItem]) -> Inventory:
    """Take the items of sections that changed, and `unknown`: those that an earlier part of a section alone names."""
    if not changed and not counting and not unknown:
        return Inventory()
    standing = Standing() if delivery.source.is_new or not changed else load_standing(edit, delivery.source.id, changed)
    taken = read_items(edit.connection, edit.context, delivery, changed, standing)
    named = {each.item.ref for each in taken}
    taken += [each for each in unknown if each.item.ref not in named]
    work = load_inventory(edit, delivery, [*changed, *counting], taken, standing)
    dependents = [each for each in taken if each.item.owner is not None]
    take_independents(edit, delivery, work, [each for each in taken if each.item.owner is None])
    newborn = choose_newborn(edit, delivery, work, dependents)
    _take_dependents(edit, delivery, work, dependents, newborn)
    moved: set[int] = set()  # records that have another CI now
    if work.to_identify:
        linked = identify_records(edit, work.to_identify)
        work.touched |= linked.touched | find_sharers(edit, work.to_identify)
        moved = linked.moved
    for seed in work.cases:
        open_case_once(edit, seed)
    for child in follow_owners(edit, moved):
        work.to_place.setdefault(child.id, child)
    if newborn:
        known = bear(edit, delivery, work, newborn, moved)
        _take_dependents(edit, delivery, work, known, ())
    if work.to_place:
        placed = place_records(edit, work.to_place.values(), _find_unlisted(edit, delivery, work, changed))
        work.touched |= placed.touched
        moved |= placed.moved
    made = {each.id for each in work.made}
    followed = {each.ref for each in work.records.values() if each.id in moved and each.id not in made}
    work.touched |= follow_refs(edit, delivery.source.id, followed | work.replaced)
    return work


def _take_dependents(edit: Edit, delivery: Delivery, work: Inventory, dependents: Sequence[TakenItem], later: Sequence[Candidate]) -> None:
    """Take parts, but for those that are taken later; then write the records."""
    left = {each.taken.item.ref for each in later}
    take_dependents(edit, delivery, work, [each for each in dependents if each.item.ref not in left] if left else dependents)
    save_inventory(edit, delivery, work)


def _find_unlisted(edit: Edit, delivery: Delivery, work: Inventory, names: Collection[str]) -> set[int]:
    """Records that whole sections do not name any more; of a section that the brake will hold, none."""
    found: set[int] = set()
    for name in names:
        word = delivery.report.sections[name]
        if not word.complete or word.status != "ok" or word.items is None or name in delivery.unreadable:
            continue
        listed = delivery.listed.get(name, set())
        standing = [each for each in work.records.values() if each.section == name and not each.is_absent]
        missing = {each.id for each in standing if each.ref not in listed}
        if not is_mass_loss(len(missing), len(standing) + len(work.settled.get(name, ())), len(listed), edit.context.settings):
            found |= missing
    return found


def _find_returned(meanings: dict[str, Meaning], states: dict[str, StoredSection], now: int) -> list[str]:
    """Sections that had gone stale and are heard of again; also those that were stale when they arrived, and no sweep has said so."""
    heard = [name for name, meaning in meanings.items() if meaning in ("confirmed", "content", "braked") and name in states]
    return [name for name in heard if (states[name].stale_at or now) <= now]


def _meet_again(edit: Edit, delivery: Delivery, back: Collection[str]) -> set[str]:
    """The CIs of sections that are back. Their hosts are alive again, perhaps beside others that claim the same: they are decided on anew."""
    if not back:
        return set()
    records = load_sections(edit.connection, delivery.source.id, back)
    linked = identify_records(edit, {each.id for each in records if each.owner_record_id is None and each.owner_ref is None})
    placed = place_records(edit, follow_owners(edit, linked.moved), set())
    return linked.touched | placed.touched | {each.ci_id for each in records if each.ci_id is not None}


def _judge(edit: Edit, delivery: Delivery, work: Inventory, meanings: dict[str, Meaning], states: dict[str, StoredSection]) -> set[str]:
    """What is gone, and the sections' new states; the sections that told all they hold."""
    written: list[StoredSection] = []
    confirmed: list[StoredSection] = []
    heard = {name: states[name].confirmed_at for name, meaning in meanings.items() if meaning in ("confirmed", "content") and name in states}
    returned = [each for each in work.records.values() if each.is_absent]
    is_braked = brake_source(edit, delivery, work, [states[name] for name, meaning in meanings.items() if meaning == "content" and name in states])
    for name, meaning in meanings.items():
        word, state = delivery.report.sections[name], states.get(name)
        if meaning == "confirmed" and state is not None and is_as_before(state, word):
            state.confirm(delivery.observed_at, edit.context.settings)
            confirmed.append(state)
        elif meaning == "content":
            written.append(_judge_content(edit, delivery, work, state or _first_state(delivery, name, word), is_braked=is_braked))
        elif meaning in ("confirmed", "braked", "unable"):
            written.append(_judge_word_alone(edit, delivery, work, state or _first_state(delivery, name, word), meaning))
    save_states(edit.connection, written)
    confirm_states(edit.connection, confirmed)
    partial = [each.name for each in written if each.name in heard and meanings[each.name] == "content" and not each.complete]
    _see_listed(edit, delivery, partial)
    an_hour_on = [name for name, was in heard.items() if was // HOUR_MS != delivery.observed_at // HOUR_MS]
    _mark_seen(edit, delivery, [name for name in an_hour_on if name not in partial])
    listed = [each for name in delivery.listed for each in work.records.values() if each.section == name and each.ref in delivery.listed[name]]
    note_resurrections(edit, [each for each in (*returned, *listed) if not each.is_absent], delivery.observed_at)
    return {each.name for each in written if meanings[each.name] == "content" and each.complete and not each.held and each.status == "ok"}


def _see_listed(edit: Edit, delivery: Delivery, names: Collection[str]) -> None:
    """A part of a section has seen what it lists, also what is as before; of a whole one the section's own instant tells that."""
    at = delivery.observed_at
    for name in names:
        for part in parts(sorted(delivery.listed.get(name, ()))):
            listed = (source_record.c.source_id == delivery.source.id) & (source_record.c.section == name) & source_record.c.ref.in_(part)
            seen = listed & source_record.c.closed_at.is_(None)
            edit.connection.execute(update(source_record).where(seen, source_record.c.observed_at < at).values(observed_at=at))
            hosts = select(source_record.c.ci_id).where(seen, source_record.c.owner_record_id.is_(None))
            edit.connection.execute(update(ci).where(ci.c.id.in_(hosts), ci.c.seen_at < at).values(seen_at=at))


def _mark_seen(edit: Edit, delivery: Delivery, names: Collection[str]) -> None:
    """Once an hour the hosts of a confirmed section get their column that lists are searched by; what is shown comes from the section."""
    if not names:
        return
    of_it = (source_record.c.source_id == delivery.source.id) & source_record.c.section.in_(sorted(names))
    hosts = select(source_record.c.ci_id).where(of_it, source_record.c.owner_record_id.is_(None), source_record.c.closed_at.is_(None))
    edit.connection.execute(update(ci).where(ci.c.id.in_(hosts), ci.c.seen_at < delivery.observed_at).values(seen_at=delivery.observed_at))


def _first_state(delivery: Delivery, name: str, word: ReceivedSection) -> StoredSection:
    at = delivery.observed_at
    return StoredSection(delivery.source.id, name, None, False, word.status, word.reason, word.depth, word.interval_seconds, at, at)


def _judge_content(edit: Edit, delivery: Delivery, work: Inventory, state: StoredSection, *, is_braked: bool) -> StoredSection:
    at, word = delivery.observed_at, delivery.report.sections[state.name]
    is_shallow = word.depth < state.depth
    is_readable = state.name not in delivery.unreadable
    complete = word.complete and word.status == "ok" and is_readable
    said_complete = complete and word.items is not None and not is_braked  # relations alone say nothing of items
    said = word_of(delivery.source, state, observed_at=at, complete=said_complete, status=word.status, is_shallow=is_shallow)
    judgement = judge_section_loss(edit, work, delivery.source, said, delivery.listed.get(state.name, set()))
    if judgement.is_held or is_braked:
        state.held, state.held_digest = True, word.digest
    else:
        state.held, state.held_digest = False, None
        state.is_released = state.is_released and not (said_complete and not is_shallow)
        state.digest = word.digest if word.status == "ok" else None
        if state.complete and not complete:
            state.whole_until_at = state.confirmed_at
        if complete != state.complete:  # an empty value is a statement of a whole section alone
            of_it = load_sections(edit.connection, delivery.source.id, [state.name]) if state.observed_at < at else work.records.values()
            work.touched |= {each.ci_id for each in of_it if each.section == state.name and each.ci_id is not None}
        state.complete, state.observed_at = complete, at
    state.status, state.reason, state.depth = word.status, word.reason, max(state.depth, word.depth)
    state.interval_seconds = word.interval_seconds
    state.missing_count = count_missing(work, state.name)
    state.confirm(at, edit.context.settings)
    return state


def _judge_word_alone(edit: Edit, delivery: Delivery, work: Inventory, state: StoredSection, meaning: Meaning) -> StoredSection:
    word = delivery.report.sections[state.name]
    state.status, state.reason = word.status, word.reason
    if meaning == "unable":
        return state
    at = delivery.observed_at
    if meaning == "confirmed" and (state.missing_count or state.held) and at > state.confirmed_at:
        said = word_of(delivery.source, state, observed_at=at, complete=state.complete, status="ok", is_shallow=False)
        judge_section_loss(edit, work, delivery.source, said, None)
        state.held, state.held_digest = False, None  # what it held before the brake is there
        state.missing_count = count_missing(work, state.name)
    state.interval_seconds = word.interval_seconds
    state.confirm(at, edit.context.settings)
    return state
