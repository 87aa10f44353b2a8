"""What a source stated before and no longer names: a missing key is no statement, so its last word stands. Pure.

It stands as that source's word of the instant when it last was heard, and grows stale with it (docs/reconciliation.md, facts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from collector.reconcile.merge import is_statement
from muster.model.ci_class import CiClass

Kept = Mapping[str, tuple[Any, int]]  # attribute to value and when it was heard last


class Word(Struct, frozen=True):
    """The attributes of one item as its source named them; `is_whole`: in a complete, successful section. `heard_at`: the last time."""

    attributes: Mapping[str, Any]
    is_whole: bool
    heard_at: int


def keep_unsaid(ci_class: CiClass, before: Word, kept: Kept, now: Word) -> dict[str, tuple[Any, int]]:
    """What stands beside the newest word: all that `before` or `kept` states and `now` does not."""
    said = {**kept, **{name: (value, before.heard_at) for name, value in before.attributes.items() if _states(ci_class, name, before)}}
    return {name: each for name, each in said.items() if not _states(ci_class, name, now) and not _is_volatile(ci_class, name)}


def keep_late(ci_class: CiClass, late: Word, kept: Kept, now: Word) -> dict[str, tuple[Any, int]]:
    """The same where a word comes after the newer one: it stands where neither that nor what is kept is newer."""
    told = keep_unsaid(ci_class, late, {}, now)
    return {**kept, **{name: each for name, each in told.items() if name not in kept or kept[name][1] < each[1]}}


def _is_volatile(ci_class: CiClass, name: str) -> bool:
    """A volatile value, such as a boot's identifier, is of its instant and no fact afterwards."""
    return name in ci_class.attributes and ci_class.attributes[name].volatile


def _states(ci_class: CiClass, name: str, word: Word) -> bool:
    return name in word.attributes and is_statement(ci_class, name, word.attributes[name], is_complete=word.is_whole)
