"""A condition: what a rule says of one subject now, and the key under which it is the same condition tomorrow.

Pure values. Not for: what becomes of it (`lifecycle.py`). Design: docs/incidents.md.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from msgspec import Struct

from muster.ports import CiRef, LocalisedText

Status = Literal["failing", "ok", "unknown"]
Severity = Literal["critical", "major", "minor", "warning"]


def condition_key(rule_id: str, ci_id: str | None, component: str) -> str:
    """The identity of a condition. Severity, value, message, address and source are never part of it."""
    return hashlib.sha256("\x00".join((rule_id, ci_id or "", component)).encode()).hexdigest()[:32]


class Condition(Struct, frozen=True, kw_only=True):
    """One rule applied to one subject at one evaluation.

    `since_at`: when its status began (for `failing` the first failure). `evidence_at`: the newest observation that says so.
    `transitions_at`: recent changes between good and bad, oldest first. `suppressed_by`: why nobody is told yet. `covered_by`:
    the key of the condition that already tells this one; it then opens no incident of its own.
    """

    rule_id: str
    component: str
    status: Status
    since_at: int
    evidence_at: int
    ci: CiRef | None = None
    service_id: str | None = None
    severity: Severity = "warning"
    impact: int = 3
    urgency: int = 2
    priority: int = 4
    title: LocalisedText = {}
    description: LocalisedText = {}
    confirm_ms: int = 0
    clear_ms: int = 60_000
    services: list[dict[str, Any]] = []
    cis: list[dict[str, Any]] = []
    measurements: list[dict[str, Any]] = []
    recent_changes: list[dict[str, Any]] = []
    labels: dict[str, str] = {}
    transitions_at: tuple[int, ...] = ()
    suppressed_by: str | None = None
    covered_by: str | None = None
    runbook_url: str | None = None

    @property
    def key(self) -> str:
        return condition_key(self.rule_id, self.ci.id if self.ci else None, self.component)
