"""Approved changes and what they expect to be observed: which change a difference belongs to. Pure. Format: docs/policies.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from collector.reconcile.comparator import same
from collector.reconcile.difference import DifferenceSeed
from muster.model.ci_class import Attribute, CiClass
from muster.model.query import Query, matches, parse_query
from muster.model.state import DifferenceKind

_ANYTHING = Attribute()


class Expectation(Struct, frozen=True, kw_only=True):
    """What a change expects of some CIs: all that is given must hold.

    `ci`: a name, number or id; `query`: over facts. `part`: the class of parts of these CIs, of which the difference then is. `attribute`
    "" : any. `has_to` False: whatever value it comes to.
    """

    ci: str = ""
    query: str = ""
    part: str = ""
    kind: DifferenceKind | None = None
    attribute: str = ""
    to: Any = None
    has_to: bool = False


class ApprovedChange(Struct, frozen=True, kw_only=True):
    """A change that was approved, with its window `[from_at, to_at]` in milliseconds UTC."""

    id: str
    from_at: int
    to_at: int
    approved_by: str
    approved_at: int
    expects: tuple[Expectation, ...] = ()


class Reviewed(Struct, frozen=True):
    """The CI of a difference: its class and facts, as `muster.model.query.matches` takes them; `owner`: those of the CI that it is part of."""

    ci_class: CiClass
    facts: Mapping[str, Any]
    owner: Mapping[str, Any] | None = None


class ChangeSet:
    """Changes in the order in which they are asked: the narrower window first, then by id; their queries parsed once."""

    def __init__(self, changes: Iterable[ApprovedChange] = ()) -> None:
        self.changes = tuple(sorted(changes, key=lambda each: (each.to_at - each.from_at, each.id)))
        self._queries: dict[str, Query] = {}
        for each in self.changes:
            for expectation in each.expects:
                self._queries.setdefault(expectation.query, parse_query(expectation.query))

    def get(self, change_id: str) -> ApprovedChange | None:
        return next((each for each in self.changes if each.id == change_id), None)

    def find(self, seed: DifferenceSeed, reviewed: Reviewed, *, at: int, now: int, grace_ms: int = 0) -> str | None:
        """The id of the first change that expects this difference, observed at `at`; None: none does."""
        for each in self.changes:
            if not each.from_at <= at <= each.to_at + grace_ms:
                continue
            if any(self.expects(expectation, seed, reviewed, now) for expectation in each.expects):
                return each.id
        return None

    def expects(self, wanted: Expectation, seed: DifferenceSeed, reviewed: Reviewed, now: int) -> bool:
        """Whether a change's expectation is of this difference."""
        if wanted.kind is not None and seed.kind != wanted.kind:
            return False
        if wanted.attribute and seed.attribute != wanted.attribute:
            return False
        if wanted.has_to and not same(reviewed.ci_class.attributes.get(seed.attribute, _ANYTHING), wanted.to, seed.observed):
            return False
        if wanted.part and (reviewed.owner is None or wanted.part not in _classes(reviewed.facts)):
            return False
        subject = reviewed.owner if wanted.part and reviewed.owner is not None else reviewed.facts
        return is_of(wanted.ci, subject) and matches(self._queries[wanted.query], subject, now)


def is_of(name: str, facts: Mapping[str, Any]) -> bool:
    """Whether a CI goes by this name, number or id; no name goes for all."""
    return not name or name.casefold() in {str(facts.get(each, "")).casefold() for each in ("name", "number", "id")}


def _classes(facts: Mapping[str, Any]) -> set[str]:
    classes = facts.get("class", ())
    return {classes} if isinstance(classes, str) else set(classes)
