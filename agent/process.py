"""The resident agent: one thread, one loop. `python -m agent.process SETTINGS`, started by `python -m agent`.

Standard library only, and little of it: what this module loads is what every server pays (docs/agent.md).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence

import agent.metrics
from agent.collection import Gatherer
from agent.exposition import render_exposition
from agent.host import Host
from agent.inventory_child import TIME_LIMIT_SECONDS, InventoryChild, SectionResult
from agent.log import Log
from agent.loop import Loop
from agent.metric import Collector
from agent.metrics_server import MetricsServer
from agent.notification import Notification
from agent.own_metrics import FAMILIES, to_own_samples
from agent.recording import open_host
from agent.resident import Resident
from agent.settings import Settings, parse_settings
from agent.state_file import load_document, lock_folder, save_document
from agent.version import VERSION
from agent.watch import drain, open_change_socket
from muster.clock import Clock, SystemClock
from muster.errors import MusterError, UnavailableError
from muster.plugins import load_plugins
from muster.wire.sender import Sender
from muster.wire.spool import Spool
from muster.wire.token_file import load_token
from muster.wire.transport import Destination

CHECKS_FILE = "checks.json"
SAVE_SECONDS = 300.0
HOUSEKEEPING_SECONDS = 5.0


def load_collectors() -> dict[str, Collector]:
    """Every metric collector, by name."""
    return load_plugins(agent.metrics, "COLLECTOR", Collector)


class ChildInventory:
    """Runs the inventory in a child, one at a time, beside the loop."""

    def __init__(self, loop: Loop, settings: Settings, log: Log, clock: Clock) -> None:
        self._loop, self._settings, self._log, self._clock = loop, settings, log, clock
        self._child: InventoryChild | None = None
        self._done: Callable[[list[SectionResult]], None] = _ignore
        self._deadline = 0.0

    def start(self, sections: Sequence[str], known: Mapping[str, str], done: Callable[[list[SectionResult]], None]) -> bool:
        """Begin to read; False where one runs already."""
        if self._child is not None:
            return False
        try:
            self._child = InventoryChild(self._settings.root, self._settings.recording, sections, known)
        except UnavailableError as error:
            self._log("error", "inventory_failed", reason=str(error))
            done([])
            return True
        self._done, self._deadline = done, self._clock.monotonic_seconds() + TIME_LIMIT_SECONDS
        self._loop.watch(self._child.descriptor, self._gather)
        return True

    def expire(self) -> None:
        """End a child that takes too long."""
        if self._child is not None and self._clock.monotonic_seconds() > self._deadline:
            self._log("error", "inventory_failed", reason=f"took longer than {TIME_LIMIT_SECONDS:.0f} s and was stopped")
            self.stop()
            self._done([])

    def stop(self) -> None:
        """End it now; nothing of it is reported."""
        if self._child is not None:
            self._loop.forget(self._child.descriptor)
            self._child.stop()
            self._child = None

    def _gather(self) -> None:
        child = self._child
        if child is None:
            return
        try:
            if not child.gather():
                return
            self._loop.forget(child.descriptor)
            results = child.finish()
        except UnavailableError as error:
            self._log("error", "inventory_failed", reason=str(error))
            self.stop()
            self._done([])
            return
        self._child = None
        self._done(results)


class AgentProcess:
    """Everything of one agent, joined."""

    def __init__(self, settings: Settings, *, log: Log, clock: Clock | None = None, host: Host | None = None, notification: Notification) -> None:
        """Raises MusterError where a folder, an address or a file is unusable."""
        self._settings, self._log, self._notification = settings, log, notification
        self._clock = clock or SystemClock()
        self._host = host or open_host(settings.root, settings.recording)
        self._spool = Spool(f"{settings.state_directory}/spool", maximum_bytes=settings.spool_bytes)
        self._sender = Sender(
            self._spool,
            Destination(settings.url, settings.ca_file),
            read_token=lambda: load_token(settings.token_file),
            clock=self._clock,
            log=log,
            user_agent=f"muster-agent/{VERSION}",
        )
        self.loop = Loop()
        self._inventory = ChildInventory(self.loop, settings, log, self._clock)
        self._gatherer = Gatherer(self._host, load_collectors())
        self.resident = Resident(
            settings, self._host, self._gatherer, self._spool, self._sender, inventory=self._inventory, clock=self._clock, log=log
        )
        self._server = MetricsServer(self.loop, settings.listen, self.render_metrics) if settings.listen else None
        self._load_checks()
        self._saved_at = self._alive_at = self._clock.monotonic_seconds()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        channel = open_change_socket() if self._host.is_this_machine else None
        if channel is not None:
            self.loop.watch(channel.fileno(), lambda: self.resident.note_address_change() if drain(channel) else None)
        self._log("info", "agent_started", version=VERSION, url=self._settings.url, source=self._settings.name, zone=self._settings.zone)
        self._notification.send("READY=1", f"STATUS=reports to {self._settings.url}")
        try:
            self.loop.run(self._turn)
        finally:
            self._notification.send("STOPPING=1")
            if channel is not None:
                self.loop.forget(channel.fileno())
                channel.close()
            self._close()

    def render_metrics(self) -> str:
        """The exposition, with figures of this moment."""
        collection = self._gatherer.gather()
        samples = [*collection.samples, *to_own_samples(self.resident, self._spool, self._sender, self._log)]
        return render_exposition(samples, {**self._gatherer.families, **FAMILIES})

    def _turn(self) -> float:
        seconds = self.resident.turn()
        now = self._clock.monotonic_seconds()
        self._inventory.expire()
        if self._server is not None:
            self._server.expire()
        if now - self._saved_at >= SAVE_SECONDS:
            self._saved_at = now
            self._save_checks()
        watchdog = self._notification.watchdog_seconds
        if watchdog is not None:
            if now - self._alive_at >= watchdog / 2:
                self._alive_at = now
                self._notification.send("WATCHDOG=1")
            seconds = min(seconds, watchdog / 2)
        return min(seconds, HOUSEKEEPING_SECONDS)

    def _close(self) -> None:
        """Everything back; what waits is in the spool already."""
        self._inventory.stop()
        if self._server is not None:
            self._server.close()
        self._sender.close()
        self._save_checks()
        self._host.close()
        self._log("info", "agent_stopped", waiting=len(self._spool))

    def _checks_file(self) -> str:
        return f"{self._settings.state_directory}/{CHECKS_FILE}"

    def _load_checks(self) -> None:
        document = load_document(self._checks_file())
        try:
            if document:
                self.resident.board.load_document(document)
        except (ValueError, TypeError, KeyError) as error:
            self._log("warning", "checks_forgotten", file=self._checks_file(), reason=str(error))

    def _save_checks(self) -> None:
        try:
            save_document(self._checks_file(), self.resident.board.to_document())
        except OSError as error:
            self._log("warning", "checks_not_saved", file=self._checks_file(), reason=error.strerror)


def _ignore(results: list[SectionResult]) -> None:
    """Before the first start there is nobody to tell."""


def main(arguments: Sequence[str]) -> int:
    """Run the resident agent with the settings that the first argument holds."""
    settings = parse_settings(arguments[0])
    log = Log(level=settings.log_level)
    try:
        with lock_folder(settings.state_directory):
            process = AgentProcess(settings, log=log, notification=Notification())
            # What stands now stays: the collector of cycles need not look at it again (a tenth of a collection's cost).
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            process.run()
    except MusterError as error:
        log("error", "agent_failed", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
