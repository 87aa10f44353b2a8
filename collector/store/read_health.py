"""The figures that the CMDB is held to, measured; and the list of things behind each. Definitions: docs/health.md.

What every CI adds to (completeness, correctness, freshness) is kept by block and only counted anew where something changed; the others
are asked of tables that hold what is unusual. Never part of taking a report.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable

from sqlalchemy import Connection

from collector.store.health_block import Blocks, Cell, Key, Scores, load_cells_of, required_total
from collector.store.health_coverage import Named, load_coverage, load_named
from collector.store.health_duplicate import load_duplicates
from collector.store.health_host import Hosts, classes_below, load_hosts
from collector.store.health_kept import Kept, difference_state, relation_state
from collector.store.health_list import list_freshness, list_scored
from collector.store.health_orphan import ORPHAN, load_findings, load_orphans, load_related
from collector.store.health_review import OpenRow, list_waiting, load_open, load_pins, measure_backlog, select_waiting
from collector.store.health_verification import load_agreement
from collector.store.reading import check_limit, make_cursor, read_cursor
from muster.clock import Clock
from muster.cmdb_health import CmdbHealth, FigureName, HealthFigure, HealthItem, HealthLine, HealthScope, make_figure
from muster.model.ci_class import ClassCatalogue
from muster.ports import Page

# A measure of a large estate that took t seconds is given again for 20 t: however often it is asked for, it takes a twentieth of one core.
LARGE = 50_000
KEPT_FOR = 20.0
KEPT_MAXIMUM_SECONDS = 300.0
SCOPES_KEPT = 100
# How many things of a cell stand behind a figure.
_COUNTS: dict[str, Callable[[Cell], int]] = {
    "completeness": lambda cell: cell.missing.total(),
    "correctness": lambda cell: cell.differing.total(),
    "freshness": lambda cell: cell.observable - cell.seen,
}


class HealthMeasure:
    """Measures; one for a process. Calls wait for each other."""

    def __init__(self, catalogue: ClassCatalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._blocks = Blocks(Scores(catalogue))
        self._lock = threading.Lock()
        self._open: Kept[list[OpenRow]] = Kept()
        self._relations: Kept[tuple[set[int], list[Named]]] = Kept()
        self._kept: dict[HealthScope, tuple[float, CmdbHealth]] = {}

    def measure(self, connection: Connection, scope: HealthScope, *, is_fresh: bool = False) -> CmdbHealth:
        """All figures of a scope. `is_fresh`: of now, where otherwise a little older ones may do on a large estate."""
        with self._lock:
            began = self._clock.monotonic_seconds()
            kept = self._kept.get(scope)
            if kept is not None and began < kept[0] and not is_fresh:
                return kept[1]
            found = self._measure(connection, scope)
            took = self._clock.monotonic_seconds() - began
            if self._blocks.total <= LARGE:
                return found
            if len(self._kept) >= SCOPES_KEPT:
                self._kept.clear()
            self._kept[scope] = (began + took + min(KEPT_FOR * took, KEPT_MAXIMUM_SECONDS), found)
            return found

    def _measure(self, connection: Connection, scope: HealthScope) -> CmdbHealth:
        now = self._clock.now_ms()
        hosts = load_hosts(connection, self._catalogue, scope)
        cells = self._cells(connection, scope, hosts)
        rows = self._open.get(difference_state(connection), self._clock.monotonic_seconds(), lambda: load_open(connection))
        waiting = select_waiting(connection, rows, hosts)
        related, named = self._load_relations(connection)
        ages = [each.opened_at for each in waiting]
        coverage = load_coverage(connection, scope, named)
        return CmdbHealth(
            measured_at=now,
            scope=scope,
            ci_total=sum(cell.total for cell in cells.values()),
            figures=[
                make_figure("completeness", _completeness(self._catalogue, cells)),
                make_figure("correctness", _correctness(cells)),
                make_figure("freshness", _by_class(cells, lambda cell: (cell.seen, cell.observable))),
                make_figure("coverage", [HealthLine(owned, seen, kind=kind) for kind, (owned, seen) in sorted(coverage.lines().items())]),
                _distinct("duplicates", load_duplicates(connection, self._catalogue, hosts)),
                _orphans(load_orphans(connection, self._catalogue, hosts, related)),
                make_figure("unreviewed", _by_kind([each.kind for each in waiting])),
                make_figure("pins", _by_kind([each.kind for each in load_pins(connection, hosts, now)])),
                make_figure("findings", _by_kind([each.kind for each in load_findings(connection, hosts)])),
            ],
            unreviewed_by_class=measure_backlog(waiting, "ci_class", now),
            unreviewed_by_manager=measure_backlog(waiting, "manager", now),
            oldest_unreviewed_at=min(ages, default=None),
            median_unreviewed_seconds=statistics.median(max(now - each, 0) for each in ages) / 1000 if ages else None,
            agreement=load_agreement(connection, now),
        )

    def _load_relations(self, connection: Connection) -> tuple[set[int], list[Named]]:
        """The hosts that have a relation to another, and the addresses that relations name."""
        now_seconds = self._clock.monotonic_seconds()
        return self._relations.get(relation_state(connection), now_seconds, lambda: (load_related(connection), load_named(connection)))

    def _cells(self, connection: Connection, scope: HealthScope, hosts: Hosts) -> dict[Key, Cell]:
        self._blocks.refresh(connection, hosts.gone_ids())
        cells = load_cells_of(connection, self._blocks.scores, hosts.owned_ids()) if scope.owner else self._blocks.sum()
        classes = classes_below(self._catalogue, scope.ci_class) if scope.ci_class else None
        return {key: cell for key, cell in cells.items() if (classes is None or key[0] in classes) and scope.zone in ("", key[1]) and cell.total}

    def list_items(self, connection: Connection, name: FigureName, scope: HealthScope, *, cursor: str | None, limit: int) -> Page:
        """HealthItem rows behind a figure, as docs/health.md orders them."""
        check_limit(limit)
        values = read_cursor(cursor, f"health.{name}", 1)
        start = int(values[0]) if values is not None and isinstance(values[0], int) else 0
        with self._lock:
            hosts = load_hosts(connection, self._catalogue, scope)
            following: int | None
            if name in _COUNTS:
                total = sum(_COUNTS[name](cell) for cell in self._cells(connection, scope, hosts).values())
                if name == "freshness":
                    items, following = list_freshness(connection, self._catalogue, hosts, after=start, limit=limit)
                else:
                    items, following = list_scored(connection, self._blocks, hosts, name=name, after=start, limit=limit)
            elif name == "unreviewed":
                items, total = list_waiting(connection, hosts, self._clock.now_ms(), start=start, limit=limit)
                following = start + limit if total > start + limit else None
            else:
                every = self._load_items(connection, name, scope, hosts)
                items, total = every[start : start + limit], len(every)
                following = start + limit if len(every) > start + limit else None
        return Page(items, total, None if following is None else make_cursor(f"health.{name}", following))

    def _load_items(self, connection: Connection, name: FigureName, scope: HealthScope, hosts: Hosts) -> list[HealthItem]:
        now = self._clock.now_ms()
        loads: dict[str, Callable[[], list[HealthItem]]] = {
            "coverage": lambda: load_coverage(connection, scope, self._load_relations(connection)[1]).items(),
            "duplicates": lambda: load_duplicates(connection, self._catalogue, hosts),
            "orphans": lambda: load_orphans(connection, self._catalogue, hosts, self._load_relations(connection)[0]),
            "pins": lambda: load_pins(connection, hosts, now),
            "findings": lambda: load_findings(connection, hosts),
        }
        return loads[name]()


def _completeness(catalogue: ClassCatalogue, cells: dict[Key, Cell]) -> list[HealthLine]:
    """A line for each class and required attribute."""
    filled: dict[tuple[str, str], tuple[int, int]] = {}
    for (ci_class, _), cell in cells.items():
        for attribute in required_total(catalogue, ci_class):
            count, of = filled.get((ci_class, attribute), (0, 0))
            filled[ci_class, attribute] = (count + cell.total - cell.missing[attribute], of + cell.total)
    return [HealthLine(count, of, ci_class, attribute) for (ci_class, attribute), (count, of) in sorted(filled.items())]


def _correctness(cells: dict[Key, Cell]) -> list[HealthLine]:
    """A line for each class with the values that are equal of those compared."""
    return _by_class(cells, lambda cell: (cell.compared - cell.differing.total(), cell.compared))


def _by_class(cells: dict[Key, Cell], read: Callable[[Cell], tuple[int, int]]) -> list[HealthLine]:
    summed: dict[str, tuple[int, int]] = {}
    for (ci_class, _), cell in cells.items():
        count, of = summed.get(ci_class, (0, 0))
        more = read(cell)
        summed[ci_class] = (count + more[0], of + more[1])
    return [HealthLine(count, of, ci_class) for ci_class, (count, of) in sorted(summed.items()) if of]


def _by_kind(kinds: list[str]) -> list[HealthLine]:
    return [HealthLine(kinds.count(kind), kind=kind) for kind in sorted(set(kinds))]


def _distinct(name: FigureName, items: list[HealthItem]) -> HealthFigure:
    """CIs, each once; the lines by kind overlap."""
    members = {(each.kind, each.ci.id) for each in items if each.ci is not None}
    return make_figure(name, _by_kind([kind for kind, _ in members]), count=len({ci_id for _, ci_id in members}))


def _orphans(items: list[HealthItem]) -> HealthFigure:
    """Only what lacks both is an orphan, and parts without a host; what lacks one stands in the lines."""
    lines = [
        HealthLine(sum(each.kind == kind and each.ci is not None and each.ci.ci_class == ci_class for each in items), None, ci_class, kind=kind)
        for kind, ci_class in sorted({(each.kind, each.ci.ci_class) for each in items if each.ci is not None})
    ]
    return make_figure("orphans", lines, count=sum(each.kind in (ORPHAN, "part_without_host") for each in items))
