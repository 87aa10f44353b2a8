"""The audit trail as its page shows it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from collector.store.audit_chain import AuditEntry, Verdict
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import say_plain
from collector.web.view.viewpoint import Viewpoint

DETAIL_LENGTH = 400
LISTED = 3


class EntryRow(Struct, frozen=True):
    """One entry. `short`: the beginning of its hash."""

    id: int
    at: Moment
    actor: str
    action: str
    subject: str
    detail: str
    hash: str
    short: str


class VerdictView(Struct, frozen=True):
    """What following the chain came to. The reason stays in English, as the log and the command line give it."""

    is_whole: bool
    entries: int
    head: str
    broken_id: int | None
    reason: str


def to_entry(entry: AuditEntry, viewpoint: Viewpoint) -> EntryRow:
    """One entry with its detail in one line."""
    detail = say_detail(entry.detail, viewpoint)
    return EntryRow(entry.id, to_moment(entry.at, viewpoint), entry.actor, entry.action, entry.subject, detail, entry.hash, entry.hash[:12])


def say_detail(detail: dict[str, Any], viewpoint: Viewpoint) -> str:
    """What is not empty, cut to a line."""
    text = " · ".join(f"{name}: {say_plain(_shorten(value), viewpoint)}" for name, value in detail.items() if value not in (None, "", [], {}, 0))
    return text if len(text) <= DETAIL_LENGTH else text[: DETAIL_LENGTH - 1] + "…"


def _shorten(value: Any) -> Any:
    """Of a long list its beginning."""
    return [*value[:LISTED], "…"] if isinstance(value, list) and len(value) > LISTED else value


def to_verdict(verdict: Verdict) -> VerdictView:
    """As `muster audit verify` prints it."""
    return VerdictView(verdict.broken_id is None, verdict.entries, str(verdict.head), verdict.broken_id, verdict.reason)
