"""Settings that the collector keeps for itself, by name: plain values as MessagePack."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from collector.store.content import decode, encode
from collector.store.schema import setting
from collector.store.statement import insert_or_replace


def load(connection: Connection, name: str, default: Any = None) -> Any:
    """The value kept under a name; `default` where there is none."""
    body = connection.execute(select(setting.c.value).where(setting.c.name == name)).scalar()
    return default if body is None else decode(body)


def save(connection: Connection, name: str, value: Any) -> None:
    """Keep a value (what MessagePack can hold) in place of the one before."""
    insert_or_replace(connection, setting, [{"name": name, "value": encode(value)}])


def remove(connection: Connection, name: str) -> None:
    """Forget a value; a name without one is no error."""
    connection.execute(delete(setting).where(setting.c.name == name))
