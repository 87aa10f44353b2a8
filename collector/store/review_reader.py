"""What people read beside differences: policies, approved changes, decisions that wait, the backlog, types of relations.

A part of `Reader`; each call reads one consistent state on a connection of its own and blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from collector.reconcile.policy_document import check_policies
from collector.store import policy_set, read_review, stored_change
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.policy_trial import DAYS_30_MS, try_policies
from collector.store.reading import Reading
from muster.clock import Clock
from muster.model.ci_class import ClassCatalogue
from muster.model.relation_type import shipped_relations
from muster.ports import Page
from muster.review import BacklogRow, ChangeView, PolicyList, PolicyTest, RelationTypeView, ReviewCounts, WaitingView

DEFAULT_LIMIT = 50


class ReviewReader:
    """Reads. Raises NotFoundError for an unknown id, InputError for a cursor that is none, UnavailableError."""

    _database: Database
    _catalogue: ClassCatalogue
    _clock: Clock

    def _on(self, connection: Connection) -> Reading:
        raise NotImplementedError

    def review_counts(self) -> ReviewCounts:
        """How much waits for a decision."""
        with self._database.connect() as connection:
            return read_review.load_counts(self._on(connection))

    def review_backlog(self) -> list[BacklogRow]:
        """What waits for each configuration manager, the largest backlog first."""
        with self._database.connect() as connection:
            return read_review.load_backlog(self._on(connection))

    def list_waiting(self, *, states: Collection[str] = ("waiting",), limit: int = DEFAULT_LIMIT) -> list[WaitingView]:
        """Decisions that wait for a second person, the oldest first."""
        with self._database.connect() as connection:
            return read_review.list_waiting(self._on(connection), states, limit=limit)

    def get_waiting(self, waiting_id: str) -> WaitingView:
        with self._database.connect() as connection:
            return read_review.load_waiting(self._on(connection), waiting_id)

    def list_policies(self) -> PolicyList:
        """Policies and requirements in the order in which they are asked."""
        with self._database.connect() as connection:
            return read_review.load_policy_list(self._on(connection))

    def get_policy_file(self, file: str) -> str:
        """The text of a file in force."""
        with self._database.connect() as connection:
            return policy_set.load_text(connection, file)

    def try_policies(self, documents: Mapping[str, str] | None = None, *, since: int | None = None) -> PolicyTest:
        """What these files (None: the policies in force) would have decided since an instant (None: of the last 30 days).

        Raises DocumentError.
        """
        with self._database.connect() as connection:
            reading = self._on(connection)
            if documents is None:
                policies = policy_set.load_policies(connection, Context(self._catalogue))
            else:
                policies = check_policies(documents, self._catalogue)
            return try_policies(reading, policies, reading.now - DAYS_30_MS if since is None else since)

    def list_changes(self, *, states: Collection[str] = (), cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """ChangeView rows, the latest window first; `states` none named: all."""
        with self._database.connect() as connection:
            return read_review.list_changes(self._on(connection), states, cursor=cursor, limit=limit)

    def get_change(self, change_id: str) -> ChangeView:
        with self._database.connect() as connection:
            return read_review.load_change(self._on(connection), change_id)

    def get_change_document(self, change_id: str) -> str:
        """The YAML in force."""
        with self._database.connect() as connection:
            return stored_change.load_document(connection, change_id)

    def relation_types(self) -> list[RelationTypeView]:
        """The catalogue of relations, by name."""
        return [
            RelationTypeView(
                name=each.name,
                label=each.label,
                inverse=each.inverse,
                from_classes=each.from_classes,
                to_classes=each.to_classes,
                is_directed=not each.undirected,
                has_one_parent=each.one_parent,
                is_acyclic=each.acyclic,
                mode=each.mode,
                propagates=each.propagates,
            )
            for each in sorted(shipped_relations(), key=lambda each: each.name)
        ]
