"""What auditors and configuration managers read of the CMDB as a whole: its audit trail, its health and its verification runs.

The half of `Reader` that proves rather than shows; each call reads one consistent state on a connection of its own and blocks.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from sqlalchemy import Connection

from collector.store import audit_chain, read_verification
from collector.store.audit_chain import Head, Verdict, Wanted
from collector.store.engine import Database
from collector.store.health_day import load_days
from collector.store.read_health import HealthMeasure
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.verification import Drawn
from collector.store.verification_sample import draw_sample
from muster.clock import Clock
from muster.cmdb_health import CmdbHealth, FigureName, HealthDay, HealthScope
from muster.model.ci_class import ClassCatalogue
from muster.ports import Page
from muster.verification import Finding, Verification, VerificationRecord

DEFAULT_LIMIT = 50


class AssuranceReader:
    """Reads. Raises NotFoundError for an unknown id, InputError for a filter or cursor that is none, UnavailableError."""

    _database: Database
    _catalogue: ClassCatalogue
    _clock: Clock

    def _on(self, connection: Connection) -> Reading:
        raise NotImplementedError

    @cached_property
    def _health(self) -> HealthMeasure:
        return HealthMeasure(self._catalogue, self._clock)

    def cmdb_health(self, scope: HealthScope | None = None, *, is_fresh: bool = False) -> CmdbHealth:
        """The figures of a scope. On a large estate they may be some minutes old, unless `is_fresh`."""
        with self._database.connect() as connection:
            return self._health.measure(connection, scope or HealthScope(), is_fresh=is_fresh)

    def list_health(self, figure: FigureName, scope: HealthScope | None = None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """HealthItem rows: what stands behind a figure."""
        with self._database.connect() as connection:
            return self._health.list_items(connection, figure, scope or HealthScope(), cursor=cursor, limit=limit)

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

    def list_verifications(self, *, states: Collection[str] = (), cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """Verification rows, newest plan first."""
        with self._database.connect() as connection:
            return read_verification.list_verifications(connection, self._clock.now_ms(), states, cursor=cursor, limit=limit)

    def get_verification(self, key: str) -> Verification:
        """By number or id; a signed one is held against its digest."""
        with self._database.connect() as connection:
            return read_verification.load_verification(connection, key, self._clock.now_ms())

    def get_verification_record(self, key: str) -> VerificationRecord:
        """The run whole, as evidence."""
        with self._database.connect() as connection:
            return read_verification.load_record(connection, key, self._clock.now_ms())

    def list_verification_items(self, key: str, *, answers: Collection[str] = (), cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """VerificationItem rows, in the order of the sample."""
        with self._database.connect() as connection:
            return read_verification.list_items(connection, key, answers, cursor=cursor, limit=limit)

    def draw_sample(self, key: str) -> Drawn:
        """The sample of a planned run, as it would be drawn now."""
        with self._database.connect() as connection:
            return draw_sample(self._on(connection), key)

    def list_findings(
        self, *, states: Collection[str] = ("open",), owner: str = "", is_overdue: bool = False, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page:
        """Finding rows, what is due first before the others."""
        with self._database.connect() as connection:
            now = self._clock.now_ms()
            return read_verification.list_findings(connection, now, states, owner=owner, is_overdue=is_overdue, cursor=cursor, limit=limit)

    def get_finding(self, key: str) -> Finding:
        """By number or id."""
        with self._database.connect() as connection:
            return read_verification.load_finding(connection, key, self._clock.now_ms())
