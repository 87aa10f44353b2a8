"""The words of the three axes, of check states and of review: one spelling everywhere (docs/reference/terms.md)."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["up", "degraded", "down", "unknown"]
Presence = Literal["seen", "stale", "unknown", "absent"]
Lifecycle = Literal["planned", "in_stock", "live", "maintenance", "retired", "disposed"]
ControlLevel = Literal["governed", "tracked", "ephemeral"]
SourceKind = Literal["agent", "snmp", "ssh", "hypervisor", "cloud", "sweep", "import", "manual", "api"]
SectionStatus = Literal["ok", "failed", "skipped"]
Strength = Literal["strong", "medium", "weak", "locator"]
DifferenceKind = Literal["new_ci", "absent_ci", "changed_attribute", "new_relation", "absent_relation", "class_changed"]
DifferenceState = Literal["open", "accepted", "rejected", "ignored", "pinned", "superseded", "self_resolved", "held"]
CaseKind = Literal["ambiguity", "clone", "duplicate", "replacement", "mass_loss", "resurrection", "quarantine", "class_conflict", "contradiction"]
CaseState = Literal["open", "resolved", "dismissed"]
IncidentState = Literal["pending", "open", "acknowledged", "resolved", "closed"]

STATES: tuple[State, ...] = get_args(State)
