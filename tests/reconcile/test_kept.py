"""A missing key is no statement: what a source said last stands until it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.reconcile.kept import Kept, Word, keep_late, keep_unsaid
from muster.model.ci_class import Attribute, CiClass

ACCOUNT = CiClass(
    name="account",
    label={},
    family="",
    attributes={"shell": Attribute(mode="governed"), "groups": Attribute(mode="governed", type="list", clearable=True)},
)
VALUES = st.fixed_dictionaries({}, optional={"shell": st.sampled_from(["", "sh", "zsh", None]), "groups": st.sampled_from([[], ["a"], ["b", "c"]])})
WORDS = st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=6)


def words_of(told: Sequence[tuple[dict[str, Any], bool]]) -> list[Word]:
    return [Word(values, is_whole, 10 * at) for at, (values, is_whole) in enumerate(told)]


def in_turn(words: Sequence[Word]) -> Kept:
    kept: Kept = {}
    for before, now in pairwise(words):
        kept = keep_unsaid(ACCOUNT, before, kept, now)
    return kept


def spoken(word: Word, name: str) -> bool:
    value = word.attributes.get(name)
    return bool(value) or (name == "groups" and name in word.attributes and word.is_whole)


@given(WORDS)
def test_what_stands_is_the_newest_word_on_each_key(told: list[tuple[dict[str, Any], bool]]) -> None:
    words = words_of(told)
    kept = in_turn(words)
    for name in ACCOUNT.attributes:
        newest = next((each for each in reversed(words) if spoken(each, name)), None)
        if newest is None or newest is words[-1]:
            assert name not in kept
        else:
            assert kept[name] == (newest.attributes[name], newest.heard_at)


@given(WORDS, st.randoms(use_true_random=False))
def test_late_words_come_to_the_same(told: list[tuple[dict[str, Any], bool]], chance: Any) -> None:
    words = words_of(told)
    older = words[:-1]
    chance.shuffle(older)
    kept: Kept = {}
    for late in older:
        kept = keep_late(ACCOUNT, late, kept, words[-1])
    assert kept == in_turn(words)


def test_an_empty_value_of_a_part_of_a_section_takes_nothing_back() -> None:
    said = Word({"shell": "sh", "groups": ["a"]}, is_whole=True, heard_at=1)
    assert keep_unsaid(ACCOUNT, said, {}, Word({"shell": "", "groups": []}, is_whole=False, heard_at=2)) == {"shell": ("sh", 1), "groups": (["a"], 1)}
    assert keep_unsaid(ACCOUNT, said, {}, Word({"shell": "", "groups": []}, is_whole=True, heard_at=2)) == {"shell": ("sh", 1)}
