"""The figures that every CI adds to, counted block by block of their numbers, so that only blocks in which something changed are read.

A block's print (a few sums that one pass over the table gives) changes with everything that its counts depend on. Design: docs/health.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field
from sqlalchemy import ColumnElement, Connection, Integer, and_, exists, func, literal_column, not_, or_, select, type_coerce

from collector.reconcile.score import required_of, score
from collector.store.content import load_contents
from collector.store.schema import ci
from collector.store.statement import parts
from collector.store.word import LIFECYCLES, PRESENCES
from muster.model.ci_class import ClassCatalogue

BLOCK = 10_000
SCORES_KEPT = 200_000
GONE = ("retired", "disposed")
# Where a source ought to see it: not what is planned, lies in stock, or is gone.
EXPECTED = ("live", "maintenance")
_host, _held = ci.alias("host"), ci.alias("held")
_has_gone_host = exists(select(_host.c.id).where(_host.c.id == ci.c.owner_ci_id, _host.c.owner_ci_id.is_(None), _host.c.lifecycle.in_(GONE)))
# Parts go with their host, whatever they are themselves.
IN_SCOPE = and_(ci.c.redirect_to.is_(None), ci.c.lifecycle.not_in(GONE), not_(_has_gone_host))
Key = tuple[str, str]  # class, zone
Pair = tuple[str, bytes | None, bytes | None]  # class, effective content, recorded content
Judged = tuple[tuple[str, ...], int, tuple[str, ...]]  # as `Score`: hundreds of thousands are read in a row
# The words as they are stored: a pass over a million CIs does not turn them into text.
_EXPECTED = frozenset(LIFECYCLES[each] for each in EXPECTED)
_SEEN = PRESENCES["seen"]
_COLUMNS = (
    ci.c.ci_class, ci.c.zone, type_coerce(ci.c.lifecycle, Integer), type_coerce(ci.c.presence, Integer), ci.c.is_recorded,
    ci.c.effective_hash, ci.c.recorded_hash,
)  # fmt: skip


class Cell(Struct):
    """Counts of the CIs of one class and zone. `missing`, `differing`: attribute to how many CIs."""

    total: int = 0
    observable: int = 0
    seen: int = 0
    compared: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)

    def add(self, other: Cell) -> None:
        self.total += other.total
        self.observable += other.observable
        self.seen += other.seen
        self.compared += other.compared
        self.missing.update(other.missing)
        self.differing.update(other.differing)


class Scores:
    """Scores by class and contents: what is equal on many hosts is judged once. One for a process and its catalogue."""

    def __init__(self, catalogue: ClassCatalogue) -> None:
        self.catalogue = catalogue
        self._recorded_only = {each.name for each in catalogue if each.is_recorded_only}
        self._known: dict[Pair, Judged] = {}

    def is_recorded_only(self, ci_class: str) -> bool:
        """Whether no source ever reports the class."""
        return ci_class in self._recorded_only

    def judge(self, connection: Connection, pairs: Iterable[Pair]) -> Mapping[Pair, Judged]:
        """The scores of these, among others that are known."""
        if len(self._known) > SCORES_KEPT:
            self._known.clear()
        wanted = {each for each in pairs if each not in self._known}
        contents = load_contents(connection, (key for _, *hashes in wanted for key in hashes))
        for pair in wanted:
            ci_class = self.catalogue.get(pair[0]) or self.catalogue["device"]
            recorded = None if pair[2] is None else contents.get(pair[2], {})
            found = score(ci_class, contents.get(pair[1] or b"", {}), recorded)
            self._known[pair] = (found.missing, found.compared, found.differing)
        return self._known


class Blocks:
    """What was counted so far, by block; `refresh` brings it up to date. Not for two threads at once."""

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self._prints: dict[int, tuple[int, ...]] = {}
        self._cells: dict[int, dict[Key, Cell]] = {}
        self._gone: frozenset[str] = frozenset()

    def refresh(self, connection: Connection, gone: frozenset[str]) -> int:
        """Count anew what changed since the last time; how many blocks that were. `gone`: hosts with which their parts went."""
        prints = load_prints(connection)
        changed = {number for number, found in prints.items() if self._prints.get(number) != found}
        changed |= _blocks_of_parts(connection, gone ^ self._gone) & prints.keys()
        for number in self._prints.keys() - prints.keys():
            del self._cells[number]
        for number in sorted(changed):
            self._cells[number] = load_cells(connection, self.scores, within(number))
        self._prints, self._gone = prints, gone
        return len(changed)

    @property
    def total(self) -> int:
        """How many CIs there are, in scope or not."""
        return sum(found[0] for found in self._prints.values())

    def sum(self) -> dict[Key, Cell]:
        """All blocks together, by class and zone."""
        whole: dict[Key, Cell] = {}
        for cells in self._cells.values():
            for key, cell in cells.items():
                whole.setdefault(key, Cell()).add(cell)
        return whole

    def with_faults(self, attribute: str, ci_classes: Collection[str] | None) -> list[int]:
        """The blocks that hold a CI of these classes (None: any) with something `missing` or `differing`, in order."""
        return sorted(
            number
            for number, cells in self._cells.items()
            if any(getattr(cell, attribute) and (ci_classes is None or key[0] in ci_classes) for key, cell in cells.items())
        )


def within(number: int) -> ColumnElement[bool]:
    """The CIs of a block."""
    return and_(ci.c.number >= number * BLOCK, ci.c.number < (number + 1) * BLOCK)


def _blocks_of_parts(connection: Connection, host_ids: Iterable[str]) -> set[int]:
    found: set[int] = set()
    for part in parts(sorted(host_ids)):
        found.update(number // BLOCK for number in connection.execute(select(ci.c.number).where(ci.c.owner_ci_id.in_(part))).scalars())
    return found


def load_prints(connection: Connection) -> dict[int, tuple[int, ...]]:
    """A block's number to what stands for its state: every change of a CI moves its instant of change, its words or where it leads."""
    # A sum alone would not see two CIs that exchange their states; weighed by its number each counts for itself.
    words = (type_coerce(ci.c.presence, Integer) * 100 + type_coerce(ci.c.lifecycle, Integer)) * ci.c.number
    block = ci.c.number // literal_column(str(BLOCK), Integer)
    sums = (func.count(), func.count(ci.c.redirect_to), func.sum(ci.c.changed_at), func.sum(words))
    query = select(block, *sums).group_by(block).order_by(block)
    return {int(row[0]): tuple(int(each) for each in row[1:]) for row in connection.execute(query)}


def load_cells(connection: Connection, scores: Scores, condition: ColumnElement[bool]) -> dict[Key, Cell]:
    """The counts of the CIs of a condition, those out of scope left out."""
    counts = Counter(map(tuple, connection.execute(select(*_COLUMNS).where(condition, IN_SCOPE))))
    known = scores.judge(connection, ((kind, effective, recorded if on_record else None) for kind, _, _, _, on_record, effective, recorded in counts))
    cells: dict[Key, Cell] = {}
    for (kind, zone, lifecycle, presence, on_record, effective, recorded), count in counts.items():
        cell = cells.get((kind, zone))
        if cell is None:
            cell = cells[kind, zone] = Cell()
        cell.total += count
        if lifecycle in _EXPECTED and not scores.is_recorded_only(kind):
            cell.observable += count
            cell.seen += count if presence == _SEEN else 0
        missing, compared, differing = known[kind, effective, recorded if on_record else None]
        cell.compared += compared * count
        for name in missing:
            cell.missing[name] += count
        for name in differing:
            cell.differing[name] += count
    return cells


def load_cells_of(connection: Connection, scores: Scores, host_ids: Iterable[str]) -> dict[Key, Cell]:
    """The counts of these CIs and what they hold, two levels deep."""
    whole: dict[Key, Cell] = {}
    for part in parts(sorted(host_ids)):
        held = select(_held.c.id).where(_held.c.owner_ci_id.in_(part))
        # Two queries, since PostgreSQL takes no index for both at once.
        for condition in (or_(ci.c.id.in_(part), ci.c.owner_ci_id.in_(part)), ci.c.owner_ci_id.in_(held)):
            for key, cell in load_cells(connection, scores, condition).items():
                whole.setdefault(key, Cell()).add(cell)
    return whole


def required_total(catalogue: ClassCatalogue, ci_class: str) -> tuple[str, ...]:
    """The attributes that each CI of a class name must have."""
    return required_of(catalogue.get(ci_class) or catalogue["device"])
