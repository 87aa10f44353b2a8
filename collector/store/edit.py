"""What a piece of writing needs to know: the model it writes by, when it happens and what causes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Connection, insert

from collector.reconcile.authorise import PolicySet
from collector.reconcile.ladder import closing_kinds, key_kinds, suggesting_kinds
from collector.reconcile.record import SourceKey
from collector.reconcile.rules_version import classes_version, settings_version
from collector.reconcile.settings import Settings
from collector.store.ci import next_number
from collector.store.content import encode
from collector.store.item_cache import ItemCache
from collector.store.schema import history
from collector.store.service import load_components
from muster.model.ci_class import CiClass, ClassCatalogue
from muster.model.junk import JunkFilter, shipped_junk
from muster.model.relation_type import RelationCatalogue, shipped_relations

CauseKind = Literal["report", "decision", "rule", "operation"]
Layer = Literal["observed", "recorded", "relation", "presence", "lifecycle", "identity", "source"]
NO_VALUE: Any = object()


@dataclass(frozen=True)
class Context:
    """The model: classes, junk, the site's numbers and policies. Built once at start, shared by all writing.

    `initial_discovery`: the source (`agent/NAME`) whose first host goes on record by itself while nothing is recorded yet; None: none.
    """

    catalogue: ClassCatalogue
    junk: JunkFilter = field(default_factory=shipped_junk)
    settings: Settings = field(default_factory=Settings)
    policies: PolicySet = field(default_factory=lambda: PolicySet(()))
    initial_discovery: str | None = None
    relations: RelationCatalogue = field(default_factory=shipped_relations)
    policy_cache: dict[int, PolicySet] = field(default_factory=dict, compare=False)  # the stored set last used, by its version

    @property
    def item_cache(self) -> ItemCache:
        """Of these classes: with others, items are judged anew."""
        return self.catalogue.derive(_make_item_cache)

    @property
    def rules_version(self) -> str:
        """Of the rules that identify, as links keep it."""
        return f"{self.catalogue.derive(classes_version)}.{self._settings_version}"

    @cached_property
    def _settings_version(self) -> str:
        return settings_version(self.settings)

    @property
    def key_kinds(self) -> frozenset[str]:
        return self.catalogue.derive(key_kinds)

    @property
    def closing_kinds(self) -> frozenset[str]:
        return self.catalogue.derive(closing_kinds)

    @property
    def suggesting_kinds(self) -> frozenset[str]:
        return self.catalogue.derive(suggesting_kinds)


def _make_item_cache(_catalogue: ClassCatalogue) -> ItemCache:
    return ItemCache()


@dataclass
class Edit:
    """One writing in one transaction. `now`: when it becomes known; `valid_from`: from when what it writes is true.

    History rows gather here and are written by `flush`. `contents`: bodies known by hash, so that none is read twice. `made_ids`: CIs
    that this writing made; `searched_ids`: those whose search values it wrote. `has_outdated`: it outlived what some source said last.
    """

    connection: Connection
    context: Context
    now: int
    cause_kind: CauseKind
    cause_id: str
    valid_from: int = 0
    source_id: int | None = None
    contents: dict[bytes, Any] = field(default_factory=dict)
    changed_ids: set[str] = field(default_factory=set)
    made_ids: set[str] = field(default_factory=set)
    searched_ids: set[str] = field(default_factory=set)
    has_outdated: bool = False
    _history: list[dict[str, Any]] = field(default_factory=list)
    _number: int | None = None
    _source_ids: dict[SourceKey, int] = field(default_factory=dict)
    _services: dict[str, set[str]] | None = None

    def __post_init__(self) -> None:
        self.valid_from = self.valid_from or self.now

    def take_number(self) -> int:
        """The readable number of a new CI."""
        self._number = next_number(self.connection) if self._number is None else self._number + 1
        return self._number

    def take_numbers(self, count: int) -> range:
        """The readable numbers of new CIs."""
        first = self.take_number()
        self._number = first + count - 1
        return range(first, first + count)

    def class_of(self, name: str) -> CiClass:
        """The class; one that the files no longer define counts as a device without attributes of its own."""
        return self.context.catalogue.get(name) or self.context.catalogue["device"]

    def note(self, ci_id: str, layer: Layer, attribute: str, old: Any = NO_VALUE, new: Any = NO_VALUE, *, valid_from: int | None = None) -> None:
        """A line of history: a value that became another; NO_VALUE: there was, or is, none."""
        self.changed_ids.add(ci_id)
        self._history.append(
            {
                "ci_id": ci_id,
                "layer": layer,
                "attribute": attribute,
                "old_value": None if old is NO_VALUE else encode(old),
                "new_value": None if new is NO_VALUE else encode(new),
                "valid_from": self.valid_from if valid_from is None else valid_from,
                "known_from": self.now,
                "cause_kind": self.cause_kind,
                "cause_id": self.cause_id,
                "source_id": self.source_id,
            }
        )

    def know_source(self, key: SourceKey, source_id: int) -> None:
        """A source that was read on the way, so that its number is at hand."""
        self._source_ids[key] = source_id

    def source_id_of(self, key: SourceKey | None) -> int | None:
        """The number of a source that was read on the way."""
        return None if key is None else self._source_ids.get(key)

    def services_of(self, ci_id: str) -> set[str]:
        """The services that have this CI as a component, as last evaluated; read once."""
        if self._services is None:
            self._services = load_components(self.connection)
        return self._services.get(ci_id, set())

    def gathered(self, layers: Collection[Layer]) -> list[dict[str, Any]]:
        """The lines of these layers that are not written yet."""
        return [line for line in self._history if line["layer"] in layers]

    def flush(self) -> None:
        """Write the gathered history."""
        if self._history:
            self.connection.execute(insert(history), self._history)
            self._history.clear()
