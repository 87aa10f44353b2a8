"""The column type of permanent ids: canonical text in Python and in every interface, 16 bytes on disk.

SQLite keeps them as BLOB, PostgreSQL as `uuid`; both sort as the text does. What is no UUID is equal to no id, so a key that a person
typed may be compared as it is.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BLOB, ColumnElement, Dialect, Text
from sqlalchemy import Uuid as NativeUuid
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

NOBODY = bytes(16)  # RFC 9562's nil UUID, which is never made


class _Packed(BLOB):
    """Bytes as SQLite's driver takes and gives them; the generic type would wrap each value."""

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        return None


class UuidText(TypeDecorator[str]):
    """A UUID in canonical text."""

    impl = BLOB
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(NativeUuid() if dialect.name == "postgresql" else _Packed(16))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        packed = to_bytes(value)
        return uuid.UUID(bytes=packed) if dialect.name == "postgresql" else packed

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return str(value) if dialect.name == "postgresql" else to_text(value)


def to_bytes(value: str) -> bytes:
    """The 16 bytes of a canonical UUID; of any other text those of the nil UUID."""
    if len(value) != 36 or value[8] != "-" or value[13] != "-" or value[18] != "-" or value[23] != "-":
        return NOBODY
    try:
        packed = bytes.fromhex(value[:8] + value[9:13] + value[14:18] + value[19:23] + value[24:])
    except ValueError:
        return NOBODY
    return packed if len(packed) == 16 else NOBODY


def to_text(packed: bytes) -> str:
    """The canonical text of 16 bytes."""
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class id_text(FunctionElement[str]):  # noqa: N801 -- named as SQL functions are
    """A column of ids as text, for patterns."""

    type = Text()
    inherit_cache = True


class least_id(FunctionElement[str]):  # noqa: N801 -- as above
    """The smallest id of a group: `min` does not know PostgreSQL's `uuid`."""

    type = UuidText()
    inherit_cache = True


def _only(element: FunctionElement[Any]) -> ColumnElement[Any]:
    return next(iter(element.clauses))


@compiles(id_text, "postgresql")
def _cast(element: id_text, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(_only(element), **options)} AS TEXT)"


@compiles(id_text)
def _spell(element: id_text, compiler: Any, **options: Any) -> str:
    column = f"hex({compiler.process(_only(element), **options)})"
    pieces = " || '-' || ".join(f"substr({column}, {at}, {length})" for at, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)))
    return f"lower({pieces})"


@compiles(least_id, "postgresql")
def _cast_least(element: least_id, compiler: Any, **options: Any) -> str:
    return f"CAST(min(CAST({compiler.process(_only(element), **options)} AS TEXT)) AS UUID)"


@compiles(least_id)
def _least(element: least_id, compiler: Any, **options: Any) -> str:
    return f"min({compiler.process(_only(element), **options)})"
