"""For how long an observation is evidence, by its interval and by the times in which no collector could hear the next. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import select

from collector.check_timeline import COLLECTOR_GAP, NO_OBSERVATION
from collector.store.edit import Edit
from collector.store.liveness import Gap, load_gaps
from collector.store.schema import transition
from muster.model.state import State


class Silence(NamedTuple):
    """From when on nothing is known, and why."""

    at: int
    reason: str


class Silences:
    """Finds silence between observations. The collector's own gaps are read once, when a word is more than one interval late."""

    def __init__(self, edit: Edit) -> None:
        self._edit = edit

    @cached_property
    def _gaps(self) -> Sequence[Gap]:
        return load_gaps(self._edit.connection, 0, self._edit.now + 1)

    def holds_ms(self, interval_seconds: int) -> int:
        """How long an observation is evidence while the collector listens."""
        return self._edit.context.settings.evidence_for_ms(interval_seconds)

    def between(self, last_at: int, interval_seconds: int, next_at: int) -> Silence | None:
        """The silence between two successive observations; None where the first is evidence until the second.

        A word may be missed now and then while the collector listens. While it did not run none is taken as said.
        """
        due_at = last_at + interval_seconds * 1000
        if next_at <= due_at + interval_seconds * 1000:
            return None
        gap = next((each for each in self._gaps if each.start_at < next_at and due_at < each.end_at), None)
        if next_at > last_at + self.holds_ms(interval_seconds):
            return Silence(due_at, NO_OBSERVATION if gap is None else COLLECTOR_GAP)
        return None if gap is None else Silence(max(due_at, gap.start_at), COLLECTOR_GAP)

    def state_before(self, ci_id: str, check_name: str, source_id: int, at: int) -> State | None:
        """What a check was before it became unknown; None where nothing was known."""
        is_it = (transition.c.ci_id == ci_id) & (transition.c.check_name == check_name) & (transition.c.source_id == source_id)
        newest = (transition.c.at.desc(), transition.c.known_from.desc(), transition.c.id.desc())
        found: State | None = self._edit.connection.execute(
            select(transition.c.state).where(is_it, transition.c.at < at).order_by(*newest).limit(1)
        ).scalar()
        return None if found == "unknown" else found
