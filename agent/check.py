"""States of the host, its listening sockets and its systemd units as checks: transitions at once, and confirmations.

Pure: what was observed comes in, state reports go out. A check that nothing observed is not reported, so that it becomes unknown at
the collector and never stays up by silence (docs/agent.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

HEARTBEAT = "agent_heartbeat"
LISTENING = "listening"
SYSTEMD_UNIT = "systemd_unit"
CONFIRM_SECONDS = 60
# A part that went away is reported as down for a week: long enough for any outage, short enough that a retired one is forgotten.
FORGET_SECONDS = 7 * 86_400
# So long after a change it is confirmed at each collection: a collector wants several failures before it believes, and evidence of
# lasting recovery before it resolves.
EAGER_SECONDS = 600
MAXIMUM_CHECKS = 2048

# systemd's active states (systemd(1)). A unit that is about to start or stop is neither up nor down yet.
_UNIT_STATES = {
    "active": "up",
    "reloading": "up",
    "refreshing": "up",
    "activating": "degraded",
    "deactivating": "degraded",
    "maintenance": "degraded",
}


class Check(NamedTuple):
    """What is known of one check; instants in milliseconds UTC, 0: never. `changed_at`: when it last went from one state to another."""

    state: str
    since: int
    reported_at: int
    last_up_at: int
    reason: str = ""
    changed_at: int = 0


class CheckBoard:
    """Every check that this agent has seen up. Kept over a restart by `to_document`, so that what ended meanwhile is down, not unknown."""

    def __init__(self, interval_seconds: int, inventory_seconds: int) -> None:
        self._interval_seconds = interval_seconds
        self._inventory_seconds = inventory_seconds
        self._listeners: dict[tuple[str, ...], str] = {}
        self._units: dict[str, tuple[str, ...]] = {}
        self._checks: dict[tuple[str, str], Check] = {}
        self._has_units = False

    def set_subjects(self, section: str, subjects: Sequence[Sequence[str]]) -> None:
        """The subjects of a section that was just read: (ref, key...)."""
        if section == "listening_service":
            # One that is gone keeps its ref, for it is what a state must name.
            self._listeners.update({tuple(keys): ref for ref, *keys in subjects})
        elif section == "systemd_unit":
            self._units = {ref: tuple(keys) for ref, *keys in subjects}
            self._has_units = bool(subjects)

    def observe(
        self, at: int, *, listeners: Collection[tuple[str, ...]] | None, is_running: Callable[[str], bool | None], is_fresh: bool
    ) -> list[dict[str, Any]]:
        """State reports for a report at `at`: heartbeat, transitions, and confirmations that are due.

        `listeners`: sockets seen now, None where they were not looked at; `is_running`: whether a unit's processes are seen now, None
        where that cannot be told; `is_fresh`: whether units were asked for just now.
        """
        found = [to_state("host", HEARTBEAT, "up", at, interval_seconds=self._interval_seconds)]
        if listeners is not None:
            for key, ref in list(self._listeners.items()):
                is_up = key in listeners
                found += self._note((ref, LISTENING), "up" if is_up else "down", "" if is_up else "nothing listens there", at)
        for ref, (name, active, sub_state) in self._units.items():
            found += self._observe_unit(ref, name, active, sub_state, at=at, is_fresh=is_fresh, is_running=is_running)
        if is_fresh and self._has_units:
            gone = [ref for ref, check in self._checks if check == SYSTEMD_UNIT and ref not in self._units]
            for ref in gone:
                found += self._note((ref, SYSTEMD_UNIT), "down", "the unit is gone", at, interval_seconds=self._inventory_seconds)
        self._forget(at)
        return found

    def to_document(self) -> dict[str, Any]:
        """What must outlive this process, as plain values."""
        return {
            "listeners": [[ref, *key] for key, ref in self._listeners.items()],
            "checks": [[*key, *check] for key, check in self._checks.items()],
        }

    def load_document(self, document: Mapping[str, Any]) -> None:
        """Take what an earlier process kept. Raises ValueError, TypeError, KeyError where it is malformed: then start anew."""
        listeners = {tuple(map(str, keys)): str(ref) for ref, *keys in document["listeners"]}
        checks = {(str(ref), str(name)): Check(*values) for ref, name, *values in document["checks"]}
        # What was reported by another process must be confirmed by this one.
        self._listeners = listeners
        self._checks = {key: check._replace(reported_at=0) for key, check in checks.items()}

    def _observe_unit(
        self, ref: str, name: str, active: str, sub_state: str, *, at: int, is_fresh: bool, is_running: Callable[[str], bool | None]
    ) -> Iterable[dict[str, Any]]:
        state = _UNIT_STATES.get(active, "down")
        key = (ref, SYSTEMD_UNIT)
        if state == "down" and active != "failed" and key not in self._checks:
            return []  # at rest, and never seen otherwise
        if is_fresh:
            return self._note(key, state, "" if state == "up" else f"{active} ({sub_state})", at, interval_seconds=self._inventory_seconds)
        if state == "up" and sub_state == "running" and is_running(name):
            return self._note(key, "up", "", at)
        return []

    def _note(self, key: tuple[str, str], state: str, reason: str, at: int, *, interval_seconds: int = CONFIRM_SECONDS) -> list[dict[str, Any]]:
        known = self._checks.get(key)
        if known is None:
            if len(self._checks) >= MAXIMUM_CHECKS:
                return []
            known = Check("", at, 0, at)
        is_transition = state != known.state
        since = at if is_transition else known.since
        changed_at = at if is_transition and known.state else known.changed_at
        every_ms = 0 if changed_at and at - changed_at < EAGER_SECONDS * 1000 else (CONFIRM_SECONDS - 1) * 1000
        is_due = is_transition or at - known.reported_at >= every_ms
        last_up_at = at if state == "up" else known.last_up_at
        self._checks[key] = Check(state, since, at if is_due else known.reported_at, last_up_at, reason, changed_at)
        return [to_state(*key, state, at, reason=reason, interval_seconds=interval_seconds)] if is_due else []

    def _forget(self, at: int) -> None:
        gone = [key for key, check in self._checks.items() if check.state != "up" and at - check.last_up_at > FORGET_SECONDS * 1000]
        for key in gone:
            del self._checks[key]
        refs = {ref for ref, _ in gone}
        if refs:
            self._listeners = {key: ref for key, ref in self._listeners.items() if ref not in refs}


def to_state(subject: str, check: str, state: str, at: int, *, reason: str = "", interval_seconds: int) -> dict[str, Any]:
    """A `StateReport` of muster/wire/report.py as plain values."""
    found: dict[str, Any] = {"subject": subject, "check": check, "state": state, "at": at, "interval_seconds": interval_seconds}
    return {**found, "reason": reason[:1024]} if reason else found
