"""What was read for a figure, kept while a few sums over its table say that nothing changed, and for ten minutes at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, func, select

from collector.store.schema import difference, relation

T = TypeVar("T")
KEPT_SECONDS = 600.0
State = tuple[int, ...]


class Kept(Generic[T]):
    """One such thing. The limit is for what the sums cannot see, such as a part that moved to another host."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._until_seconds = 0.0
        self._value: T | None = None

    def get(self, state: State, now_seconds: float, load: Callable[[], T]) -> T:
        """The value of this state; loaded where it is of another one or too old."""
        if self._value is None or state != self._state or now_seconds >= self._until_seconds:
            self._value, self._state, self._until_seconds = load(), state, now_seconds + KEPT_SECONDS
        return self._value


def relation_state(connection: Connection) -> State:
    """What stands for all relations in force, their ends and how many there are."""
    columns = (relation.c.id, relation.c.valid_to, relation.c.from_ci_id, relation.c.to_ci_id)
    return _read(connection, relation, [func.max(relation.c.id), *(func.count(each) for each in columns)])


def difference_state(connection: Connection) -> State:
    """What stands for all open differences."""
    return _read(connection, difference, [func.count(), func.sum(difference.c.opened_at)], difference.c.state == "open")


def _read(connection: Connection, table: Table, sums: list[Any], *conditions: Any) -> State:
    row = connection.execute(select(*sums).select_from(table).where(*conditions)).one()
    return tuple(int(each or 0) for each in row)
