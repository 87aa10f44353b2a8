"""A CMDB in memory that runs reports through every pure function of reconciliation, as the store does in its transaction.

Slow and plain on purpose: each report looks at everything. Used by the scenario and property tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collector.reconcile.absence import KnownRef, SectionWord, Witness, is_mass_loss, judge_presence, judge_section
from collector.reconcile.authorise import PolicySet, decide_policy
from collector.reconcile.case import StoredCase, advance_cases
from collector.reconcile.claim import claims_changed, claims_of, recorded_claims, split_claims, succeed, vendor_of
from collector.reconcile.compare import Subject, compare, value_token
from collector.reconcile.decide import RECORDED, Content, Verdict, accept, ignore, reject, undo
from collector.reconcile.dependent import DependentKey, OwnedKey, dependent_keys, is_exchanged, match_dependent
from collector.reconcile.difference import DifferenceChange, DifferenceSeed, StoredDifference
from collector.reconcile.fact import Merged, Observation, Pin, RecordedChange
from collector.reconcile.identify import partition
from collector.reconcile.ladder import closing_kinds, suggesting_kinds
from collector.reconcile.lifecycle import ACTIVE_STATES, advance
from collector.reconcile.merge import merge
from collector.reconcile.native import match_native
from collector.reconcile.record import CaseSeed, ClaimKey, Constraint, KnownCi, LinkEvidence, Neighbourhood, Partition, RecordView, SourceKey
from collector.reconcile.settings import Settings
from collector.reconcile.validate import owners_of, validate_item
from muster.model.ci_class import load_catalogue
from muster.model.identifier import NAME_KINDS
from muster.model.junk import shipped_junk
from muster.model.normaliser import short_name
from muster.model.state import Lifecycle, Presence
from muster.wire.report import Item, Rejection

CATALOGUE = load_catalogue()
JUNK = shipped_junk()
START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def item(ref: str, ci_class: str, *, owner: str | None = None, attributes: Mapping[str, Any] | None = None, **identifiers: Any) -> Item:
    return Item(ref=ref, ci_class=ci_class, identifiers=identifiers, attributes=dict(attributes or {}), owner=owner)


def source(text: str, zone: str = "z1") -> SourceKey:
    kind, name, instance = text.split("/")
    return SourceKey(kind, name, instance, zone)  # type: ignore[arg-type]


@dataclass
class Record:
    view: RecordView
    section: str
    item: Item
    misses: int = 0
    missed_since: int | None = None
    is_absent: bool = False
    depth: int = 0
    changed_at: int = 0
    owner_record: int | None = None
    keys: tuple[DependentKey, ...] = ()
    evidence: LinkEvidence | None = None

    def change(self, item: Item, at: int) -> None:
        self.changed_at = at if self.item != item else self.changed_at
        self.item = item


@dataclass
class SectionState:
    confirmed_at: int
    interval_seconds: int
    complete: bool
    status: str = "ok"
    is_held: bool = False


@dataclass
class Ci:
    id: str
    number: int
    ci_class: str
    owner: str | None = None
    lifecycle: Lifecycle = "live"
    lifecycle_since_at: int = 0
    is_provisional: bool = False
    has_decisions: bool = False
    is_recorded: bool = False
    recorded: dict[str, Any] = field(default_factory=dict)
    identifiers: dict[str, Any] = field(default_factory=dict)
    recorded_class: str | None = None
    zone: str = "z1"
    pins: dict[str, Pin] = field(default_factory=dict)
    redirect_to: str | None = None


class Estate:
    def __init__(self, settings: Settings | None = None, policies: PolicySet | None = None) -> None:
        self.settings = settings or Settings(absent_min_age_seconds=0)
        self.policies = policies or PolicySet(())
        self.records: dict[int, Record] = {}
        self.sections: dict[tuple[str, str], SectionState] = {}
        self.cis: dict[str, Ci] = {}
        self.constraints: list[Constraint] = []
        self.quarantined: set[ClaimKey] = set()
        self.differences: dict[str, StoredDifference] = {}
        self.seeds: dict[str, DifferenceSeed] = {}
        self.cases: dict[str, tuple[StoredCase, CaseSeed]] = {}
        self.rejected: list[Rejection] = []
        self.decisions: list[tuple[str, tuple[RecordedChange, ...]]] = []
        self.now = START
        self._next = 0
        self.outdated: set[int] = set()  # records decided on anew when they are said again
        self.unlisted: set[int] = set()  # records that the section being taken does not name any more

    # --- reports ---

    def report(self, text: str, *items: Item, at: int = 0, now: int | None = None, zone: str = "z1", section: str = "host", **word: Any) -> None:
        """One section of one report; `at` minutes after START by the source's clock."""
        key = source(text, zone)
        observed_at = START + at * MINUTE
        self.now = max(self.now, observed_at if now is None else START + now * MINUTE)
        taken = self._validate(key, items)
        state = self.sections.get((key.text, section))
        if state is not None and observed_at < state.confirmed_at:
            return  # an older report fills history only
        told = {"complete": True, "status": "ok", "depth": 0, "interval_seconds": 600, "is_released": False} | word
        is_held = state is not None and state.is_held
        seen = {each.ref for each in taken}
        known = [r for r in self.records.values() if r.view.source == key and r.section == section and not r.view.is_closed]
        for each in [one for one in taken if not CATALOGUE[one.ci_class].is_dependent]:
            self._take(key, section, each, observed_at, told["depth"])
        listed = {one.ref for one in items}
        missing = [r for r in known if r.view.ref not in listed and not r.is_absent]
        standing = [r for r in known if not r.is_absent]
        if told["complete"] and told["status"] == "ok" and not is_mass_loss(len(missing), len(standing), len(listed), self.settings):
            self.unlisted = {r.view.id for r in missing}
        parts = [self._take_dependent(key, section, one, observed_at, told["depth"]) for one in taken if CATALOGUE[one.ci_class].is_dependent]
        for record in parts:  # when all are taken, so that an exchanged part has left its place whatever the order of items
            owner = self.records.get(record.owner_record or 0)
            if owner is not None and owner.view.ci_id is not None:
                self._place(record, owner.view.ci_id)
        self.unlisted = set()
        judgement = judge_section(
            [KnownRef(r.view.ref, r.misses, r.missed_since, r.is_absent, r.depth) for r in known],
            seen,
            SectionWord(key, section, told["status"], told["complete"], told["depth"], observed_at, is_held, told["is_released"]),
            self.settings,
        )
        self.sections[key.text, section] = SectionState(observed_at, told["interval_seconds"], told["complete"], told["status"], judgement.is_held)
        by_ref = {r.view.ref: r for r in known}
        for missed in judgement.missed:
            by_ref[missed.ref].misses, by_ref[missed.ref].missed_since = missed.misses, missed.missed_since
        for ref in judgement.absent:
            by_ref[ref].is_absent = True
        for ref in judgement.returned:
            by_ref[ref].misses, by_ref[ref].missed_since, by_ref[ref].is_absent = 0, None, False
        if judgement.case is not None:
            self._apply_cases([judgement.case], ())
        for case_id, (stored, seed) in self.cases.items():
            if stored.kind == "mass_loss" and stored.key == judgement.settles:
                self.cases[case_id] = (msgspec.structs.replace(stored, state="resolved"), seed)
        self.refresh()

    def tick(self, minutes: int) -> None:
        self.now = START + minutes * MINUTE
        self.refresh()

    def _validate(self, key: SourceKey, items: Iterable[Item]) -> list[Item]:
        given = list(items)
        stored = {r.view.ref: r.item.owner for r in self.records.values() if r.view.source == key}
        owners = owners_of(given, stored)
        taken = []
        for at, each in enumerate(given):
            result = validate_item(CATALOGUE, each, f"$.items[{at}]", owners)
            self.rejected += result.rejections
            taken += [result.item] if result.item is not None else []
        return taken

    def _take(self, key: SourceKey, section: str, each: Item, at: int, depth: int) -> None:
        claims = claims_of(each, key, JUNK, at)
        incoming = RecordView(
            id=-1, source=key, ref=each.ref, ci_class=each.ci_class, claims=claims, vendor=vendor_of(each.attributes),
            first_seen_at=at, observed_at=at, confirmed_at=at,
        )  # fmt: skip
        candidates = [self.view(r) for r in self.records.values() if r.view.source == key and r.view.ref == each.ref]
        match = match_native(candidates, incoming, CATALOGUE, self.settings) if candidates else None
        for gone in match.close_ids if match is not None else ():
            self._change(gone, is_closed=True, confirmed_at=at, observed_at=self.records[gone].view.confirmed_at)
        if match is not None and match.record_id is not None:
            record = self.records[match.record_id]
            if match.split_at is not None:
                self._split_off(record, since=match.split_at, at=at)
            state = self.sections.get((key.text, section))
            has_returned = state is None or at > state.confirmed_at + self.settings.fresh_for_ms(state.interval_seconds)
            changed = claims_changed(record.view.claims, claims) or record.view.is_closed or record.view.ci_class != each.ci_class or has_returned
            changed = changed or record.view.id in self.outdated
            after = succeed(record.view.claims, claims, at, heard_at=record.view.confirmed_at)
            self._change(
                record.view.id, claims=after, ci_class=each.ci_class, vendor=incoming.vendor, observed_at=at, confirmed_at=at, is_closed=False
            )
            record.change(each, at)
        else:
            record = self._add(Record(msgspec.structs.replace(incoming, id=self._id()), section, each, depth=depth, changed_at=at))
            changed = True
        if changed:
            for each in (*(match.close_ids if match is not None else ()), record.view.id):
                self.reconcile(each)

    def _split_off(self, record: Record, *, since: int, at: int) -> None:
        own, foreign = split_claims(record.view.claims, since)
        self._change(record.view.id, claims=own)
        view = msgspec.structs.replace(record.view, id=self._id(), claims=foreign, first_seen_at=since, confirmed_at=at, is_closed=True, ci_id=None)
        self._add(Record(view, record.section, record.item, depth=record.depth, changed_at=since))
        self.reconcile(view.id)

    def _take_dependent(self, key: SourceKey, section: str, each: Item, at: int, depth: int) -> Record:
        """The record of a part; without a known owner it waits."""
        owner = next((r for r in self.records.values() if r.view.source == key and r.view.ref == each.owner and not r.view.is_closed), None)
        view = RecordView(
            id=self._id(), source=key, ref=each.ref, ci_class=each.ci_class, claims=(), first_seen_at=at, observed_at=at, confirmed_at=at
        )
        keys = dependent_keys(CATALOGUE[each.ci_class], each, JUNK)
        known = next((r for r in self.records.values() if r.view.source == key and r.view.ref == each.ref and not r.view.is_closed), None)
        if known is not None and is_exchanged(known.keys, keys):
            self._change(known.view.id, is_closed=True)
            known = None
        record = known or self._add(Record(view, section, each, depth=depth, changed_at=at))
        record.change(each, at)
        record.keys = keys
        record.depth = depth
        self._change(record.view.id, observed_at=at, confirmed_at=at)
        record.owner_record = owner.view.id if owner is not None else None
        return record

    def _place(self, record: Record, owner_ci: str) -> None:
        ci_class = record.item.ci_class
        # What another item of the same source holds is told apart by that source, unless it has left its section.
        taken = {
            r.view.ci_id for r in self.records.values()
            if r is not record and not r.view.is_closed and r.view.source == record.view.source and r.view.ci_id and not r.misses and not r.is_absent
            and r.view.id not in self.unlisted
            and r.owner_record == record.owner_record
        }  # fmt: skip
        known = [
            OwnedKey(ci.id, ci.owner or "", each, ci.id in taken)
            for ci in self.cis.values()
            if ci.ci_class == ci_class and ci.owner is not None
            for each in {k for r in self.records.values() if r.view.ci_id == ci.id for k in r.keys}
        ]
        match = match_dependent(record.keys, known, owner_ci)
        ci_id = match.ci_id or self._create(ci_class, owner_ci)
        self.cis[ci_id].owner = owner_ci
        self._change(record.view.id, ci_id=ci_id)

    # --- identification ---

    def view(self, record: Record) -> RecordView:
        state = self.sections.get((record.view.source.text, record.section))
        fresh_ms = self.settings.fresh_for_ms(state.interval_seconds if state is not None else 600)
        ended = record.view.is_closed or record.is_absent
        return msgspec.structs.replace(record.view, live_until=record.view.confirmed_at + (0 if ended else fresh_ms))

    def known_ci(self, ci: Ci) -> KnownCi:
        return KnownCi(
            id=ci.id, number=ci.number, ci_class=ci.recorded_class or ci.ci_class, lifecycle=ci.lifecycle, lifecycle_since_at=ci.lifecycle_since_at,
            claims=recorded_claims(ci.identifiers, ci.recorded, zone=ci.zone, junk=JUNK), zone=ci.zone, has_decisions=ci.has_decisions,
            vendor=vendor_of(ci.recorded), is_provisional=ci.is_provisional,
        )  # fmt: skip

    def neighbourhood(self, record_id: int) -> Neighbourhood:
        independent = [r for r in self.records.values() if not CATALOGUE[r.view.ci_class].is_dependent]
        strong, weak = closing_kinds(CATALOGUE), suggesting_kinds(CATALOGUE)
        inside, waiting = {record_id}, [record_id]
        linked = {(c.left_record_id, c.right_record_id) for c in self.constraints}
        while waiting:
            at = waiting.pop()
            for other in independent:
                touches = self._share(self.records[at], other, strong) or {(at, other.view.id), (other.view.id, at)} & linked
                same_ci = other.view.ci_id is not None and other.view.ci_id == self.records[at].view.ci_id
                if other.view.id not in inside and (touches or same_ci):
                    inside.add(other.view.id)
                    waiting.append(other.view.id)
        bystanders = [r for r in independent if r.view.id not in inside and any(self._share(self.records[i], r, weak) for i in inside)]
        return Neighbourhood(
            records=tuple(self.view(self.records[i]) for i in sorted(inside)),
            cis=tuple(self.known_ci(ci) for ci in self.cis.values() if ci.owner is None and ci.redirect_to is None),
            constraints=tuple(self.constraints),
            doubtful=tuple(sorted(self.quarantined & self._held(inside))),
            bystanders=tuple(self.view(r) for r in bystanders),
        )

    def _held(self, record_ids: Iterable[int]) -> set[ClaimKey]:
        return {claim.key for each in record_ids for claim in self.records[each].view.claims}

    def _share(self, left: Record, right: Record, kinds: Iterable[str]) -> bool:
        def keys(record: Record) -> set[tuple[str, str]]:
            held = [c for c in record.view.claims if c.kind in kinds and c.state != "junk"]
            return {("name", short_name(c.value)) if c.kind in NAME_KINDS else (c.kind.removeprefix("permanent_"), c.value) for c in held}

        return bool(keys(left) & keys(right))

    def reconcile(self, record_id: int) -> Partition:
        neighbourhood = self.neighbourhood(record_id)
        result = partition(neighbourhood, CATALOGUE, self.settings)
        ids: list[str] = []
        for part in result.parts:
            ci_id = part.ci_id or self._create(part.ci_class, None)
            ids.append(ci_id)
            ci = self.cis[ci_id]
            ci.ci_class, ci.is_provisional = part.ci_class, part.is_provisional
            for link in part.links:
                self._change(link.record_id, ci_id=ci_id)
                self.records[link.record_id].evidence = link.evidence
        for ci_id, at in result.emptied:
            if at is not None:
                self.cis[ci_id].redirect_to = ids[at]
        self.quarantined = (self.quarantined | set(result.quarantined)) - set(result.released)
        self.outdated = (self.outdated - {record.id for record in neighbourhood.records}) | set(result.outdated)
        self._apply_cases(result.cases, {record.id for record in neighbourhood.records})
        self._follow_owners()
        return result

    def _follow_owners(self) -> None:
        for record in list(self.records.values()):
            owner = self.records.get(record.owner_record or 0)
            if owner is None and record.item.owner is not None:
                owner = next((r for r in self.records.values() if r.view.source == record.view.source and r.view.ref == record.item.owner), None)
                record.owner_record = owner.view.id if owner is not None else None
            if owner is None or owner.view.ci_id is None:
                continue
            placed = self.cis[record.view.ci_id].owner if record.view.ci_id is not None else None
            if placed != owner.view.ci_id and not record.misses and not record.is_absent:
                self._place(record, owner.view.ci_id)

    def _apply_cases(self, seeds: Iterable[CaseSeed], looked_at: Iterable[int]) -> None:
        changes = advance_cases([stored for stored, _ in self.cases.values()], seeds, set(looked_at))
        for seed in changes.opened:
            case_id = f"case-{len(self.cases) + 1}"
            self.cases[case_id] = (StoredCase(case_id, seed.kind, seed.key, "open", seed.record_ids), seed)
        for case_id, seed in changes.updated:
            stored, _ = self.cases[case_id]
            self.cases[case_id] = (msgspec.structs.replace(stored, record_ids=seed.record_ids), seed)
        for case_id in changes.resolved:
            stored, seed = self.cases[case_id]
            self.cases[case_id] = (msgspec.structs.replace(stored, state="resolved"), seed)

    # --- observed and recorded ---

    def merged(self, ci_id: str) -> Merged:
        ci = self.cis[ci_id]
        observations, gone = [], []
        for record in self.records.values():
            if record.view.ci_id != ci_id:
                continue
            if record.is_absent or record.view.is_closed:
                gone.append(
                    Observation(
                        record_id=record.view.id, source=record.view.source, ref=record.view.ref, confirmed_at=record.view.observed_at,
                        observed_at=record.view.observed_at, is_fresh=False, attributes=record.item.attributes, is_complete=True,
                    )
                )  # fmt: skip
                continue
            state = self.sections[record.view.source.text, record.section]
            view = record.view
            fresh = self.now - state.confirmed_at <= self.settings.fresh_for_ms(state.interval_seconds)
            observations.append(
                Observation(
                    record_id=view.id, source=view.source, ref=view.ref, confirmed_at=state.confirmed_at,
                    observed_at=record.changed_at if fresh else view.observed_at,
                    is_fresh=fresh, attributes=record.item.attributes, is_complete=state.complete and state.status == "ok",
                )
            )  # fmt: skip
        known = [self._without_lost_addresses(ci_id, each) for each in observations]
        return merge(CATALOGUE[ci.ci_class], known or gone, ci.pins, self.settings, self.now)

    def _without_lost_addresses(self, ci_id: str, observation: Observation) -> Observation:
        """A silent record's addresses without those that another CI's record has claimed later."""
        if observation.is_fresh or "ip" not in observation.attributes:
            return observation
        zone = self.records[observation.record_id].view.source.zone
        claimed = {
            claim.value
            for r in self.records.values()
            if r.view.ci_id != ci_id and not r.view.is_closed and not r.is_absent and r.view.source.zone == zone
            and self.sections[r.view.source.text, r.section].confirmed_at > observation.confirmed_at
            for claim in r.view.claims if claim.kind == "ip" and claim.state != "historic"
        }  # fmt: skip
        kept = [each for each in observation.attributes["ip"] if each not in claimed]
        left = {name: value for name, value in observation.attributes.items() if name != "ip"}
        return msgspec.structs.replace(observation, attributes={**left, "ip": kept} if kept else left)

    def presence(self, ci_id: str) -> Presence:
        ci = self.cis[ci_id]
        witnesses = []
        for record in self.records.values():
            if record.view.ci_id == ci_id and record.view.is_closed:
                # What another thing took the ref of has left; an agent's clones only take turns.
                witnesses.append(Witness(is_fresh=False, is_absent=record.view.source.kind != "agent"))
            elif record.view.ci_id == ci_id:
                state = self.sections[record.view.source.text, record.section]
                fresh = self.now - state.confirmed_at <= self.settings.fresh_for_ms(state.interval_seconds)
                witnesses.append(Witness(is_fresh=fresh, is_absent=record.is_absent))
        owner = self.presence(ci.owner) if ci.owner is not None else None
        return judge_presence(witnesses, is_dependent=ci.owner is not None, owner=owner)

    def refresh(self) -> None:
        for ci in [each for each in self.cis.values() if each.redirect_to is None]:
            self._refresh_one(ci)

    def _refresh_one(self, ci: Ci) -> None:
        merged = self.merged(ci.id)
        owner = self.cis.get(ci.owner) if ci.owner is not None else None
        witness = next((r.view.source for r in self.records.values() if r.view.ci_id == ci.id), None)
        if witness is None and not ci.is_recorded:
            return
        subject = Subject(
            ci_id=ci.id, zone=ci.zone, is_recorded=ci.is_recorded, is_dependent=ci.owner is not None, owner_ci_id=ci.owner,
            owner_is_recorded=owner is not None and owner.is_recorded, owner_is_absent=owner is not None and self.presence(owner.id) == "absent",
            presence=self.presence(ci.id) if witness is not None else "unknown", recorded_class=ci.recorded_class, source=witness,
        )  # fmt: skip
        seeds = compare(CATALOGUE[ci.ci_class], merged, ci.recorded, subject)
        stored = [each for each in self.differences.values() if each.ci_id == ci.id]
        for change in advance(stored, seeds, self.settings, self.now).changes:
            self._write(change)
        for each in [each for each in self.differences.values() if each.ci_id == ci.id and each.state == "open"]:
            facts = {"class": ci.ci_class, "zone": ci.zone} | merged.plain()
            verdict = decide_policy(self.policies, self.seeds[each.id], facts, self.now) if each.id in self.seeds else None
            if verdict is not None and verdict.action == "accept":
                self._decide(each.id, accept(each, None, self._contents(ci.id)), by_person=False)

    def _write(self, change: DifferenceChange) -> None:
        difference_id = change.difference_id or f"difference-{self._id()}"
        known = self.differences.get(difference_id)
        if change.seed is not None:
            self.seeds[difference_id] = change.seed
            self.differences[difference_id] = StoredDifference(
                id=difference_id, ci_id=change.seed.ci_id, kind=change.seed.kind, attribute=change.seed.attribute, recorded=change.seed.recorded,
                observed=change.seed.observed, state=change.state, opened_at=change.opened_at, closed_at=change.closed_at,
                ignore_until=change.ignore_until, trail=change.trail, rejected_values=change.rejected_values,
            )  # fmt: skip
        else:
            assert known is not None
            self.differences[difference_id] = msgspec.structs.replace(known, state=change.state, trail=change.trail, closed_at=change.closed_at)

    # --- people ---

    def _contents(self, ci_id: str) -> list[Content]:
        own = [ci for ci in self.cis.values() if ci.id == ci_id or (ci.owner == ci_id and self.presence(ci.id) != "absent")]
        return [Content(ci.id, CATALOGUE[ci.ci_class], self.merged(ci.id), ci.recorded, ci.is_recorded) for ci in own]

    def _decide(self, difference_id: str, verdict: Verdict, *, by_person: bool = True) -> None:
        difference = self.differences[difference_id]
        closed = self.now if verdict.state == "accepted" else None
        self.differences[difference_id] = msgspec.structs.replace(
            difference, state=verdict.state, ignore_until=verdict.ignore_until, closed_at=closed,
            rejected_values=verdict.rejected_values or difference.rejected_values,
        )  # fmt: skip
        self._apply_changes(verdict.changes)
        self.cis[difference.ci_id].has_decisions |= by_person
        self.decisions.append((difference_id, verdict.changes))

    def _apply_changes(self, changes: Iterable[RecordedChange]) -> None:
        for change in changes:
            ci = self.cis[change.ci_id]
            if change.attribute == RECORDED:
                ci.is_recorded = bool(change.new_value)
                ci.recorded_class = ci.ci_class if ci.is_recorded else None
            elif change.has_new:
                ci.recorded[change.attribute] = change.new_value
            else:
                ci.recorded.pop(change.attribute, None)

    def accept(self, difference_id: str, token: str | None = None) -> None:
        difference = self.differences[difference_id]
        self._decide(difference_id, accept(difference, token or value_token(difference.observed), self._contents(difference.ci_id)))
        self.refresh()

    def reject(self, difference_id: str) -> None:
        self._decide(difference_id, reject(self.differences[difference_id]))

    def ignore(self, difference_id: str, until: int) -> None:
        self._decide(difference_id, ignore(self.differences[difference_id], START + until * MINUTE, self.now))

    def undo_last(self) -> None:
        difference_id, changes = self.decisions.pop()
        current = {(ci.id, name): value for ci in self.cis.values() for name, value in ci.recorded.items()}
        self._apply_changes(undo(changes, current))
        self.differences[difference_id] = msgspec.structs.replace(self.differences[difference_id], state="self_resolved", closed_at=0)
        self.refresh()

    def record_ci(self, ci_class: str, attributes: Mapping[str, Any] | None = None, **identifiers: Any) -> str:
        """A CI that a person records before anything has seen it."""
        ci_id = self._create(ci_class, None)
        ci = self.cis[ci_id]
        ci.is_recorded, ci.has_decisions, ci.recorded_class = True, True, ci_class
        ci.recorded, ci.identifiers = dict(attributes or {}), identifiers
        return ci_id

    # --- looking ---

    def shape(self) -> list[list[str]]:
        """CIs by what their records are: independent of ids."""
        found: dict[str, list[str]] = {}
        for record in self.records.values():
            if not CATALOGUE[record.view.ci_class].is_dependent and record.view.ci_id is not None:
                found.setdefault(record.view.ci_id, []).append(f"{record.view.source.text} {record.view.ref}")
        return sorted(sorted(each) for each in found.values())

    def state(self) -> list[object]:
        """Everything that people see, independent of ids and order of arrival."""
        names = {
            ci.id: tuple(sorted(f"{r.view.source.text} {r.view.ref} {r.view.first_seen_at}" for r in self.records.values() if r.view.ci_id == ci.id))
            for ci in self.cis.values()
            if ci.redirect_to is None
        }
        cis = sorted(
            (
                names[each],
                self.cis[each].ci_class,
                self.cis[each].is_provisional,
                self.presence(each),
                sorted(map(repr, self.merged(each).plain().items())),
            )
            for each in names
        )
        differences = sorted(
            (names.get(d.ci_id, ()), d.kind, d.attribute, repr(d.recorded), repr(d.observed))
            for d in self.differences.values()
            if d.state == "open" and d.ci_id in names
        )
        return [cis, differences, sorted(self.open_cases()), sorted(self.quarantined)]

    def open_cases(self) -> list[tuple[str, str]]:
        return [(stored.kind, stored.key) for stored, _ in self.cases.values() if stored.state == "open"]

    def case_kinds(self) -> list[str]:
        return sorted(kind for kind, _ in self.open_cases())

    def ci_of(self, text: str, ref: str = "host") -> Ci:
        found = [r for r in self.records.values() if r.view.source.text == text and r.view.ref == ref and not r.view.is_closed]
        return self.cis[found[-1].view.ci_id or ""]

    def effective(self, text: str, ref: str = "host") -> dict[str, Any]:
        return self.merged(self.ci_of(text, ref).id).plain()

    def active(self, kind: str = "", attribute: str = "") -> list[StoredDifference]:
        found = [d for d in self.differences.values() if d.state in ACTIVE_STATES]
        return [d for d in found if (not kind or d.kind == kind) and (not attribute or d.attribute == attribute)]

    def _create(self, ci_class: str, owner: str | None) -> str:
        ci_id = f"ci-{len(self.cis) + 1}"
        self.cis[ci_id] = Ci(ci_id, len(self.cis) + 1, ci_class, owner)
        return ci_id

    def _add(self, record: Record) -> Record:
        self.records[record.view.id] = record
        return record

    def _change(self, record_id: int, **fields: Any) -> None:
        self.records[record_id].view = msgspec.structs.replace(self.records[record_id].view, **fields)

    def _id(self) -> int:
        self._next += 1
        return self._next
