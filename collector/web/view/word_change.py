"""What changed between two texts, word by word: the reviewer's eye goes to it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from msgspec import Struct

LIMIT = 2_000
_WORD = re.compile(r"[A-Za-z]+|[0-9]+|[^\W\d_A-Za-z]|\s+|.", re.DOTALL)


class Piece(Struct, frozen=True):
    """A stretch of text; `is_changed`: the other side has it not."""

    text: str
    is_changed: bool


def mark_words(recorded: str, observed: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces. Texts longer than 2,000 characters, and such that have little in common, are marked whole."""
    if recorded == observed:
        return [Piece(recorded, False)], [Piece(observed, False)]
    left, right = _WORD.findall(recorded), _WORD.findall(observed)
    whole = [Piece(recorded, True)] if recorded else [], [Piece(observed, True)] if observed else []
    if not left or not right or max(len(recorded), len(observed)) > LIMIT:
        return whole
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < 0.3:
        return whole
    old: list[Piece] = []
    new: list[Piece] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if a < b:
            old.append(Piece("".join(left[a:b]), kind != "equal"))
        if c < d:
            new.append(Piece("".join(right[c:d]), kind != "equal"))
    return old, new
