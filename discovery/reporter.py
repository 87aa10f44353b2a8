"""One source of discovery (`snmp`, `ssh` or `sweep` in one zone): builds its reports, spools them, sends them.

Sources are apart because precedence ranks by kind and a source has one zone. Each has its folder below the state directory with
spool, token and the sections that it reported last. Everything here blocks; `discovery/delivery.py` runs it in threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from discovery.section_cache import SectionCache
from muster.clock import Clock
from muster.model.state import SourceKind
from muster.wire.codec import encode
from muster.wire.report import (
    CONTENT_TYPE_MSGPACK,
    Dropped,
    Report,
    SampleBlock,
    Section,
    SeriesDefinition,
    Source,
    StateReport,
)
from muster.wire.sender import Outcome, Sender
from muster.wire.spool import Spool

STATES_PER_REPORT = 5_000
ITEMS_PER_REPORT = 20_000
BLOCKS_PER_REPORT = 64  # the wire's limit on tables of one report
TABLES_KEPT = 16_384
_ENCODING = "zstd"


class SourceName(NamedTuple):
    """What a source of this process is called."""

    kind: SourceKind
    name: str
    zone: str


@dataclass
class _Pending:
    sections: dict[str, Section] = field(default_factory=dict)
    states: list[StateReport] = field(default_factory=list)
    samples: list[tuple[list[SeriesDefinition], SampleBlock]] = field(default_factory=list)


class Reporter:
    """Builds and spools the reports of one source, and sends them when it has a sender.

    Every method may be called from any thread; `write` and `send` let one in at a time.
    """

    def __init__(self, source: SourceName, folder: Path, *, clock: Clock, software_version: str = "") -> None:
        """Open spool and section cache in `folder`. Raises UnavailableError."""
        self.source = source
        self.spool = Spool(str(folder / "spool"))
        self.sender: Sender | None = None
        self.rejected_total = 0
        self._cache = SectionCache(folder / "sections")
        self._clock = clock
        self._software_version = software_version
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        # A thread goes on after the task that waits for it was cancelled, and the sender is for one at a time.
        self._send_lock = threading.Lock()
        self._pending = _Pending()
        self._known_tables: dict[str, None] = {}

    def put(
        self,
        *,
        sections: Mapping[str, Section] | None = None,
        states: Sequence[StateReport] = (),
        samples: tuple[list[SeriesDefinition], SampleBlock] | None = None,
    ) -> None:
        """Queue what was observed; a section replaces an older one of its name that has not been written yet."""
        with self._lock:
            self._pending.sections.update(sections or {})
            self._pending.states.extend(states)
            if samples is not None:
                self._pending.samples.append(samples)

    def take(self) -> list[Report]:
        """What is queued, as whole reports that are not spooled: for printing."""
        with self._lock:
            pending, self._pending = self._pending, _Pending()
        return [self._build(part, sequence) for sequence, part in enumerate(_split(pending))]

    def write(self) -> int:
        """Spool what is queued; how many reports that made. Raises UnavailableError where the disk refuses: it then stays queued."""
        with self._write_lock:
            with self._lock:
                pending, self._pending = self._pending, _Pending()
            parts = _split(pending)
            for done, part in enumerate(parts):
                try:
                    self._write_part(part)
                except BaseException:
                    self._put_back(parts[done:])
                    raise
            return len(parts)

    def send(self, *, budget_seconds: float = 5.0) -> Outcome:
        """Send what is spooled, and spool again in full what the collector lacks. Nothing without a sender."""
        if self.sender is None:
            return Outcome()
        with self._send_lock:
            outcome = self.sender.send_pending(budget_seconds=budget_seconds)
        self.rejected_total += len(outcome.refusals)
        wanted = _Pending()
        for digest in outcome.want:
            found = self._cache.find(digest)
            if found is not None:
                wanted.sections[found[0]] = found[1]
            self._known_tables.pop(digest, None)
        if wanted.sections:
            with self._write_lock:
                for part in _split(wanted):
                    self._spool(self._build(part, self.spool.next_sequence))
        return outcome

    def close(self) -> None:
        """Close the connection; what waits stays in the spool."""
        if self.sender is not None:
            with self._send_lock:
                self.sender.close()

    def _write_part(self, part: _Pending) -> None:
        told = {name: self._shorten(name, section) for name, section in part.sections.items()}
        self._spool(self._build(_Pending(told, part.states, part.samples), self.spool.next_sequence))
        for name, section in part.sections.items():
            if told[name].items is not None and section.digest is not None:
                self._cache.save(name, section)

    def _shorten(self, name: str, section: Section) -> Section:
        """Only the digest where this is what was reported last."""
        if section.digest is not None and self._cache.digest_of(name) == section.digest:
            return msgspec.structs.replace(section, items=None, relations=None)
        return section

    def _build(self, part: _Pending, sequence: int) -> Report:
        tables = {block.table: table for table, block in part.samples if block.table not in self._known_tables}
        while len(self._known_tables) + len(tables) > TABLES_KEPT and self._known_tables:
            del self._known_tables[next(iter(self._known_tables))]
        self._known_tables.update(dict.fromkeys(tables))
        return Report(
            source=Source(self.source.kind, self.source.name, self.spool.instance, self.source.zone),
            sequence=sequence,
            observed_at=self._clock.now_ms(),
            sections=part.sections,
            states=part.states,
            tables=tables,
            samples=[block for _, block in part.samples],
            dropped=[Dropped(each.from_sequence, each.to_sequence, each.reason[:256]) for each in self.spool.dropped()],
            software_version=self._software_version,
        )

    def _spool(self, report: Report) -> None:
        body = encode(report, CONTENT_TYPE_MSGPACK, content_encoding=_ENCODING)
        keeps = bool(report.sections or report.states)
        self.spool.add(
            int(report.sequence), body, keeps=keeps, now_ms=self._clock.now_ms(), content_type=CONTENT_TYPE_MSGPACK, content_encoding=_ENCODING
        )

    def _put_back(self, parts: Sequence[_Pending]) -> None:
        with self._lock:
            newer = self._pending
            sections = {name: section for part in parts for name, section in part.sections.items()}
            states = [state for part in parts for state in part.states]
            samples = [sample for part in parts for sample in part.samples]
            self._pending = _Pending(sections | newer.sections, states + newer.states, samples + newer.samples)
            for _, block in samples:
                self._known_tables.pop(block.table, None)


def _split(pending: _Pending) -> list[_Pending]:
    """Parts small enough for one report each; none for nothing."""
    parts: list[_Pending] = []
    current = _Pending()
    count = 0
    for name, section in pending.sections.items():
        size = len(section.items or ()) + len(section.relations or ()) + 1
        if current.sections and count + size > ITEMS_PER_REPORT:
            parts.append(current)
            current, count = _Pending(), 0
        current.sections[name] = section
        count += size
    if current.sections:
        parts.append(current)
    states = [pending.states[at : at + STATES_PER_REPORT] for at in range(0, len(pending.states), STATES_PER_REPORT)]
    samples = [pending.samples[at : at + BLOCKS_PER_REPORT] for at in range(0, len(pending.samples), BLOCKS_PER_REPORT)]
    # Items go before the states that refer to them.
    for at, some in enumerate(states):
        if at == 0 and parts:
            parts[-1].states = some
        else:
            parts.append(_Pending(states=some))
    parts.extend(_Pending(samples=some) for some in samples)
    return parts
