"""The half of `Reader` that answers "why"; each call reads one consistent state on a connection of its own and blocks."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.store import read_explanation
from collector.store.engine import Database
from collector.store.reading import Reading
from muster.explanation import CaseExplanation, CiExplanation, DifferenceExplanation


class ExplanationReader:
    """Reads. Raises NotFoundError for an unknown id or attribute, UnavailableError."""

    _database: Database

    def _on(self, connection: Connection) -> Reading:
        raise NotImplementedError  # `Reader` reads by its own model and clock

    def explain_ci(self, key: str, attribute: str | None = None) -> CiExplanation:
        """Why records belong to a CI and why its values, or one of them, are in force."""
        with self._database.connect() as connection:
            return read_explanation.explain_ci(self._on(connection), key, attribute)

    def explain_difference(self, difference_id: str) -> DifferenceExplanation:
        """Why there is a difference."""
        with self._database.connect() as connection:
            return read_explanation.explain_difference(self._on(connection), difference_id)

    def explain_case(self, case_id: str) -> CaseExplanation:
        """Why there is a case."""
        with self._database.connect() as connection:
            return read_explanation.explain_case(self._on(connection), case_id)
