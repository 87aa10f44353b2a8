"""What auditors and configuration managers read of the CMDB as a whole: its audit trail, its health and its verification runs.

The half of `Reader` that proves rather than shows; each call reads one consistent state on a connection of its own and blocks.
"""

from __future__ import annotations

from functools import cached_property

from collector.store import audit_chain
from collector.store.audit_chain import Head, Verdict, Wanted
from collector.store.engine import Database
from collector.store.health_day import load_days
from collector.store.read_health import HealthMeasure
from collector.store.reading import check_limit, make_cursor, read_cursor
from muster.clock import Clock
from muster.cmdb_health import CmdbHealth, FigureName, HealthDay, HealthScope
from muster.model.ci_class import ClassCatalogue
from muster.ports import Page

DEFAULT_LIMIT = 50


class AssuranceReader:
    """Reads. Raises NotFoundError for an unknown id, InputError for a filter or cursor that is none, UnavailableError."""

    _database: Database
    _catalogue: ClassCatalogue
    _clock: Clock

    @cached_property
    def _health(self) -> HealthMeasure:
        return HealthMeasure(self._catalogue, self._clock)

    def cmdb_health(self, scope: HealthScope | None = None, *, is_fresh: bool = False) -> CmdbHealth:
        """The figures of a scope. On a large estate they may be some minutes old, unless `is_fresh`."""
        with self._database.connect() as connection:
            return self._health.measure(connection, scope or HealthScope(), is_fresh=is_fresh)

    def list_health(self, name: FigureName, scope: HealthScope | None = None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """HealthItem rows: what stands behind a figure."""
        with self._database.connect() as connection:
            return self._health.list_items(connection, name, scope or HealthScope(), cursor=cursor, limit=limit)

    def health_days(self, since: int = 0) -> list[HealthDay]:
        """The figures day by day, oldest first."""
        with self._database.connect() as connection:
            return load_days(connection, since)

    def list_audit(self, wanted: Wanted | None = None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """AuditEntry rows, newest first."""
        chosen, values = wanted or Wanted(), read_cursor(cursor, "audit", 1)
        with self._database.connect() as connection:
            before = int(values[0]) if values is not None and isinstance(values[0], int) else None
            found = audit_chain.load_entries(connection, chosen, before=before, limit=check_limit(limit) + 1)
            following = make_cursor("audit", found[limit - 1].id) if len(found) > limit else None
            return Page(found[:limit], audit_chain.count_entries(connection, chosen), following)

    def verify_audit(self, expected: Head | None = None) -> Verdict:
        """Follow the audit trail from its first entry; takes about ten microseconds for each."""
        with self._database.connect() as connection:
            return audit_chain.verify(connection, expected=expected)
