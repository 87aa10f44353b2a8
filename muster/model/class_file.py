"""Class files: the shipped ones, a site's own beside them, and what a site adds to a shipped class; built into one catalogue.

    classes, faults = build_classes([*read_folder(SHIPPED_CLASSES), *read_folder(site)])

A table under the name of a shipped class adds to it: attributes, labels, other modes, other rules. What it may not change would take away
what data stand on. Every fault is told with its file, line and what was meant. Reference: docs/reference/classes.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from muster.config import find_key_line, parse_toml, read_toml
from muster.document import suggest
from muster.errors import DocumentError
from muster.model.ci_class import SHIPPED_CLASSES, Attribute, AttributeType, CiClass, Comparator, IdentificationRule, Mode
from muster.model.state import ControlLevel

T = TypeVar("T", bound=Struct)
CLASSES_LIMIT = 2_000
_AT = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")


class AttributeChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a site changes of an attribute of a shipped class; what is left out stays. Its type stays always."""

    type: AttributeType | UnsetType = UNSET
    label: dict[str, str] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    comparator: Comparator | UnsetType = UNSET
    tolerance_ratio: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    volatile: bool | UnsetType = UNSET
    sensitive: bool | UnsetType = UNSET
    clearable: bool | UnsetType = UNSET
    indexed: bool | UnsetType = UNSET
    required: bool | UnsetType = UNSET


class ClassChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a site adds to, or changes of, a shipped class."""

    label: dict[str, str] = {}
    control: ControlLevel | UnsetType = UNSET
    governed_when: dict[str, list[str]] | UnsetType = UNSET
    ungoverned_names: list[str] | UnsetType = UNSET
    reachability: bool | UnsetType = UNSET
    own_check: str | UnsetType = UNSET
    attributes: dict[str, AttributeChange] = {}
    identification: list[IdentificationRule] | UnsetType = UNSET


@dataclass(frozen=True)
class Definition:
    """One table of a class file, undecoded. `locate`: the line of a path of keys under it."""

    name: str
    table: Any
    file: str
    locate: Callable[[Sequence[str]], int]
    is_shipped: bool = False

    def fault(self, message: str, *path: str) -> DocumentError:
        """An error at a place under the table."""
        return DocumentError(message, file=self.file, line=self.locate((self.name, *path)), path=".".join(("$", self.name, *path)))


@dataclass
class Built:
    """Classes by name, where each stands, and what is wrong, in the order of the files."""

    classes: dict[str, CiClass] = field(default_factory=dict)
    places: dict[str, Definition] = field(default_factory=dict)
    changes: list[Definition] = field(default_factory=list)
    faults: list[DocumentError] = field(default_factory=list)


def read_folder(folder: Path) -> list[Definition]:
    """The definitions of a folder's `*.toml`, by name; none where the folder is absent. Raises DocumentError for what is no TOML."""
    return [each for file in sorted(folder.glob("*.toml")) if not file.name.startswith(".") for each in read_file(file)]


def read_file(file: Path) -> list[Definition]:
    """The definitions of one file. Raises DocumentError for what is no TOML."""
    document, text = read_toml(file)
    return _define(document, text, str(file), is_shipped=file.parent == SHIPPED_CLASSES)


def parse_text(text: str, file: str) -> list[Definition]:
    """The definitions of TOML text; `file` is only named in errors. Raises DocumentError."""
    return _define(parse_toml(text, file), text, file)


def from_values(classes: Any, file: str, locate: Callable[[Sequence[str]], int]) -> list[Definition]:
    """Definitions that are values already: a mapping of name to class, or a list of classes with their `name`. Raises DocumentError."""
    if isinstance(classes, Mapping):
        return [Definition(str(name), table, file, locate) for name, table in classes.items()]
    found = []
    for at, table in enumerate(classes if isinstance(classes, list) else [classes]):
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            raise DocumentError("a class is a table with its `name`, `label` and attributes", file=file, line=locate((str(at),)))
        rest = {name: value for name, value in table.items() if name != "name"}
        found.append(Definition(table["name"], rest, file, _inside(locate, str(at))))
    return found


def _inside(locate: Callable[[Sequence[str]], int], at: str) -> Callable[[Sequence[str]], int]:
    return lambda path: locate((at, *path[1:]))


def _define(document: Mapping[str, Any], text: str, file: str, *, is_shipped: bool = False) -> list[Definition]:
    def locate(path: Sequence[str]) -> int:
        return find_key_line(text, path)

    return [Definition(name, table, file, locate, is_shipped) for name, table in document.items()]


def build_classes(definitions: Iterable[Definition], known: Mapping[str, CiClass] | None = None) -> Built:
    """Classes as defined and changed. `known`: classes in force before them, which they may change; what is faulty is left out and told."""
    built = Built(dict(known or {}))
    for each in definitions:
        try:
            _take(built, each, is_known=each.name in (known or {}))
        except DocumentError as error:
            built.faults.append(error)
    if len(built.classes) > CLASSES_LIMIT:
        file = next(iter(built.places.values())).file
        built.faults.append(DocumentError(f"{len(built.classes)} classes; the limit is {CLASSES_LIMIT}", file=file, line=1))
    return built


def _take(built: Built, definition: Definition, *, is_known: bool) -> None:
    place = built.places.get(definition.name)
    if is_known or (place is not None and place.is_shipped and not definition.is_shipped):
        built.changes.append(definition)
        built.classes[definition.name] = _change(built, definition)
        return
    if place is not None:
        message = f"class {definition.name!r} is there already, in {place.file}; name yours otherwise, perhaps with it as its parent"
        raise definition.fault(message)
    built.classes[definition.name] = msgspec.structs.replace(_decode(definition, CiClass), name=definition.name)
    built.places[definition.name] = definition


def _change(built: Built, definition: Definition) -> CiClass:
    """A shipped class with what a site adds. Raises DocumentError."""
    standing = built.classes[definition.name]
    if isinstance(definition.table, Mapping):
        fixed = sorted((set(definition.table) & set(CiClass.__struct_fields__)) - set(ClassChange.__struct_fields__))
        kept = [name for name in fixed if definition.table[name] == msgspec.to_builtins(getattr(standing, name))]
        definition = dataclasses.replace(definition, table={name: each for name, each in definition.table.items() if name not in kept})
        fixed = [name for name in fixed if name not in kept]
        if fixed:
            said = f"class {definition.name!r} is shipped: its {fixed[0]} stays as it is; define a class of your own with it as its parent"
            raise definition.fault(said, fixed[0])
    change = _decode(definition, ClassChange)
    given = {name: getattr(change, name) for name in change.__struct_fields__ if getattr(change, name) is not UNSET}
    attributes = dict(standing.attributes)
    for name, each in change.attributes.items():
        attributes[name] = _change_attribute(built, definition, name, each)
    return msgspec.structs.replace(standing, **(given | {"attributes": attributes, "label": standing.label | change.label}))


def _change_attribute(built: Built, definition: Definition, name: str, change: AttributeChange) -> Attribute:
    given = {each: getattr(change, each) for each in change.__struct_fields__ if getattr(change, each) is not UNSET}
    standing = find_attribute(built.classes, definition.name, name)
    if standing is None:
        return Attribute(**given)
    if given.get("type", standing.type) != standing.type:
        raise definition.fault(f"attribute {name!r} is a {standing.type} already; its type stays, as values stand on it", "attributes", name, "type")
    return msgspec.structs.replace(standing, **(given | {"label": standing.label | given.get("label", {})}))


def find_attribute(classes: Mapping[str, CiClass], class_name: str, name: str) -> Attribute | None:
    """An attribute of a class, its own or the nearest ancestor's."""
    seen: set[str] = set()
    at: str | None = class_name
    while at is not None and at in classes and at not in seen:
        if name in classes[at].attributes:
            return classes[at].attributes[name]
        seen.add(at)
        at = classes[at].parent
    return None


def _decode(definition: Definition, kind: type[T]) -> T:
    """The table as a struct; the innermost faulty table is told. Raises DocumentError."""
    table = definition.table
    if isinstance(table, Mapping):
        attributes, rules = table.get("attributes"), table.get("identification")
        inner = AttributeChange if kind is ClassChange else Attribute
        for name, value in attributes.items() if isinstance(attributes, Mapping) else ():
            _convert(definition, value, inner, ("attributes", str(name)))
        for rule in rules if isinstance(rules, list) else ():
            _convert(definition, rule, IdentificationRule, ("identification",))
    return _convert(definition, table, kind, ())


def _convert(definition: Definition, values: Any, kind: type[T], path: tuple[str, ...]) -> T:
    names = [each.encode_name for each in msgspec.structs.fields(kind) if each.encode_name != "name" or kind is not CiClass]
    for name in values if isinstance(values, Mapping) else ():
        if name not in names:
            raise definition.fault(f"unknown key {str(name)!r}{suggest(str(name), names)}", *path, str(name))
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        inside = re.sub(r"\[[^\]]*\]", "", at.group(1) if at else "$").split(".")[1:]
        here = ".".join((definition.name, *path, *inside))
        raise definition.fault(f"{here}: {_AT.sub('', str(error))}", *path, *inside) from None
