"""The part of `Reader` that shows merges before and after they are made; each call reads one consistent state and blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from collector.store import read_merge
from collector.store.engine import Database
from collector.store.reading import Reading
from muster.merge_view import CaseDetail, MergeHistory, MergePreview


class MergeReader:
    """Reads. Raises NotFoundError for an unknown id, InputError for a choice that is none, UnavailableError."""

    _database: Database

    def _on(self, connection: Connection) -> Reading:
        raise NotImplementedError  # `Reader` reads by its own model and clock

    def reading_on(self, connection: Connection) -> Reading:
        """The model and the clock of this reader on another connection, which may be one that writes."""
        return self._on(connection)

    def preview_merge(self, keys: Sequence[str], *, keep: str | None = None, choices: Mapping[str, str] | None = None) -> MergePreview:
        """What a merge of these CIs would make; nothing is written."""
        with self._database.connect() as connection:
            return read_merge.preview_merge(self._on(connection), keys, keep, choices or {})

    def case_detail(self, case_id: str) -> CaseDetail:
        """A case with what speaks for and against it, and what may be decided."""
        with self._database.connect() as connection:
            return read_merge.load_case_detail(self._on(connection), case_id)

    def merge_history(self, key: str) -> MergeHistory:
        """A CI's merges, what was made between a merge and its un-merge, and its tombstones."""
        with self._database.connect() as connection:
            return read_merge.load_merge_history(self._on(connection), key)
