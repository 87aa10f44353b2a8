"""A row of a file as what is wished to be on record, or as all that is wrong of it: column, value and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from msgspec import Struct

from collector.imports.mapping import Cell, ImportMapping, RelationCell, to_cell
from collector.imports.table import Row
from collector.imports.value import CLEARED, NOTHING, read_cell, to_list, to_text, to_value
from collector.reconcile.recordable import check_identifiers, check_values
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.ci_class import CiClass, ClassCatalogue
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.state import Lifecycle

TAG_LENGTH = 256
NAME_LENGTH = 128
KEY_LENGTH = 512
_LIFECYCLES: tuple[str, ...] = get_args(Lifecycle)


class RowFault(Struct, frozen=True):
    """What is wrong of a row. `column` empty: of the whole row."""

    row: int
    column: str
    value: str
    message: str


class RelationText(Struct, frozen=True):
    """A relation as a cell states it: its type, by what the other end is named, of which class (empty: any), and the name."""

    type: str
    by: str
    ci_class: str
    value: str
    column: str


class Wish(Struct, frozen=True, kw_only=True):
    """What a row wishes to be on record. `values`: attributes and identifiers as they stand there; None takes one off."""

    row: int
    key: str
    ci_class: CiClass
    values: Mapping[str, Any]
    tags: Mapping[str, str | None]
    zone: str
    lifecycle: Lifecycle | None
    relations: tuple[RelationText, ...] = ()
    owner: RelationText | None = None  # of a part
    ci: str = ""  # its number or id, where the row says so


class _Reading:
    """One row being read: its faults gather."""

    def __init__(self, row: Row, mapping: ImportMapping) -> None:
        self.row, self.mapping = row, mapping
        self.faults: list[RowFault] = []

    def cell(self, cell: Cell) -> Any:
        """The raw value; NOTHING where it says nothing or is faulty."""
        try:
            return read_cell(cell, self.row.cells, self.mapping.format)
        except InputError as error:
            self.refuse(cell, error)
            return NOTHING

    def refuse(self, cell: Cell, error: InputError) -> None:
        raw = self.row.cells.get(cell.column or "") if cell.column is not None else cell.constant
        self.faults.append(RowFault(self.row.number, cell.column or "", "" if raw is None else quote(raw), error.message))


def read_row(row: Row, mapping: ImportMapping, catalogue: ClassCatalogue) -> Wish | list[RowFault]:
    """The wish of a row, or every fault of it."""
    if row.fault:
        return [RowFault(row.number, "", "", row.fault)]
    reading = _Reading(row, mapping)
    ci_class = _read_class(reading, catalogue)
    if ci_class is None:
        return reading.faults
    values = _read_identifiers(reading, ci_class) | _read_attributes(reading, ci_class)
    tags, relations = _read_tags(reading), _read_relations(reading)
    zone = _read_word(reading, mapping.zone) or "default"
    lifecycle = _read_lifecycle(reading)
    owner = _read_owner(reading) if ci_class.is_dependent else None
    ci = to_text(row.cells.get(mapping.ci) or "").strip() if mapping.ci is not None else ""
    key = f"{ci_class.name}|ci={ci}" if ci and not mapping.key else _make_key(reading, ci_class, values, owner)
    if reading.faults:
        return reading.faults
    return Wish(
        row=row.number,
        key=key,
        ci_class=ci_class,
        values=values,
        tags=tags,
        zone=zone[:NAME_LENGTH],
        lifecycle=lifecycle,
        ci=ci,
        relations=relations,
        owner=owner,
    )


def _read_class(reading: _Reading, catalogue: ClassCatalogue) -> CiClass | None:
    given = reading.mapping.ci_class
    cell = given if isinstance(given, Cell) else Cell(constant=given)
    name = reading.cell(cell)
    if name is NOTHING or name is CLEARED:
        if not reading.faults:
            reading.refuse(cell, InputError("no class; fill it in, or give a default", path=""))
        return None
    found = catalogue.get(to_text(name))
    if found is None or found.is_abstract or (found.is_dependent and reading.mapping.owner is None):
        said = f"unknown class {quote(to_text(name))}{suggest(to_text(name), catalogue.names())}" if found is None else "is part of others"
        reading.refuse(cell, InputError(f"{said}; class.values says which class a word means", path=""))
        return None
    return found


def _read_identifiers(reading: _Reading, ci_class: CiClass) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in reading.mapping.identifiers.items():
        cell = to_cell(given)
        raw = reading.cell(cell)
        if raw is NOTHING or raw is CLEARED:
            continue
        value: Any = to_list(raw, cell, reading.mapping.format) if IDENTIFIER_KINDS[name].is_list else to_text(raw)
        try:
            found |= check_identifiers(ci_class, {name: value})
        except InputError as error:
            reading.refuse(cell, error)
    return found


def _read_attributes(reading: _Reading, ci_class: CiClass) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in reading.mapping.attributes.items():
        attribute = ci_class.attributes.get(name)
        if attribute is None:
            continue  # another class of this file has it
        cell = to_cell(given)
        raw = reading.cell(cell)
        if raw is NOTHING:
            continue
        if raw is CLEARED:
            found[name] = None
            continue
        try:
            found |= check_values(ci_class, {name: to_value(raw, attribute, cell, reading.mapping.format)})
        except InputError as error:
            reading.refuse(cell, error)
    return found


def _read_tags(reading: _Reading) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, given in reading.mapping.tags.items():
        cell = to_cell(given)
        raw = reading.cell(cell)
        if raw is CLEARED:
            found[name] = None
        elif raw is not NOTHING:
            text = to_text(raw)
            if len(text) > TAG_LENGTH or len(name) > NAME_LENGTH:
                reading.refuse(cell, InputError(f"a tag has at most {TAG_LENGTH} characters", path=""))
            found[name] = text
    return found


def _read_relations(reading: _Reading) -> tuple[RelationText, ...]:
    found: list[RelationText] = []
    for name, given in reading.mapping.relations.items():
        cell = given if isinstance(given, RelationCell) else RelationCell(column=given)
        raw = reading.cell(cell)
        if raw is not NOTHING and raw is not CLEARED:
            texts = to_list(raw, cell, reading.mapping.format)
            found += [RelationText(name, cell.by, cell.ci_class, each, cell.column or "") for each in texts]
    return tuple(found)


def _read_word(reading: _Reading, given: str | Cell | None) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    raw = reading.cell(given)
    return "" if raw is NOTHING or raw is CLEARED else to_text(raw)


def _read_lifecycle(reading: _Reading) -> Lifecycle | None:
    given = reading.mapping.lifecycle
    word = _read_word(reading, given)
    if not word:
        return None
    if word not in _LIFECYCLES:
        cell = given if isinstance(given, Cell) else Cell(constant=given)
        message = f"{quote(word)} is no lifecycle; lifecycle.values says which of {', '.join(_LIFECYCLES)} it means"
        reading.refuse(cell, InputError(message, path=""))
        return None
    return word  # type: ignore[return-value]  # one of its words


def _read_owner(reading: _Reading) -> RelationText | None:
    given = reading.mapping.owner or ""
    cell = given if isinstance(given, RelationCell) else RelationCell(column=given)
    raw = reading.cell(cell)
    if raw is NOTHING or raw is CLEARED:
        reading.faults.append(RowFault(reading.row.number, cell.column or "", "", "a part needs its owner; fill it in"))
        return None
    return RelationText("owner", cell.by, cell.ci_class, to_text(raw), cell.column or "")


def _make_key(reading: _Reading, ci_class: CiClass, values: Mapping[str, Any], owner: RelationText | None) -> str:
    """What names the row for good: the key's columns, else its identifiers, else its name."""
    mapping = reading.mapping
    if mapping.key:
        texts = [to_text(reading.row.cells.get(each) or "") for each in mapping.key]
        if not all(texts):
            missing = mapping.key[texts.index("")]
            reading.faults.append(RowFault(reading.row.number, missing, "", "the key of the row is empty; fill it in"))
    else:
        texts = [f"{name}={values[name]}" for name in _naming(mapping, ci_class, values)]
        if not texts:
            reading.faults.append(RowFault(reading.row.number, "", "", "nothing tells this row from another; give an identifier or a name"))
    key = "|".join([ci_class.name, *([owner.value] if owner is not None and not mapping.key else []), *texts])
    if len(key) > KEY_LENGTH:
        reading.faults.append(RowFault(reading.row.number, "", "", f"its key is longer than {KEY_LENGTH} characters; name shorter columns as key"))
    return key


def _naming(mapping: ImportMapping, ci_class: CiClass, values: Mapping[str, Any]) -> list[str]:
    if ci_class.is_dependent:
        return [name for name in (*ci_class.local_key, "serial", "wwn") if values.get(name)]
    given = [name for each in mapping.identifiers for name in (each, f"identifier.{each}") if values.get(name)]
    return given or [name for name in ("number", *ci_class.name_from) if values.get(name)][:1]
