"""A service as the store keeps it: the versions of its definition, and its last evaluation. Pure values."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from muster.model.state import State
from muster.ports import LocalisedText


class StoredDefinition(Struct, frozen=True):
    """One version. `in_force_to` None: still in force; both ends are half-open `[from, to)`."""

    id: int
    service_id: str
    document: str
    in_force_from: int
    in_force_to: int | None
    applied_by: str


class ServiceRecord(Struct, frozen=True, kw_only=True):
    """The last evaluation of a service: what `service_state.figures` holds, so that reading needs no document and no arithmetic."""

    id: str
    name: LocalisedText
    owner: str = ""
    customer: str = ""
    stage: str = "catalogue"
    time_zone: str = "UTC"
    state: State = "unknown"
    since_at: int = 0
    evaluated_at: int = 0
    target: str | None = None
    sla: str = ""
    figures: dict[str, dict[str, Any]] = {}
    tree: dict[str, Any] = {}
    days: list[dict[str, Any]] = []
    counters: dict[str, int] = {}
    is_in_maintenance: bool = False
