"""The evaluation loop: definitions and transitions in, states, figures, conditions and incidents out, in one transaction.

Reads and arithmetic run in a thread; what is decided is written at once with its deliveries. Design: docs/incidents.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from collector.incidents.condition import Condition
from collector.incidents.incident import Change, Incident
from collector.incidents.lifecycle import LifecycleSettings, decide_changes
from collector.incidents.outbox import Transaction
from collector.incidents.rule import SHIPPED_RULES
from collector.incidents.signal import derive_conditions
from collector.incidents.target_document import ConfiguredTarget
from collector.lasting_fault import LastingFault
from collector.service_figure import Case, FigureCache, ServiceEngine, build_subject
from collector.service_record import StoredDefinition
from collector.service_standing import Catalogue, Standing, assess_components, assess_service, resolve_catalogue
from collector.store.component_timeline import load_timelines
from collector.store.incident import apply_changes, load_incidents, load_particulars, load_recent_changes
from collector.store.outbox import Announcement
from collector.store.service import find_cis, load_records, load_versions, save_record
from muster.clock import Clock
from muster.errors import NotFoundError
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

log = structlog.get_logger(__name__)
HISTORY_MS = 63 * 86_400_000  # the whole of last month and of this one
SUSPECT_MS = 86_400_000


class EvaluationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pace and rules. `clear_ms` None: each rule's own; `settle_seconds`: how long pokes are gathered before an evaluation."""

    every_seconds: float = 15.0
    figures_every_seconds: float = 60.0
    settle_seconds: float = 0.2
    clear_ms: int | None = None
    lifecycle: LifecycleSettings = LifecycleSettings()


@dataclass(frozen=True)
class Surroundings:
    """What the loop needs of the rest of the collector.

    `connect`: a reading connection. `transaction`: one write transaction. `find_query`: the CIs of a query. `targets`: those in
    force now. `on_changes`: told after incidents changed (the outbox's `poke`); called on the loop's thread.
    """

    connect: Callable[[], AbstractContextManager[Connection]]
    transaction: Transaction
    find_query: Callable[[str], Iterable[CiRef]]
    engine: ServiceEngine
    classes: ClassCatalogue
    clock: Clock
    targets: Callable[[], Sequence[ConfiguredTarget]] = tuple
    announcement: Announcement = field(default_factory=Announcement)
    on_changes: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Outcome:
    """What one evaluation found."""

    standings: list[Standing]
    conditions: list[Condition]
    is_whole: bool
    incident_ci_states: Mapping[str, str]


class Evaluation:
    """Evaluates periodically, and at once when poked. `last_evaluation_at` and `last_seconds`: for /metrics."""

    def __init__(self, surroundings: Surroundings, settings: EvaluationSettings | None = None) -> None:
        self._around = surroundings
        self._settings = settings or EvaluationSettings()
        self._started_at = surroundings.clock.now_ms()
        self._wake = asyncio.Event()
        self._fault = LastingFault("evaluation")
        self._caches: dict[str, FigureCache] = {}
        self._catalogue = Catalogue()
        self._figures_at = float("-inf")
        self.last_evaluation_at: int | None = None
        self.last_seconds: float | None = None

    def poke(self) -> None:
        """States, definitions or CIs changed: evaluate at once. Call it on the loop's own thread."""
        self._wake.set()

    async def run(self) -> None:
        """Evaluate until cancelled. A failed evaluation is logged and tried again; nothing of it is written."""
        while True:
            self._wake.clear()
            try:
                await self.evaluate()
                self._fault.end()
            except Exception as error:
                self._fault.note(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.every_seconds):
                    await self._wake.wait()
                    await asyncio.sleep(self._settings.settle_seconds)  # several reports of one event make one evaluation

    async def evaluate(self) -> list[Change]:
        """One evaluation. Returns the changes of incidents, as stored."""
        began = time.perf_counter()
        now = self._around.clock.now_ms()
        outcome = await asyncio.to_thread(self._assess, now)
        changes = await self._around.transaction(lambda connection: self._write(connection, outcome, now))
        self.last_evaluation_at, self.last_seconds = now, time.perf_counter() - began
        for change in changes:
            log.info(
                "incident_changed", type=change.type, incident=change.incident.number, rule=change.incident.rule_id, ci=_name(change.incident.ci)
            )
        if changes:
            self._around.on_changes()
        return changes

    def read_case(self, service_id: str, since: int, until: int) -> Case:
        """The availability case of a service over any window: what the engine computes, and what an auditor recomputes elsewhere.

        The window ends now at the latest, and begins with the target that holds at its end, as the service's own figures do: two
        targets are two cases. Blocking: call it in a thread. Raises NotFoundError where no such service is in force.
        """
        now = self._around.clock.now_ms()
        until = min(until, now)
        with self._around.connect() as connection:
            service = self._resolve(connection, since).services.get(service_id)
            if service is None:
                raise NotFoundError(f"no service {service_id!r} in force; see `muster service list`")
            timelines = load_timelines(connection, service.component_keys(), since=since, now=now)
        past = {key: each.timeline for key, each in service.hear(timelines).items()}
        subject = build_subject(service.document, service.versions, past, self._around.engine)
        target = subject.target_at(until - 1)
        return subject.to_case(subject.begin_of(since, target), until, target=target)

    def _assess(self, now: int) -> Outcome:
        """Read and compute; writes nothing."""
        monotonic = self._around.clock.monotonic_seconds()
        is_due = monotonic - self._figures_at >= self._settings.figures_every_seconds
        with self._around.connect() as connection:
            catalogue = self._catalogue = self._resolve(connection, now - HISTORY_MS)
            for gone in self._caches.keys() - catalogue.services.keys():
                del self._caches[gone]
            keys = {key for each in catalogue.services.values() for key in each.component_keys()}
            timelines = load_timelines(connection, keys, since=now - HISTORY_MS, now=now)
            records = load_records(connection)
            components = assess_components(catalogue, timelines, now)
            failing = {each.ci.id for each in components if each.state == "down"}
            particulars = load_particulars(connection, {each.ci.id for each in components})
            recent = load_recent_changes(connection, failing, now - SUSPECT_MS)
            incident_cis = {each.ci.id for each in load_incidents(connection) if each.ci is not None}
            lifecycles = {ci_id: each.lifecycle for ci_id, each in load_particulars(connection, incident_cis).items()}
        standings = [
            assess_service(
                service,
                timelines,
                records.get(name),
                now,
                engine=self._around.engine,
                cache=self._caches.setdefault(name, FigureCache()),
                is_due=is_due,
            )
            for name, service in sorted(catalogue.services.items())
        ]
        if is_due:
            self._figures_at = monotonic
        described = [
            msgspec.structs.replace(
                each,
                serial=found.serial,
                site=found.site,
                host=found.host,
                suppressed_by="maintenance" if found.lifecycle == "maintenance" else None,
            )
            for each in components
            if (found := particulars.get(each.ci.id)) is not None
        ]
        conditions = derive_conditions(described, [each.service for each in standings], recent_changes=recent, clear_ms=self._settings.clear_ms)
        return Outcome(standings, conditions, not catalogue.faults, lifecycles)

    def _resolve(self, connection: Connection, since: int) -> Catalogue:
        versions: dict[str, list[StoredDefinition]] = {}
        for each in load_versions(connection, since=since):
            versions.setdefault(each.service_id, []).append(each)
        return resolve_catalogue(
            versions,
            known=self._catalogue,
            find_cis=lambda names: find_cis(connection, names),
            find_query=lambda query: list(self._around.find_query(query)),
            classes=self._around.classes,
            check_document=self._around.engine.check_document,
        )

    def _write(self, connection: Connection, outcome: Outcome, now: int) -> list[Change]:
        incidents = load_incidents(connection, [each.key for each in outcome.conditions if each.status == "failing"])
        changes = decide_changes(
            incidents,
            outcome.conditions,
            self._settings.lifecycle,
            now,
            started_at=self._started_at,
            removed=find_removed(incidents, outcome),
        )
        for standing in outcome.standings:
            if standing.is_changed:
                save_record(connection, standing.record)
        return apply_changes(connection, changes, self._around.targets(), self._around.announcement)


def find_removed(incidents: Iterable[Incident], outcome: Outcome) -> dict[str, str]:
    """Incidents of shipped rules whose subject is gone: retired, or no component any more. Not while a definition has a fault."""
    said = {each.key for each in outcome.conditions}
    removed: dict[str, str] = {}
    for incident in incidents:
        if incident.key in said or incident.rule_id not in SHIPPED_RULES or incident.state in {"resolved", "closed"}:
            continue
        lifecycle = outcome.incident_ci_states.get(incident.ci.id) if incident.ci else None
        if lifecycle in {"retired", "disposed"}:
            removed[incident.key] = "ci_retired"
        elif outcome.is_whole:
            removed[incident.key] = "rule_removed"
    return removed


def _name(ci: CiRef | None) -> str | None:
    return None if ci is None else ci.name
