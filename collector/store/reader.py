"""Everything that people and exporters read, as the structs of `muster.ports`: one door to the read side of the store.

Each call reads one consistent state on a connection of its own and blocks: on an event loop use `await asyncio.to_thread(reader.x, ...)`.
Lists come in pages: give `next_cursor` back as `cursor`. A CI's `key` is its id or its number. Query language: `muster/model/query.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection

from collector.reconcile.settings import Settings
from collector.store import (
    read_account,
    read_ci,
    read_detail,
    read_difference,
    read_group,
    read_history,
    read_incident,
    read_overview,
    read_pin,
    read_record,
    read_relation,
    read_series,
    read_service,
    read_source,
)
from collector.store.assurance_reader import AssuranceReader
from collector.store.engine import Database
from collector.store.explanation_reader import ExplanationReader
from collector.store.merge_reader import MergeReader
from collector.store.past_reader import PastReader
from collector.store.reading import Reading
from collector.store.review_reader import ReviewReader
from muster.clock import Clock
from muster.model.ci_class import ClassCatalogue
from muster.ports import (
    AccountView,
    CaseView,
    CiDetail,
    CiRef,
    CiSummary,
    DecisionView,
    DifferenceView,
    HistoryEntry,
    IncidentView,
    Overview,
    Page,
    RelationView,
    SeriesView,
    ServiceView,
    SourceView,
    TokenView,
)

DEFAULT_LIMIT = 50


class Reader(AssuranceReader, PastReader, ExplanationReader, ReviewReader, MergeReader):
    """Reads. Raises NotFoundError for an unknown id, InputError for a query, sort or cursor that is none, UnavailableError.

    `refused`: reports refused since the start, by the problem's short name; the database does not hold them.
    """

    def __init__(
        self,
        database: Database,
        catalogue: ClassCatalogue,
        *,
        clock: Clock,
        settings: Settings | None = None,
        refused: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._settings = settings or Settings()
        self._refused = refused

    def _on(self, connection: Connection) -> Reading:
        return Reading(connection, self._catalogue, self._settings, self._clock.now_ms())

    def overview(self) -> Overview:
        """The counts of everything."""
        with self._database.connect() as connection:
            return read_overview.load_overview(self._on(connection), self._refused())

    # --- configuration items ---
    def list_cis(self, query: str = "", *, cursor: str | None = None, limit: int = DEFAULT_LIMIT, sort: str = "name") -> Page:
        """CiSummary rows. `sort`: name, number, class, zone, presence, operation, seen, changed or created; `-` before it turns it round."""
        with self._database.connect() as connection:
            return read_ci.list_cis(self._on(connection), query, cursor=cursor, limit=limit, sort=sort)

    def iterate_cis(self, query: str = "") -> Iterator[CiSummary]:
        """All that match, by number; each part of the stream is read when it is reached."""
        cursor: str | None = None
        while True:
            page = self.list_cis(query, cursor=cursor, limit=read_ci.MAXIMUM_LIMIT, sort="number")
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def find_cis(self, query: str) -> list[CiRef]:
        """All that match, by number, as references only."""
        with self._database.connect() as connection:
            return read_ci.find_cis(self._on(connection), query)

    def get_ci(self, key: str) -> CiDetail:
        """The whole page of a CI; of the survivor where it was merged into another."""
        with self._database.connect() as connection:
            return read_detail.load_detail(self._on(connection), key)

    def part_relations(self, key: str) -> list[RelationView]:
        """Relations of a CI's parts to what is no part of it, such as the links of its ports."""
        with self._database.connect() as connection:
            return read_relation.load_part_relations(self._on(connection), key)

    def list_contents(
        self, key: str, ci_class: str, *, query: str = "", cursor: str | None = None, limit: int = DEFAULT_LIMIT, sort: str = "name"
    ) -> Page:
        """Dependent CIs of one class (its sub-classes too), `columns` holding all their effective attributes."""
        with self._database.connect() as connection:
            return read_ci.list_contents(self._on(connection), key, ci_class, query=query, cursor=cursor, limit=limit, sort=sort)

    def ci_history(
        self,
        key: str,
        *,
        attribute: str | None = None,
        layer: str | None = None,
        with_contents: bool = False,
        known_at: int | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page:
        """HistoryEntry rows, newest first. `with_contents`: also of its dependent CIs; `known_at`: as known then."""
        wanted = read_history.Chosen(attribute, layer, with_contents, known_at)
        with self._database.connect() as connection:
            return read_history.list_history(self._on(connection), key, wanted, cursor=cursor, limit=limit)

    def recent_changes(self, *, limit: int = DEFAULT_LIMIT) -> list[HistoryEntry]:
        """The last changes of all CIs, newest first."""
        with self._database.connect() as connection:
            return read_history.load_recent(self._on(connection), limit)

    # --- review ---
    def list_differences(
        self,
        query: str = "",
        *,
        states: Collection[str] = ("open",),
        group: str | None = None,
        ci: str | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
        sort: str = "-risk",
    ) -> Page:
        """DifferenceView rows. The query is of their CIs, and knows kind, attribute, risk and opened; `ci` takes its contents in."""
        with self._database.connect() as connection:
            chosen = read_difference.Selection(query, tuple(states), group, ci)
            return read_difference.list_differences(self._on(connection), chosen, cursor=cursor, limit=limit, sort=sort)

    def difference_groups(
        self, query: str = "", *, states: Collection[str] = ("open",), cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page:
        """DifferenceGroup rows, riskiest first, then the newest."""
        with self._database.connect() as connection:
            chosen = read_difference.Selection(query, tuple(states))
            return read_group.list_groups(self._on(connection), chosen, cursor=cursor, limit=limit)

    def get_difference(self, difference_id: str) -> DifferenceView:
        with self._database.connect() as connection:
            return read_difference.load_difference(self._on(connection), difference_id)

    def list_cases(self, *, states: Collection[str] = ("open",), cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """CaseView rows, newest first."""
        with self._database.connect() as connection:
            return read_difference.list_cases(self._on(connection), states, cursor=cursor, limit=limit)

    def get_case(self, case_id: str) -> CaseView:
        with self._database.connect() as connection:
            return read_difference.load_case(self._on(connection), case_id)

    def list_decisions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """DecisionView rows, newest first."""
        with self._database.connect() as connection:
            return read_difference.list_decisions(self._on(connection), cursor=cursor, limit=limit)

    def get_decision(self, decision_id: str) -> DecisionView:
        with self._database.connect() as connection:
            return read_difference.load_decision(self._on(connection), decision_id)

    def list_records(self, query: str = "", *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """RecordView rows of hosts and devices on record, by number."""
        with self._database.connect() as connection:
            return read_record.list_records(self._on(connection), query, cursor=cursor, limit=limit)

    def list_pins(self, query: str = "", *, owner: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """PinView rows of the CIs that match, those that end first before the others."""
        with self._database.connect() as connection:
            return read_pin.list_pins(self._on(connection), query, owner, cursor=cursor, limit=limit)

    # --- sources ---
    def list_sources(self, *, states: Collection[str] = (), cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """SourceView rows by kind and name; `states`: active, pending, revoked (none named: all)."""
        with self._database.connect() as connection:
            return read_source.list_sources(self._on(connection), states, cursor=cursor, limit=limit)

    def get_source(self, source_id: int) -> SourceView:
        with self._database.connect() as connection:
            return read_source.load_source_view(self._on(connection), source_id)

    # --- services and incidents ---
    def list_services(self) -> list[ServiceView]:
        """Every service in force, by id."""
        with self._database.connect() as connection:
            return read_service.load_views(self._on(connection))

    def get_service(self, service_id: str) -> ServiceView:
        with self._database.connect() as connection:
            return read_service.load_view(self._on(connection), service_id)

    def get_service_document(self, service_id: str) -> str:
        """The YAML in force."""
        with self._database.connect() as connection:
            return read_service.load_document(self._on(connection), service_id)

    def list_incidents(
        self, *, states: Collection[str] = (), service: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page:
        """IncidentView rows, newest first; `states` none named: all."""
        with self._database.connect() as connection:
            return read_incident.list_incidents(self._on(connection), states, service, cursor=cursor, limit=limit)

    def get_incident(self, key: str) -> IncidentView:
        """By id or number."""
        with self._database.connect() as connection:
            return read_incident.load_view(self._on(connection), key)

    # --- metrics ---
    def list_series(self, key: str, *, name: str | None = None) -> list[SeriesView]:
        """The series of a CI and its contents, without points, by name and labels."""
        with self._database.connect() as connection:
            return read_series.list_series(self._on(connection), key, name)

    def series_points(
        self, key: str, names: Sequence[str], *, since: int, until: int, labels: Mapping[str, str] | None = None, points: int = 500
    ) -> list[SeriesView]:
        """Series of these names with their points in `[since, until)`; over `points` a gauge gives means, a counter its last value."""
        with self._database.connect() as connection:
            window = read_series.Window(since, until, points)
            return read_series.load_points(self._on(connection), key, names, window, labels or {})

    # --- people and tokens ---
    def list_tokens(self) -> list[TokenView]:
        """All tokens but used sign-in links, newest first."""
        with self._database.connect() as connection:
            return read_account.list_tokens(self._on(connection))

    def list_accounts(self) -> list[AccountView]:
        """By name."""
        with self._database.connect() as connection:
            return read_account.list_accounts(self._on(connection))
