"""Types of relations as data: which classes they join, how many, who owns them. The shipped ones: `relations.toml`.

Rules that are applied: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from muster.config import check_table, find_key_line, read_toml
from muster.errors import DocumentError
from muster.model.ci_class import ClassCatalogue

SHIPPED_RELATIONS = Path(__file__).parent / "relations.toml"
RelationMode = Literal["governed", "observed", "suggested", "recorded_only"]


class RelationType(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_classes": "from", "to_classes": "to"}):
    """One type.

    `from`, `to`: the classes that it joins, with their sub-classes (none: any). `undirected`: its ends have no order. `one_parent`: a
    thing has one at a time, a new one ends the one before. `one_link`: a part has one at a time; two that contradict each other are told.
    `acyclic`: nothing comes back to itself along it. `mode`: governed (a difference is reviewed), observed, suggested (a suggestion until seen on
    `confirm_after_days` days or accepted; it ends when not seen for `expires_after_days`), recorded_only. `within`: a move between
    parents that share one of these relations is no difference. `propagates`: what fails at its end fails, or suffers, at its beginning.
    """

    label: dict[str, str]
    inverse: dict[str, str]
    from_classes: list[str] = []
    to_classes: list[str] = []
    undirected: bool = False
    one_parent: bool = False
    one_link: bool = False
    acyclic: bool = False
    mode: RelationMode = "observed"
    confirm_after_days: Annotated[int, Meta(ge=1)] = 3
    expires_after_days: Annotated[int, Meta(ge=1)] = 14
    within: list[str] = []
    propagates: bool = False
    name: str = ""


class RelationCatalogue:
    """All types by name."""

    def __init__(self, types: Mapping[str, RelationType]) -> None:
        self._types = dict(types)

    def __iter__(self) -> Iterator[RelationType]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def get(self, name: str) -> RelationType | None:
        return self._types.get(name)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._types)

    def named(self, *modes: RelationMode) -> frozenset[str]:
        """The types of these modes."""
        return frozenset(name for name, each in self._types.items() if each.mode in modes)


def find_fault(kind: RelationType, from_class: str, to_class: str, catalogue: ClassCatalogue) -> str | None:
    """Why a type does not join these classes; None where it does. A source that cannot tell says `device`, which fits any."""
    for words, wanted, name in (("begins at", kind.from_classes, from_class), ("ends at", kind.to_classes, to_class)):
        if wanted and name != "device" and not set(wanted) & set(ancestors(name, catalogue)):
            return f"{kind.name} {words} {' or '.join(wanted)}, not at a {name}"
    return None


def ancestors(name: str, catalogue: ClassCatalogue) -> list[str]:
    """A class and its parents, itself first."""
    found: list[str] = []
    at: str | None = name
    while at is not None and at not in found:
        found.append(at)
        known = catalogue.get(at)
        at = known.parent if known is not None else None
    return found


def load_relation_types(*files: Path) -> RelationCatalogue:
    """The shipped types and those of further files. Raises DocumentError with file, line and a suggestion."""
    types: dict[str, RelationType] = {}
    for file in (SHIPPED_RELATIONS, *files):
        document, text = read_toml(file)
        for name, table in document.items():
            line = find_key_line(text, (name,))
            if name in types:
                raise DocumentError(f"relation {name!r} is there already; name yours otherwise", file=str(file), line=line)
            try:
                types[name] = msgspec.structs.replace(msgspec.convert(table, RelationType, strict=True), name=name)
            except msgspec.ValidationError as error:
                check_table(table, RelationType, text, file, path=(name,))
                raise DocumentError(f"relation {name!r}: {error}", file=str(file), line=line) from None
    for each in types.values():
        for other in each.within:
            if other not in types:
                raise DocumentError(f"relation {each.name!r}: no relation {other!r} to stay within", file=str(SHIPPED_RELATIONS), line=1)
    return RelationCatalogue(types)


@cache
def shipped_relations() -> RelationCatalogue:
    """The types that come with Muster; read once."""
    return load_relation_types()
