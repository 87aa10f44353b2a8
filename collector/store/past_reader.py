"""What people read of the past: items, lists and differences as they were or as was believed, comparisons and baselines.

The third of `Reader` that tells of other instants than now; each call reads one consistent state on a connection of its own and blocks.
Instants are milliseconds UTC; `known_at` None: by what is known now. Design: docs/time.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from collector.reconcile.settings import Settings
from collector.store import baseline, difference_as_of, read_as_of, read_baseline, read_comparison
from collector.store.ci_past import Moment
from collector.store.engine import Database
from collector.store.read_comparison import Side
from collector.store.reading import Reading
from collector.store.scope import Scope
from muster.clock import Clock
from muster.errors import InputError
from muster.model.ci_class import ClassCatalogue
from muster.ports import BaselineCheck, BaselineCi, BaselineView, CiAsAt, CiComparison, Page

DEFAULT_LIMIT = 50
_FROM, _TO = ("from", "known_from"), ("to", "known_to")  # how a comparison calls the instants of its sides


class PastReader:
    """Reads. Raises NotFoundError for an unknown id, InputError for a query that the past cannot be asked, or an instant to come."""

    _database: Database
    _catalogue: ClassCatalogue
    _clock: Clock
    _settings: Settings

    def _then(self, connection: Connection) -> Reading:
        return Reading(connection, self._catalogue, self._settings, self._clock.now_ms())

    def _moment(self, at: int | None, known_at: int | None, names: tuple[str, str] = ("at", "known")) -> Moment:
        """`names`: of the parameters that gave the two instants."""
        now = self._clock.now_ms()
        for name, instant in zip(names, (at, known_at), strict=True):
            if instant is not None and instant > now:
                raise InputError("that instant has not come yet; ask for one that has passed", path=name)
        return Moment(now if at is None else at, now if known_at is None else known_at)

    def ci_as_at(self, key: str, at: int, known_at: int | None = None) -> CiAsAt:
        """A CI as it was, or as it was believed to be."""
        moment = self._moment(at, known_at)
        with self._database.connect() as connection:
            return read_as_of.load_as_at(self._then(connection), key, moment)

    def list_cis_then(
        self, query: str = "", *, at: int | None, known_at: int | None = None, owner: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """CiSummary rows of what the query found then, by number. `owner`: of what this CI held."""
        moment = self._moment(at, known_at)
        with self._database.connect() as connection:
            return read_as_of.list_as_of(self._then(connection), Scope(query), moment, cursor=cursor, limit=limit, owner=owner)

    def list_differences_then(
        self,
        query: str = "",
        *,
        states: Collection[str] = ("open",),
        at: int | None,
        known_at: int | None = None,
        ci: str | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page:
        """DifferenceView rows that were in these states then, oldest first."""
        moment = self._moment(at, known_at)
        with self._database.connect() as connection:
            reading = self._then(connection)
            ci_id = None if ci is None else read_as_of.find_exact(reading, ci).id
            return difference_as_of.list_differences_then(reading, query, states, moment, ci_id=ci_id, cursor=cursor, limit=limit)

    def compare_ci(
        self, key: str, before: int, after: int | None = None, *, known_before: int | None = None, known_after: int | None = None
    ) -> CiComparison:
        """What became of a CI between two instants."""
        moments = self._moment(before, known_before, _FROM), self._moment(after, known_after, _TO)
        with self._database.connect() as connection:
            return read_comparison.compare_ci(self._then(connection), key, *moments)

    def compare_scope(
        self, scope: Scope, before: tuple[int, int | None], after: tuple[int | None, int | None], *, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """CiComparison rows of a scope between two moments, each (at, known at)."""
        sides = Side(scope, self._moment(*before, _FROM)), Side(scope, self._moment(*after, _TO))
        with self._database.connect() as connection:
            return read_comparison.compare_scopes(self._then(connection), *sides, cursor=cursor, limit=limit)

    # --- baselines ---
    def list_baselines(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """BaselineView rows, the newest first."""
        with self._database.connect() as connection:
            return read_baseline.list_baselines(self._then(connection), cursor=cursor, limit=limit)

    def get_baseline(self, key: str) -> BaselineView:
        """By name or id."""
        with self._database.connect() as connection:
            return read_baseline.load_baseline(self._then(connection), key)

    def list_baseline_cis(self, key: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """BaselineCi rows by number."""
        with self._database.connect() as connection:
            return read_baseline.list_members(self._then(connection), key, cursor=cursor, limit=limit)

    def iterate_baseline(self, key: str) -> Iterator[BaselineCi]:
        """All of them, read block by block on one connection."""
        with self._database.connect() as connection:
            yield from read_baseline.iterate_baseline(self._then(connection), key)

    def compare_baselines(self, key: str, against: str = "now", *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """CiComparison rows from a baseline to another one, or to now."""
        with self._database.connect() as connection:
            return read_baseline.compare_baselines(self._then(connection), key, against, cursor=cursor, limit=limit)

    def check_baseline(self, key: str) -> BaselineCheck:
        """Compute a baseline anew from the history."""
        with self._database.connect() as connection:
            return read_baseline.check_baseline(self._then(connection), key)

    def read_content(self, wish: baseline.BaselineWish) -> baseline.Content:
        """What a baseline would hold that is taken now; to be given to `save_baseline`."""
        moment = baseline.check_wish(wish, self._clock.now_ms())
        with self._database.connect() as connection:
            return baseline.read_content(self._then(connection), wish.scope, moment)
