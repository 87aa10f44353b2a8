"""The collector process: opens the store, starts what writes, evaluates and delivers, serves, and stops cleanly.

What leaves the collector for other tools (`exporters`) is an argument: `muster/cli/collector.py` joins the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import random
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import text

from collector.api.application import Ground, make_app
from collector.api.authentication import Authenticator
from collector.api.parts import Parts
from collector.class_folder import check_at_start, make_class_folder
from collector.configuration_note import note_documents, note_start
from collector.document_folder import DocumentFolder
from collector.duty import Duties, Liveness, Pace, Trend, repeat
from collector.evaluation import Evaluation, EvaluationSettings, Surroundings
from collector.incidents.outbox import Outbox, OutboxSettings
from collector.incidents.target_document import ConfiguredTarget, parse_targets
from collector.listening import Listener
from collector.review_folder import make_review_folders
from collector.service_figure import ServiceEngine
from collector.services.availability import compute
from collector.services.catalogue import check_document
from collector.services.holiday import closed_dates
from collector.settings import CollectorSettings, check_settings
from collector.store.catalogue import DIRECTORY, apply_documents
from collector.store.edit import Context
from collector.store.engine import Database, open_database
from collector.store.liveness import BEAT_SECONDS
from collector.store.migrate import migrate_database
from collector.store.outbox import Announcement
from collector.store.reader import Reader
from collector.store.retention import RetentionSettings
from collector.store.writer import Writer
from muster.clock import Clock, SystemClock
from muster.config import hide_password
from muster.errors import MusterError
from muster.model.ci_class import ClassCatalogue, load_catalogue
from muster.ports import CmdbReader, CollectorFigures, Target

log = structlog.get_logger(__name__)
SKEW_SECONDS = 60.0
ENGINE = ServiceEngine(compute=compute, check_document=check_document, closed_dates=closed_dates)


@dataclass(frozen=True)
class Exports:
    """What exporters do for the collector; both renderers block. `target_kinds`: the kinds of incident targets, by name."""

    render_metrics: Callable[[CmdbReader, CollectorFigures, int], bytes]
    render_targets: Callable[[CmdbReader, ClassCatalogue, str, int | None], bytes]
    target_kinds: Mapping[str, Target]


@dataclass
class Signals:
    """How the process is told: `stop` ends it, `reload` reads the folders again. `on_listening` gets the bound host and port."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    on_listening: Callable[[tuple[str, int]], None] = lambda _: None


async def run_collector(settings: CollectorSettings, exports: Exports, signals: Signals, *, clock: Clock | None = None) -> None:
    """Serve until `signals.stop` is set. Raises ConfigurationError, UnavailableError where it cannot start."""
    check_settings(settings)
    database = open_database(settings.database_url)
    try:
        revision = await asyncio.to_thread(migrate_database, database)
        log.info("store_opened", database=hide_password(settings.database_url), revision=revision)
        writer = Writer(database)
        writer.start()
        try:
            await _Collector(settings, exports, database, writer, clock or SystemClock()).run(signals)
        finally:
            await asyncio.get_running_loop().shutdown_default_executor()  # what a cancelled part still reads in a thread ends first
            writer.stop()
    finally:
        database.close()
    log.info("collector_stopped")


class _Collector:
    """The parts of one running collector, joined."""

    def __init__(self, settings: CollectorSettings, exports: Exports, database: Database, writer: Writer, clock: Clock) -> None:
        self._settings, self._exports, self._database, self._writer, self._clock = settings, exports, database, writer, clock
        self._refusals: Counter[str] = Counter()
        self._classes = load_catalogue(*([Path(settings.classes_directory)] if settings.classes_directory else []))
        self._context = Context(self._classes, settings=settings.reconciliation, initial_discovery=settings.initial_discovery or None)
        self._reader = Reader(database, self._classes, clock=clock, settings=settings.reconciliation, refused=lambda: dict(self._refusals))
        self._announcement = Announcement(instance=socket.gethostname(), public_url=settings.url)
        self._targets: list[ConfiguredTarget] = []
        self._outbox = Outbox(
            writer.run,
            [],
            clock=clock,
            settings=OutboxSettings(holder=self._holder, allow_loopback=settings.webhooks_to_loopback),
            announcement=self._announcement,
            randomness=random.SystemRandom(),
        )
        self._evaluation = Evaluation(
            Surroundings(
                connect=database.connect,
                transaction=writer.run,
                find_query=self._reader.find_cis,
                engine=ENGINE,
                classes=self._classes,
                clock=clock,
                targets=lambda: self._targets,
                announcement=self._announcement,
                on_changes=self._outbox.poke,
            ),
            EvaluationSettings(every_seconds=settings.evaluation_seconds, clear_ms=_to_ms(settings.incident_clear_seconds)),
        )
        self._folders = self._make_folders()
        self._loaded_at: int | None = None
        self._skew_ms = 0
        self._duties = self._make_duties()

    @property
    def _holder(self) -> str:
        """The same after a restart, so that no lease must run out first."""
        return f"{socket.gethostname()}:{Path(self._settings.state_directory).resolve()}"

    async def run(self, signals: Signals) -> None:
        liveness = Liveness(self._writer, self._clock)
        await liveness.beat()
        await check_at_start(self._writer.run, self._classes)
        await note_start(self._writer.run, self._settings, self._classes, self._clock.now_ms())
        await self._load_folders()
        ground = Ground(
            settings=self._settings,
            reader=self._reader,
            writer=self._writer,
            clock=self._clock,
            catalogue=self._classes,
            authenticator=Authenticator(self._database, self._writer, self._clock),
            refusals=self._refusals,
        )
        listener = Listener(make_app(ground, self._make_parts()), self._settings)
        tasks = [
            asyncio.ensure_future(each)
            for each in (
                self._duties.run(),
                self._outbox.run(),
                repeat("liveness", BEAT_SECONDS, liveness.beat),
                repeat("clock_skew", SKEW_SECONDS, self._read_skew),
                self._reload_when_told(signals),
                *(folder.watch() for folder in self._folders),
            )
        ]
        try:
            address = await listener.start()
            log.info("listening", url=self._settings.url, host=address[0], port=address[1])
            signals.on_listening(address)
            await _wait(signals.stop, tasks)
            log.info("stopping")
        finally:
            await listener.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(MusterError):
                await liveness.end()

    def _make_duties(self) -> Duties:
        settings = self._settings
        days = (settings.report_retention_days, settings.sample_retention_days, settings.observation_retention_days)
        return Duties(
            self._database,
            self._writer,
            self._context,
            clock=self._clock,
            holder=self._holder,
            pace=Pace(
                settings.sweep_seconds,
                RetentionSettings(journal_days=days[0], sample_days=days[1], observation_days=days[2]),
                Trend(self._reader.cmdb_health, settings.health_retention_days),
            ),
            beside=self._evaluation.run,
            on_changes=self._evaluation.poke,
        )

    def _make_parts(self) -> Parts:
        return Parts(
            context=self._context,
            engine=ENGINE,
            read_case=self._evaluation.read_case,
            poke=self._evaluation.poke,
            poke_outbox=self._outbox.poke,
            targets=lambda: self._targets,
            send_test=self._outbox.send_test,
            announcement=self._announcement,
            render_metrics=lambda: self._exports.render_metrics(self._reader, self._figures(), self._clock.now_ms()),
            render_targets=lambda job, port: self._exports.render_targets(self._reader, self._classes, job, port),
            readiness=self._find_faults,
        )

    def _make_folders(self) -> list[DocumentFolder]:
        made = []
        if self._settings.classes_directory:
            made.append(make_class_folder(Path(self._settings.classes_directory), self._classes, self._writer.run, self._clock))
        if self._settings.services_directory:
            made.append(DocumentFolder("services", Path(self._settings.services_directory), self._apply_services))
        if self._settings.targets_directory:
            made.append(DocumentFolder("targets", Path(self._settings.targets_directory), self._apply_targets))
        folders = (self._settings.policies_directory, self._settings.changes_directory)
        return made + make_review_folders(*folders, self._context, self._writer.run, clock=self._clock)

    async def _apply_services(self, texts: Mapping[str, str]) -> None:
        now = self._clock.now_ms()
        await self._writer.run(lambda connection: apply_documents(connection, texts, self._classes, now, owner=DIRECTORY, removes_absent=True))
        self._evaluation.poke()

    async def _apply_targets(self, texts: Mapping[str, str]) -> None:
        self._targets = await asyncio.to_thread(parse_targets, texts, self._exports.target_kinds)
        self._outbox.replace_targets(self._targets)
        await note_documents(self._writer.run, "targets", texts, self._clock.now_ms())

    async def _load_folders(self) -> None:
        if all([await folder.load() for folder in self._folders]):
            self._loaded_at = self._clock.now_ms()

    async def _reload_when_told(self, signals: Signals) -> None:
        while True:
            await signals.reload.wait()
            signals.reload.clear()
            try:
                await self._load_folders()
            except Exception:
                log.exception("reload_failed")

    async def _read_skew(self) -> None:
        """The largest offset of a source's clock: looked at once a minute, not at each scrape."""

        def read() -> int:
            largest = 0
            cursor: str | None = None
            while True:
                page = self._reader.list_sources(states=("active",), cursor=cursor, limit=500)
                largest = max([largest, *(abs(int(each.clock_offset_ms)) for each in page.items)])
                cursor = page.next_cursor
                if cursor is None:
                    return largest

        self._skew_ms = await asyncio.to_thread(read)

    def _figures(self) -> CollectorFigures:
        return CollectorFigures(
            version=importlib.metadata.version("muster-cmdb"),
            last_evaluation_at=self._evaluation.last_evaluation_at,
            evaluation_seconds=self._evaluation.last_seconds,
            configuration_loaded_at=self._loaded_at,
            clock_skew_ms=self._skew_ms,
            deliveries_total=dict(self._outbox.outcomes),
            stopped_targets=tuple(self._outbox.stopped_targets()),
            removed_total=dict(self._duties.removed_total),
        )

    def _find_faults(self) -> Sequence[str]:
        """Blocks: asks the database."""
        faults = ["the store does not take writes; see the log"] if self._writer.figures.is_failing else []
        try:
            with self._database.connect() as connection:
                connection.execute(text("SELECT 1"))
        except MusterError:
            faults.append("the database does not answer; see the log")
        return faults


async def _wait(stop: asyncio.Event, tasks: Sequence[asyncio.Future[None]]) -> None:
    """Until told to stop; a part that ends by itself ends the process with its error."""

    async def told() -> None:
        await stop.wait()

    waiting = asyncio.ensure_future(told())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        waiting.cancel()


def _to_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
