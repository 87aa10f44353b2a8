"""The mapping file of an import: which column is what, of which class, and how its values are written. TOML or YAML.

    id = "servers"                       # rows are remembered under it
    class = "server"                     # or {column = "Type", values = {Server = "server", VM = "virtual_machine"}}
    [identifiers]
    serial = "Serial No"
    [attributes]
    name = "Name"
    memory_bytes = {column = "RAM (GB)", factor = 1073741824}

Every error has its file and line. Reference: docs/import.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from muster.config import find_key_line, parse_toml
from muster.document import find_line, parse_document, parse_yaml, suggest
from muster.errors import DocumentError
from muster.model.ci_class import CiClass, ClassCatalogue
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.relation_type import shipped_relations as relation_types

S = TypeVar("S", bound=Struct)
Word = Annotated[str, Meta(min_length=1, max_length=256)]
_AT = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
FormatKind = Literal["auto", "csv", "json", "xlsx"]


class Cell(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a value comes from: a `column`, or a `constant` for all rows.

    `values`: what is written there, and what it means; `default` where the cell is empty, or where `values` does not know it. `factor`:
    numbers are multiplied by it. `date`, `separator`: of this column alone. `clears`: an empty cell takes the value off the record.
    """

    column: Word | None = None
    constant: Any = None
    values: dict[str, Any] = {}
    default: Any | UnsetType = UNSET
    factor: float | None = None
    date: Word | None = None
    separator: Annotated[str, Meta(min_length=1, max_length=8)] | None = None
    clears: bool = False


class RelationCell(Cell, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """A relation from the row's CI to the one that the cell names: `by` its name, an identifier, or `ci` (number or id); of a `class`."""

    by: Word = "name"
    ci_class: str = ""


class Format(Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is written. `auto`: seen from its content.

    `trim`: spaces around values do not count. `date`: as strptime takes it, empty: ISO 8601. `time_zone`: of dates without one. `sheet`: of
    a workbook, empty: the first. `header_row`: the row that names the columns.
    """

    kind: FormatKind = "auto"
    encoding: Word = "utf-8"
    delimiter: Annotated[str, Meta(min_length=1, max_length=4)] = "auto"
    sheet: str = ""
    header_row: Annotated[int, Meta(ge=1, le=1000)] = 1
    trim: bool = True
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    date: str = ""
    time_zone: Word = "UTC"
    true: tuple[str, ...] = ("true", "yes", "y", "1", "ja", "oui", "是")
    false: tuple[str, ...] = ("false", "no", "n", "0", "nein", "non", "否")
    separator: Annotated[str, Meta(min_length=1, max_length=8)] = ";"
    empty: tuple[str, ...] = ("", "-", "n/a", "N/A")


class ImportMapping(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """The whole mapping. `class`, `zone` and `lifecycle` are words that hold for all rows, or cells; all else is a column or a cell.

    `owner`: of parts (interfaces, disks, …), the host or device that has them.
    `ci`: the column with the number or id of the CI where it is known, as exports have it; empty: recognised as the others.
    `key`: columns that name a row for good; none: its identifiers, else its name. `complete`: the file lists all that there is, so what
    an earlier import put on record and it no longer holds is proposed to people. `near_misses`: what becomes of a row that only weak
    evidence (a name) ties to a CI: refused until somebody says which, adopted where it is one alone, or made a CI of its own.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    ci_class: Word | Cell
    zone: Word | Cell = "default"
    lifecycle: Word | Cell | None = None
    ci: Word | None = None
    key: list[Word] = []
    complete: bool = False
    near_misses: Literal["refuse", "adopt", "create"] = "refuse"
    owner: Word | RelationCell | None = None
    identifiers: dict[str, Word | Cell] = {}
    attributes: dict[str, Word | Cell] = {}
    tags: dict[str, Word | Cell] = {}
    relations: dict[str, Word | RelationCell] = {}
    format: Format = Format()

    def cells(self) -> Iterator[tuple[str, Cell]]:
        """Every cell with its place (`attributes.name`); words of `class`, `zone` and `lifecycle` are constants."""
        if self.owner is not None:
            yield "owner", to_cell(self.owner)
        for place, given in (("class", self.ci_class), ("zone", self.zone), ("lifecycle", self.lifecycle)):
            if given is not None:
                yield place, given if isinstance(given, Cell) else Cell(constant=given)
        for group in ("identifiers", "attributes", "tags", "relations"):
            for name, given in getattr(self, group).items():
                yield f"{group}.{name}", to_cell(given)


def to_cell(given: str | Cell) -> Cell:
    """A column's name stands for its cell."""
    return given if isinstance(given, Cell) else Cell(column=given)


def parse_mapping(text: str, file: str, catalogue: ClassCatalogue) -> ImportMapping:
    """The mapping of TOML (a name that ends in .toml) or YAML text. Raises DocumentError with file, line and what was meant."""
    mapping = _convert(parse_toml(text, file), text, file) if file.endswith(".toml") else parse_document(text, ImportMapping, file=file)
    for place, message in find_faults(mapping, catalogue):
        raise DocumentError(message, file=file, line=_find_line(text, place, is_toml=file.endswith(".toml")), path=f"$.{place}")
    return mapping


def _convert(values: Any, text: str, file: str) -> ImportMapping:
    """The innermost faulty table is told."""
    for group, kind in (("identifiers", Cell), ("attributes", Cell), ("tags", Cell), ("relations", RelationCell)):
        inner = values.get(group)
        for name, each in inner.items() if isinstance(inner, dict) else ():
            if not isinstance(each, str):
                _convert_table(each, kind, (group, name), text, file=file)
    if isinstance(values.get("format"), dict):
        _convert_table(values["format"], Format, ("format",), text, file=file)
    return _convert_table(values, ImportMapping, (), text, file=file)


def _convert_table(values: Any, kind: type[S], path: tuple[str, ...], text: str, *, file: str) -> S:
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        names = [*path, *re.sub(r"\[[^\]]*\]", "", at.group(1) if at else "$").split(".")[1:]]
        message = _AT.sub("", str(error))
        unknown = _UNKNOWN.search(message)
        if unknown:
            known = [each.encode_name for each in msgspec.structs.fields(kind)]
            message = f"unknown key {unknown.group(1)!r}{suggest(unknown.group(1), known)}"
            names.append(unknown.group(1))
        raise DocumentError(f"{'.'.join(names)}: {message}", file=file, line=find_key_line(text, names), path=".".join(("$", *names))) from None


def find_faults(mapping: ImportMapping, catalogue: ClassCatalogue) -> Iterator[tuple[str, str]]:
    """What is wrong of a mapping, with its place: classes, attributes and identifiers that are none, cells without a source."""
    for place, cell in mapping.cells():
        if (cell.column is None) == (cell.constant is None):
            yield place, f"{place}: give a column or a constant, one of them"
    classes = [name for name in _constants(mapping.ci_class) if isinstance(name, str)]
    for name in classes:
        if name not in catalogue:
            yield "class", f"unknown class {name!r}{suggest(name, catalogue.names())}"
        elif catalogue[name].is_abstract or (catalogue[name].is_dependent and mapping.owner is None):
            yield "class", f"a {name} is part of others, or only their kind; say with owner which column names the one that has it"
    known = [catalogue[name] for name in classes if name in catalogue] or list(catalogue)
    yield from _find_unknown(mapping, known)
    has_key = bool(mapping.identifiers or mapping.key or mapping.ci is not None or mapping.owner is not None)
    if not has_key and "name" not in mapping.attributes and "number" not in mapping.attributes:
        yield "identifiers", "nothing tells one row from another; give identifiers, a key, or attributes.name"


def _find_unknown(mapping: ImportMapping, classes: Sequence[CiClass]) -> Iterator[tuple[str, str]]:
    attributes = sorted({name for each in classes for name in each.attributes})
    for name in mapping.attributes:
        if name not in attributes:
            yield f"attributes.{name}", f"no class of it has an attribute {name!r}{suggest(name, attributes)}"
    types = relation_types()
    for name, given in mapping.relations.items():
        if name not in types:
            yield f"relations.{name}", f"unknown relation {name!r}{suggest(name, types.names())}"
        by = given.by if isinstance(given, RelationCell) else "name"
        if by not in ("name", "ci", *IDENTIFIER_KINDS):
            yield f"relations.{name}", f"by {by!r} is neither name nor ci nor an identifier{suggest(by, sorted(IDENTIFIER_KINDS))}"
    for name in mapping.identifiers:
        if name not in IDENTIFIER_KINDS:
            yield f"identifiers.{name}", f"unknown identifier {name!r}{suggest(name, sorted(IDENTIFIER_KINDS))}"


def _constants(given: str | Cell) -> list[Any]:
    if isinstance(given, str):
        return [given]
    found = [given.constant] if given.constant is not None else list(given.values.values())
    return [*found, *([] if given.default is UNSET else [given.default])]


def _find_line(text: str, place: str, *, is_toml: bool) -> int:
    group, _, name = place.partition(".")
    path = (group, name) if name else (group,)
    if is_toml:
        return find_key_line(text, path)
    return find_line(parse_yaml(text, file="")[0], f"$.{place}")


def columns_of(mapping: ImportMapping) -> Mapping[str, str]:
    """Every column that the mapping names, with the first place that does."""
    found: dict[str, str] = {}
    for place, cell in mapping.cells():
        if cell.column is not None:
            found.setdefault(cell.column, place)
    for each in (*mapping.key, *([] if mapping.ci is None else [mapping.ci])):
        found.setdefault(each, "key" if each in mapping.key else "ci")
    return found
