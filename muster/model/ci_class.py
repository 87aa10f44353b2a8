"""CI classes as data: attributes, identification rules and governance, read from TOML files.

The shipped files stand in `muster/model/classes/`; a site adds its own. Design: docs/reference/classes.md (generated).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from muster.errors import ConfigurationError
from muster.model.state import ControlLevel, Strength

if TYPE_CHECKING:
    from muster.model.class_file import Definition

D = TypeVar("D")
SHIPPED_CLASSES = Path(__file__).parent / "classes"
AttributeType = Literal["text", "integer", "number", "boolean", "timestamp", "ip", "mac", "uuid", "list"]
Mode = Literal["governed", "observed", "mixed", "union", "recorded_only"]
Comparator = Literal["exact", "casefold", "numeric", "set", "ordered", "version", "path", "secret_hash"]
Family = Literal["compute", "network", "power", "storage", "printer", "logical", "any"]


class Attribute(Struct, frozen=True, forbid_unknown_fields=True):
    """One attribute of a class.

    `mode` says who owns it (semantics 4), `volatile` that changes raise no difference, `tolerance_ratio` how far a mixed
    number may move by itself, `clearable` that an empty value in a complete section clears it.
    """

    type: AttributeType = "text"
    label: dict[str, str] = {}
    unit: str = ""
    mode: Mode = "observed"
    comparator: Comparator = "exact"
    tolerance_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.0
    volatile: bool = False
    sensitive: bool = False
    clearable: bool = False
    indexed: bool = False
    required: bool = False


class IdentificationRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rung of a ladder; every condition given must hold between two records of one scope.

    `all`: each of these identifiers present and equal (a list-valued one: equal sets). `shared`: more than half of the
    smaller side's values of these identifiers are equal (serials of a stack). `common`: at least so many equal
    values of these list-valued identifiers. `equal_sets`: both sides' whole sets equal and not empty. `one_name`: some
    value of fqdn, sysname or hostname of one side equals some of the other's. `same_zone`: both sources in one zone.
    A rung of strength weak only suggests.
    """

    rule: str
    strength: Strength
    all: list[str] = []
    shared: list[str] = []
    common: dict[str, Annotated[int, Meta(ge=1)]] = {}
    equal_sets: list[str] = []
    one_name: bool = False
    same_zone: bool = False


# An attribute in a pattern of `name_from`.
_NAMING_FIELD = re.compile(r"\{([^{}]+)\}")


class CiClass(Struct, frozen=True, forbid_unknown_fields=True):
    """A class as its file gives it; `ClassCatalogue` resolves parents.

    `retire_when_absent`: what is gone retires by itself.
    `governed_when`: of a governed class, only items whose attributes have one of these values (or do not tell) come and go under
    change control, and not those whose name matches one of the shell patterns in `ungoverned_names`. `name_from`: attributes, or patterns
    of several such as `"{process} {protocol}/{port}"`; the first of which all values are known names the item.
    """

    label: dict[str, str]
    family: Family = "any"
    parent: str | None = None
    is_dependent: bool = False
    is_abstract: bool = False
    is_recorded_only: bool = False
    control: ControlLevel = "governed"
    retire_when_absent: bool = False
    governed_when: dict[str, list[str]] = {}
    ungoverned_names: list[str] = []
    portable: bool = False
    local_key: list[str] = []
    name_from: list[str] = []
    reachability: bool = False
    own_check: str | None = None
    attributes: dict[str, Attribute] = {}
    identification: list[IdentificationRule] = []
    name: str = ""


class ClassCatalogue:
    """All classes by name, with inherited attributes, rules and settings filled in. One is in force for all parts of a process."""

    def __init__(self, classes: Mapping[str, CiClass]) -> None:
        self._classes = {name: _resolve(name, classes) for name in classes}
        self._own = dict(classes)
        self._derived: dict[Callable[[ClassCatalogue], Any], Any] = {}

    @property
    def own(self) -> Mapping[str, CiClass]:
        """The classes as their files give them, without what they inherit."""
        return self._own

    def take_over(self, other: ClassCatalogue) -> None:
        """From now on these classes are in force, wherever this catalogue is held."""
        self._classes, self._own, self._derived = other._classes, other._own, {}

    def derive(self, make: Callable[[ClassCatalogue], D]) -> D:
        """What `make` gives for these classes, computed once for as long as they are in force."""
        derived = self._derived
        if make not in derived:
            derived[make] = make(self)
        return derived[make]  # type: ignore[no-any-return]  # what this function gave

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[CiClass]:
        return iter(self._classes.values())

    def get(self, name: str) -> CiClass | None:
        """The class, or None where no file defines it."""
        return self._classes.get(name)

    def __getitem__(self, name: str) -> CiClass:
        return self._classes[name]

    def names(self) -> list[str]:
        """All class names, sorted."""
        return sorted(self._classes)


def naming_attributes(naming: str) -> list[str]:
    """The attributes that an entry of `name_from` needs: those of its pattern, or the one that it is."""
    return _NAMING_FIELD.findall(naming) or [naming]


def fill_naming(naming: str, values: Sequence[str]) -> str:
    """The name that an entry of `name_from` gives for the values of `naming_attributes`, in their order."""
    fields = iter(values)
    return _NAMING_FIELD.sub(lambda _: next(fields), naming) if "{" in naming else values[0]


def load_catalogue(*folders: Path) -> ClassCatalogue:
    """The shipped classes and those of the site's folders. Raises DocumentError with file, line and a suggestion, for the first fault."""
    from muster.model.class_file import read_folder  # it is made of what stands here

    return make_catalogue([each for folder in (SHIPPED_CLASSES, *folders) for each in read_folder(folder)])


def make_catalogue(definitions: Sequence[Definition], known: Mapping[str, CiClass] | None = None) -> ClassCatalogue:
    """The classes of definitions, on top of `known` ones, which they may change. Raises DocumentError for the first fault."""
    from muster.model.class_check import find_faults
    from muster.model.class_file import build_classes

    built = build_classes(definitions, known)
    for fault in find_faults(built):
        raise fault
    return ClassCatalogue(built.classes)


def _resolve(name: str, classes: Mapping[str, CiClass], seen: tuple[str, ...] = ()) -> CiClass:
    own = classes[name]
    if own.parent is None:
        return own
    if name in seen or own.parent not in classes:
        raise ConfigurationError(f"class {name!r}: parent {own.parent!r} is unknown or a cycle")
    parent = _resolve(own.parent, classes, (*seen, name))
    return msgspec.structs.replace(
        own,
        family=own.family if own.family != "any" else parent.family,
        attributes={**parent.attributes, **own.attributes},
        identification=own.identification or parent.identification,
        name_from=own.name_from or parent.name_from,
        local_key=own.local_key or parent.local_key,
        governed_when=own.governed_when or parent.governed_when,
        ungoverned_names=own.ungoverned_names or parent.ungoverned_names,
        is_dependent=own.is_dependent or parent.is_dependent,
        reachability=own.reachability or parent.reachability,
        own_check=own.own_check or parent.own_check,
    )
