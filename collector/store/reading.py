"""One act of reading: its connection, the model it reads by and the instant it reads at; and the cursors of its pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from collector.reconcile.settings import Settings
from collector.store.schema import ci, source
from collector.store.statement import parts
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.ci_class import Attribute, CiClass, ClassCatalogue
from muster.ports import CiRef, LocalisedText, SourceRef

MAXIMUM_LIMIT = 500
_PLAIN = Attribute()


@dataclass(frozen=True)
class Reading:
    """`now`: what is fresh and what has expired is judged at this instant."""

    connection: Connection
    catalogue: ClassCatalogue
    settings: Settings
    now: int

    def class_of(self, name: str) -> CiClass:
        """The class; one that the files no longer define counts as a device."""
        return self.catalogue.get(name) or self.catalogue["device"]

    def attribute_of(self, ci_class: str, name: str) -> Attribute:
        return self.class_of(ci_class).attributes.get(name, _PLAIN)

    def label_of(self, ci_class: str, attribute: str) -> LocalisedText:
        """What people call an attribute; of no attribute, what they call the class."""
        label = self.attribute_of(ci_class, attribute).label if attribute else self.class_of(ci_class).label
        return label or {"en": attribute or ci_class}

    def is_fresh(self, confirmed_at: int | None, interval_seconds: int | None) -> bool:
        """Whether what was confirmed then still counts."""
        return confirmed_at is not None and self.now - confirmed_at <= self.settings.fresh_for_ms(interval_seconds or 600)


def load_refs(connection: Connection, ids: Iterable[str | None]) -> dict[str, CiRef]:
    """CIs by id, enough to name and link them."""
    found: dict[str, CiRef] = {}
    for part in parts(sorted({each for each in ids if each is not None})):
        for row in connection.execute(select(ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name).where(ci.c.id.in_(part))):
            found[row.id] = CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name)
    return found


def load_source_refs(connection: Connection, ids: Iterable[int | None]) -> dict[int, SourceRef]:
    """Sources by number, as people name them."""
    found: dict[int, SourceRef] = {}
    columns = (source.c.id, source.c.kind, source.c.name, source.c.instance, source.c.zone)
    for part in parts(sorted({each for each in ids if each is not None})):
        for row in connection.execute(select(*columns).where(source.c.id.in_(part))):
            found[row.id] = SourceRef(*row)
    return found


def check_limit(limit: int) -> int:
    """The limit, if a page may be so long. Raises InputError."""
    if not 1 <= limit <= MAXIMUM_LIMIT:
        raise InputError(f"limit {limit} is not between 1 and {MAXIMUM_LIMIT}", path="limit")
    return limit


def choose_sort(sort: str, known: Mapping[str, ColumnElement[Any]], path: str = "sort") -> tuple[ColumnElement[Any], bool]:
    """The column of a sort word, and whether it is turned round by `-`. Raises InputError with a suggestion."""
    name = sort.removeprefix("-")
    if name not in known:
        raise InputError(f"unknown sort {quote(name)}{suggest(name, list(known))}", path=path)
    return known[name], sort.startswith("-")


def make_cursor(sort: str, *values: Any) -> str:
    """Where a page ended, opaque to the caller; it holds for this sort alone."""
    return base64.urlsafe_b64encode(msgspec.json.encode([sort, *values])).decode().rstrip("=")


def read_cursor(cursor: str | None, sort: str, count: int) -> list[Any] | None:
    """The values that `make_cursor` was given; None: the first page. Raises InputError."""
    if cursor is None:
        return None
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str | int | None])
    except (binascii.Error, msgspec.DecodeError, ValueError):
        values = []
    if len(values) != count + 1 or values[0] != sort:
        raise InputError(f"cursor {quote(cursor)} is not of this list and sort; begin again without a cursor", path="cursor")
    return values[1:]


def after(columns: list[tuple[ColumnElement[Any], bool]], values: list[Any] | None) -> ColumnElement[bool] | None:
    """The rows behind these values, in the order of columns, each with whether it descends; None: all rows."""
    if values is None:
        return None
    for (column, _), value in zip(columns, values, strict=True):
        if not isinstance(value, column.type.python_type):
            raise InputError("the cursor is not of this list; begin again without a cursor", path="cursor")
    steps = []
    for at, (column, descends) in enumerate(columns):
        same = [earlier == value for (earlier, _), value in zip(columns[:at], values, strict=False)]
        steps.append(and_(*same, column < values[at] if descends else column > values[at]))
    return or_(*steps)


def ordered(columns: list[tuple[ColumnElement[Any], bool]]) -> list[ColumnElement[Any]]:
    """What ORDER BY takes."""
    return [column.desc() if descends else column.asc() for column, descends in columns]
