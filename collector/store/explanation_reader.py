"""The half of `Reader` that answers "why"; each call reads one consistent state on a connection of its own and blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from collector.store import read_explanation
from collector.store.case_material import Material, TakenReport, iterate_reports, load_material, load_sources
from collector.store.engine import Database
from collector.store.reading import Reading
from muster.explanation import CaseExplanation, CiExplanation, DifferenceExplanation

BuildCase = Callable[[Material, Mapping[int, tuple[str, str, str, str]], Iterable[TakenReport]], dict[str, Any]]


class ExplanationReader:
    """Reads. Raises NotFoundError for an unknown id or attribute, UnavailableError."""

    _database: Database

    def _on(self, connection: Connection) -> Reading:
        raise NotImplementedError  # `Reader` reads by its own model and clock

    @property
    def database(self) -> Database:
        """What is read: for long work that reads a part at a time."""
        return self._database

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

    def export_case(self, key: str, build: BuildCase) -> dict[str, Any]:
        """What `build` makes of the reports and decisions about a CI and its neighbourhood. Raises InputError where those are too many."""
        with self._database.connect() as connection:
            material = load_material(connection, key)
            ids = {each.source_id for each in material.records}
            return build(material, load_sources(connection, ids), iterate_reports(connection, ids))
