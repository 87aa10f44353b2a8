"""The column type of words from a fixed list: text in Python and in every interface, a small number on disk.

Numbers follow the alphabet, so that a column sorts as its words do, with room between them for words to come. A word's number never
changes once it was released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, SmallInteger
from sqlalchemy.types import TypeDecorator

LIFECYCLES = {"disposed": 10, "in_stock": 20, "live": 30, "maintenance": 40, "planned": 50, "retired": 60}
PRESENCES = {"absent": 10, "seen": 20, "stale": 30, "unknown": 40}
STATES = {"degraded": 10, "down": 20, "unknown": 30, "up": 40}
CONTROL_LEVELS = {"ephemeral": 10, "governed": 20, "tracked": 30}
NO_WORD = 0


class Word(TypeDecorator[str]):
    """A word of a list; any other equals none of them. Patterns do not work on it: choose among `words`."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, numbers: Mapping[str, int]) -> None:
        super().__init__()
        self.numbers = tuple(sorted(numbers.items()))  # what makes two of these types the same, for the cache of statements
        self._number_of = dict(numbers)
        self._word_of = {number: word for word, number in numbers.items()}

    @property
    def python_type(self) -> type[str]:
        return str

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for word, _ in self.numbers)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else self._number_of.get(value, NO_WORD)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self._word_of[value]
