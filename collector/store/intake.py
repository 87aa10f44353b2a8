"""Reports in groups: those that only confirm what is in force cost two reads and three statements for the whole group.

    receipt = await writer.run_many(receive_reports, (context, envelope))

A report that is anything else goes through `ingest.receive_report`, in its place in the order. Nothing is kept between groups: another
collector, a decision or the sweep may write at any time, so each group reads what is in force. Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec
import zstandard
from sqlalchemy import Connection

from collector.store.bulk import insert_tuples, update_tuples
from collector.store.edit import Context
from collector.store.ingest import Envelope, Receipt, receive_report
from collector.store.journal import COMPRESSION_LEVEL, hash_body
from collector.store.schema import report as journal
from collector.store.schema import section, source
from collector.store.section_state import HOUR_MS, StoredSection, is_as_before, judge_word, load_all_states
from collector.store.source import Grant, StoredSource, check_scope, clock_shift_ms, load_sources, note_attempt
from collector.store.writer import run_guarded
from muster.errors import AuthorisationError
from muster.wire.report import Answer, ReceivedReport, Source

_JOURNAL = ("source_id", "sequence", "body_hash", "body", "content_type", "observed_at", "received_at", "answer")
_SECTION = ("confirmed_at", "stale_at")
_SECTION_KEY = ("source_id", "name")
_SOURCE = ("last_report_at", "last_sequence", "clock_offsets_ms", "software_version")
_Name = tuple[str, str, str]


def receive_reports(connection: Connection, taken: Sequence[tuple[Context, Envelope]], enough: Callable[[], bool]) -> list[Receipt | BaseException]:
    """Each report by the model given with it: what came of it, in order, or the error of one that was refused.

    Fewer than were given where `enough` says so.
    """
    group = _Group(connection, {_name(envelope.report.source) for _, envelope in taken})
    results: list[Receipt | BaseException] = []
    for context, envelope in taken:
        if results and enough():
            break
        receipt = group.confirm(context, envelope)
        results.append(receipt if receipt is not None else _receive_whole(group, context, envelope))
    group.flush()
    return results


def _receive_whole(group: _Group, context: Context, envelope: Envelope) -> Receipt | BaseException:
    group.flush()
    group.forget(_name(envelope.report.source))
    receipt, fault = run_guarded(group.connection, lambda connection: receive_report(connection, context, envelope))
    if fault is not None:
        return fault
    if receipt is not None and receipt.has_outdated:
        group.forget(None)
    return receipt  # type: ignore[no-any-return]  # what receive_report gave


class _Group:
    """What is in force of the sources of a group, and what is written of it at the end."""

    def __init__(self, connection: Connection, names: Collection[_Name]) -> None:
        self.connection = connection
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
        self._sources = load_sources(connection, names)
        states = load_all_states(connection, [each.id for each in self._sources.values()])
        self._sections: dict[int, dict[str, StoredSection]] = {each.id: {} for each in self._sources.values()}
        for state in states:
            self._sections[state.source_id][state.name] = state
        self._journal: list[tuple[Any, ...]] = []
        self._confirmed: dict[tuple[int, str], StoredSection] = {}
        self._heard: dict[int, tuple[StoredSource, int]] = {}

    def confirm(self, context: Context, envelope: Envelope) -> Receipt | None:
        """Take a report that changes nothing; None: it must be taken whole."""
        report = envelope.report
        known = self._sources.get(_name(report.source))
        if known is None or report.states or report.samples or report.tables or report.dropped or not _may(known, report, envelope.token):
            return None
        offsets = note_attempt(known.clock_offsets_ms, envelope.received_at, envelope.sent_at)
        observed_at = min(int(report.observed_at) + clock_shift_ms(offsets), envelope.received_at)
        states = self._sections[known.id]
        for name, word in report.sections.items():
            state = states.get(name)
            if state is None or judge_word(state, word, observed_at) != "confirmed" or not is_as_before(state, word):
                return None
            if state.stale_at is None or state.is_outdated or state.confirmed_at // HOUR_MS != observed_at // HOUR_MS:
                return None
        for name in report.sections:
            states[name].confirm(observed_at, context.settings)
            self._confirmed[known.id, name] = states[name]
        known.clock_offsets_ms, known.last_sequence = offsets, report.sequence
        known.software_version = report.software_version or known.software_version
        self._heard[known.id] = (known, envelope.received_at)
        answer = Answer(report.sequence)
        body = self._compressor.compress(envelope.body)
        row = (known.id, report.sequence, hash_body(envelope.body), body, envelope.content_type, observed_at, envelope.received_at)
        self._journal.append((*row, msgspec.msgpack.encode(answer)))
        return Receipt(answer, known.id)

    def forget(self, name: _Name | None) -> None:
        """A report of this source is taken whole: what is in force of it is not known any more; of a new one (None: of any), of no source."""
        if name is None or self._sources.pop(name, None) is None:
            self._sources.clear()

    def flush(self) -> None:
        """Write what was confirmed so far."""
        if not self._journal:
            return
        insert_tuples(self.connection, journal, _JOURNAL, self._journal)
        confirmed = [(each.confirmed_at, each.stale_at, *key) for key, each in self._confirmed.items()]
        update_tuples(self.connection, section, _SECTION, _SECTION_KEY, confirmed)
        update_tuples(self.connection, source, _SOURCE, ("id",), list(_heard_rows(self._heard.values())))
        self._journal.clear()
        self._confirmed.clear()
        self._heard.clear()


def _name(told: Source) -> _Name:
    return told.kind, told.name, told.instance


def _may(known: StoredSource, report: ReceivedReport, grant: Grant) -> bool:
    """Whether nothing of the source itself changes, and the sequence is a new one."""
    if known.state != "active" or known.key.zone != report.source.zone or known.last_sequence is None or report.sequence <= known.last_sequence:
        return False
    if grant.source_id != known.id and (grant.source_id is not None or grant.token_id is not None):
        return False
    try:
        check_scope(report.source, grant.scope)
    except AuthorisationError:
        return False
    return True


def _heard_rows(heard: Iterable[tuple[StoredSource, int]]) -> Iterable[tuple[Any, ...]]:
    for known, at in heard:
        yield at, known.last_sequence, msgspec.json.encode(known.clock_offsets_ms).decode(), known.software_version, known.id
