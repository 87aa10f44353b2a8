"""What the resident agent does at each turn: collect, watch, start the inventory, spool, send. The loop: `agent/process.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agent.check import CheckBoard
from agent.collection import Collection, Gatherer
from agent.host import Host
from agent.inventory_child import SectionResult
from agent.log import Log
from agent.report import CONTENT_ENCODING, CONTENT_TYPE, Identity, build_report, encode_report, to_section
from agent.settings import Settings
from agent.version import VERSION
from agent.watch import ADDRESS_SECTIONS, LISTENER_SECTION, ListenerWatch, ReadBudget, Watch, is_running
from muster.clock import Clock
from muster.errors import UnavailableError
from muster.wire.sender import Sender
from muster.wire.spool import Spool

RETRY_SECONDS = 60.0
BUSY_SECONDS = 1.0


class Inventory(Protocol):
    """A run of the inventory that may be under way: `agent/inventory_child.py` behind a function."""

    def start(self, sections: Sequence[str], known: Mapping[str, str], done: Callable[[list[SectionResult]], None]) -> bool:
        """Begin to read (no section named: all); `done` is called once with what was read, with nothing where that failed.

        False where one runs already.
        """


class Resident:
    """The agent's state between turns. Driven by `turn`; time comes from the clock, so that a test can drive it as well."""

    def __init__(
        self,
        settings: Settings,
        host: Host,
        gatherer: Gatherer,
        spool: Spool,
        sender: Sender,
        *,
        inventory: Inventory,
        clock: Clock,
        log: Log,
    ) -> None:
        self._settings, self._host, self._gatherer, self._spool, self._sender = settings, host, gatherer, spool, sender
        self._inventory, self._clock, self._log = inventory, clock, log
        now = clock.monotonic_seconds()
        self._next_collection_at, self._next_inventory_at = now, now
        self.board = CheckBoard(settings.interval_seconds, settings.inventory_seconds)
        self._watch, self._listener_watch, self._budget = Watch(host), ListenerWatch(host), ReadBudget(now)
        self._digests: dict[str, str] = {}
        self._told_table = ""
        self._changed: set[str] = set()
        self._wanted: set[str] = set()
        self._faults: dict[tuple[str, str], str] = {}
        self.last_collection: Collection | None = None
        self.collections_total = 0
        self.inventories_total = 0
        self.lost_reports_total = 0
        self._is_spool_failing = False
        self._is_told_to_enrol = False

    def turn(self) -> float:
        """Do what is due; seconds until the next thing is."""
        now = self._clock.monotonic_seconds()
        if now >= self._next_collection_at:
            missed = int((now - self._next_collection_at) // self._settings.interval_seconds)
            self._next_collection_at += (1 + missed) * self._settings.interval_seconds
            self.collect()
        if now >= self._next_inventory_at:
            self._start_whole(now)
        self._start_changed(now)
        self.send()
        now = self._clock.monotonic_seconds()
        until = min(self._next_collection_at, self._next_inventory_at) - now
        if len(self._spool):
            until = min(until, max(self._sender.seconds_until_attempt(), 0.05))
        return max(0.0, until)

    def note_address_change(self) -> None:
        """An interface or address of this machine has changed."""
        self._changed.update(ADDRESS_SECTIONS)

    def collect(self) -> None:
        """Metrics, states and what has changed, as one report in the spool."""
        collection = self._gatherer.gather()
        self.last_collection = collection
        self.collections_total += 1
        self._note_faults("collector", {name: collection.faults.get(name, "") for name in self._gatherer.names})
        self._changed |= self._watch.changed()
        listeners, has_changed = self._listener_watch.observe()
        if has_changed:
            self._changed.add(LISTENER_SECTION)
        at = self._clock.now_ms()
        # A state names an item, so the first inventory goes before the first state.
        states = self.board.observe(at, listeners=listeners, is_running=self._is_running, is_fresh=False) if self.inventories_total else []
        has_table = collection.table.digest != self._told_table
        if self._store(at, collection=collection, has_table=has_table, states=states, keeps=len(states) > 1):
            self._told_table = collection.table.digest

    def send(self) -> None:
        """Deliver what waits, and note what the collector wants in full."""
        outcome = self._sender.send_pending()
        for refusal in outcome.refusals[:20]:
            self._log("warning", "part_refused", path=refusal.path, reason=refusal.reason)
        if outcome.settings.get("enrol_again") and not self._is_told_to_enrol:
            self._log("error", "enrol_again", reason="another machine has this enrolment; run `muster agent enrol` on this one")
        self._is_told_to_enrol = bool(outcome.settings.get("enrol_again")) or (self._is_told_to_enrol and not outcome.delivered)
        for digest in outcome.want:
            if digest == self._told_table:
                self._told_table = ""
            self._wanted.update(name for name, known in self._digests.items() if known == digest)

    def _start_whole(self, now: float) -> None:
        # Before the start, for a start that fails at once sets an earlier time.
        self._next_inventory_at = now + self._settings.inventory_seconds
        if self._inventory.start((), self._known(set(self._digests) - self._wanted), self._take_inventory):
            self._changed.clear()
            self._wanted.clear()
        else:
            self._next_inventory_at = now + BUSY_SECONDS

    def _start_changed(self, now: float) -> None:
        names = self._changed | self._wanted
        if not names or not (self._wanted or self._budget.take(now)):
            return
        # What the collector wants goes in full although nothing has changed.
        if self._inventory.start(sorted(names), self._known(names - self._wanted), self._take_inventory):
            self._changed.clear()
            self._wanted.clear()

    def _known(self, names: set[str]) -> dict[str, str]:
        return {name: self._digests[name] for name in names if name in self._digests}

    def _take_inventory(self, results: list[SectionResult]) -> None:
        if not results:
            self._next_inventory_at = self._clock.monotonic_seconds() + min(RETRY_SECONDS, self._settings.inventory_seconds)
            return
        self.inventories_total += 1
        self._note_faults("section", {each.name: each.reason if each.status == "failed" else "" for each in results})
        for each in results:
            self._watch.set_paths(each.name, each.watched)
            if each.status == "ok":
                self._digests[each.name] = each.digest
                self.board.set_subjects(each.name, each.subjects)
        at = self._clock.now_ms()
        is_fresh = any(each.name == "systemd_unit" and each.status == "ok" for each in results)
        listeners, has_changed = self._listener_watch.observe()
        if has_changed:
            self._changed.add(LISTENER_SECTION)
        states = self.board.observe(at, listeners=listeners, is_running=self._is_running, is_fresh=is_fresh)
        sections = {each.name: to_section(each, self._settings.inventory_seconds) for each in results}
        if not self._store(at, sections=sections, states=states, keeps=True):
            # Nothing of it is on its way: read and send it in full again.
            for each in results:
                self._digests.pop(each.name, None)
            self._changed.update(each.name for each in results)

    def _store(self, at: int, *, keeps: bool, **parts: Any) -> bool:
        sequence = self._spool.next_sequence
        identity = Identity(self._settings.name, self._spool.instance, self._settings.zone, VERSION)
        body = encode_report(build_report(identity, sequence, at, dropped=self._spool.dropped(), **parts))
        try:
            self._spool.add(sequence, body, keeps=keeps, now_ms=at, content_type=CONTENT_TYPE, content_encoding=CONTENT_ENCODING)
        except UnavailableError as error:
            self.lost_reports_total += 1
            if not self._is_spool_failing:
                self._log("error", "spool_failed", reason=str(error))
            self._is_spool_failing = True
            return False
        if self._is_spool_failing:
            self._log("info", "spool_recovered", lost=self.lost_reports_total)
        self._is_spool_failing = False
        return True

    def _is_running(self, unit: str) -> bool | None:
        return is_running(self._host, unit)

    def _note_faults(self, kind: str, faults: Mapping[str, str]) -> None:
        """Log a fault when it begins and when it ends, not each time; an empty reason is no fault."""
        for name, reason in faults.items():
            key = (kind, name)
            if reason and self._faults.get(key) != reason:
                self._log("warning", f"{kind}_failed", **{kind: name}, reason=reason)
                self._faults[key] = reason
            elif not reason and self._faults.pop(key, ""):
                self._log("info", f"{kind}_recovered", **{kind: name})
