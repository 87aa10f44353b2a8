"""Taking a report: journal, sections, identity, facts, absence, differences and states in one transaction. Design: docs/storage.md.

    receipt = await writer.run(lambda connection: accept_report(connection, context, envelope))

Run it in the writer: a report is journalled with all that follows from it, or not at all. One that changes nothing touches one row
for each of its sections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from collector.store.check import take_states
from collector.store.delivery import Delivery
from collector.store.edit import Context, Edit
from collector.store.journal import Entry, compress_body, find_answer, hash_body, save_answer, save_report
from collector.store.series import save_samples
from collector.store.settle import settle
from collector.store.source import Grant, admit, clock_shift_ms, note_attempt, save_attempt
from collector.store.take import take_sections
from muster.wire.report import Answer, ReceivedReport

__all__ = ["Context", "Envelope", "Grant", "Receipt", "accept_report", "receive_report"]


@dataclass(frozen=True)
class Envelope:
    """One received report. `body`: inflated, as it came; `sent_at`: the attempt's `Muster-Sent-At`; `token`: by which it came."""

    report: ReceivedReport
    body: bytes
    content_type: str
    received_at: int
    sent_at: int | None = None
    token: Grant = field(default_factory=Grant)


@dataclass(frozen=True)
class Receipt:
    """The answer, and what the report changed: `changed_ci_ids` have a new line of history, checks of `states_changed` a transition.

    `has_outdated`: what other sources repeat may mean something else now.
    """

    answer: Answer
    source_id: int
    is_duplicate: bool = False
    changed_ci_ids: frozenset[str] = frozenset()
    states_changed: frozenset[str] = frozenset()
    has_outdated: bool = False


def accept_report(connection: Connection, context: Context, envelope: Envelope) -> Answer:
    """Take a report; the answer may be sent once the transaction is committed.

    Raises AuthorisationError where the token may not report as this source, ConflictError (`sequence-reused`).
    """
    return receive_report(connection, context, envelope).answer


def receive_report(connection: Connection, context: Context, envelope: Envelope) -> Receipt:
    """As `accept_report`, with what changed."""
    report = envelope.report
    known = admit(connection, report.source, envelope.token, envelope.received_at)
    body_hash = hash_body(envelope.body)
    is_higher = known.last_sequence is not None and report.sequence > known.last_sequence
    answered = None if known.is_new or is_higher else find_answer(connection, known.id, report.sequence, body_hash)
    if answered is not None:
        return Receipt(answered, known.id, is_duplicate=True)
    known.clock_offsets_ms = note_attempt(known.clock_offsets_ms, envelope.received_at, envelope.sent_at)
    shift_ms = clock_shift_ms(known.clock_offsets_ms)
    observed_at = min(int(report.observed_at) + shift_ms, envelope.received_at)
    answer = Answer(report.sequence)
    entry = Entry(0, known.id, report.sequence, b"", envelope.content_type, observed_at, envelope.received_at)
    report_id = save_report(connection, entry, body_hash, compress_body(envelope.body), answer)
    delivery = Delivery(known, envelope.token.scope, report, envelope.content_type, observed_at, envelope.received_at, shift_ms)
    edit = Edit(connection, context, envelope.received_at, "report", str(report_id), observed_at, known.id)
    touched = take_sections(edit, delivery)
    states_changed = take_states(edit, delivery)
    settle(edit, touched)
    delivery.wanted += save_samples(
        connection, known.id, tables=report.tables, samples=report.samples, received_at=envelope.received_at, shift_ms=shift_ms
    )
    full = msgspec.structs.replace(answer, want=list(dict.fromkeys(delivery.wanted)), rejected=delivery.told_rejections(), settings=delivery.settings)
    if full != answer:
        save_answer(connection, report_id, full)
    save_attempt(
        connection,
        known,
        now=envelope.received_at,
        sequence=report.sequence,
        software_version=report.software_version,
        rejected=delivery.rejections,
        rejected_count=delivery.rejected_count,
        dropped=report.dropped,
    )
    return Receipt(
        full, known.id, changed_ci_ids=frozenset(edit.changed_ids), states_changed=frozenset(states_changed), has_outdated=edit.has_outdated
    )
