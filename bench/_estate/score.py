"""How well records were put together: pairwise precision and recall against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """Pairs of records: `together` believed to be one thing, `belonging` really one, `right` both."""

    together: int
    belonging: int
    right: int

    @property
    def precision(self) -> float:
        """Of the pairs believed one, those that are; 1 where none is believed."""
        return self.right / self.together if self.together else 1.0

    @property
    def recall(self) -> float:
        """Of the pairs that are one, those believed so; 1 where there is none."""
        return self.right / self.belonging if self.belonging else 1.0


def score(records: Iterable[tuple[str, str]]) -> Score:
    """`records`: what each really is, and what it is believed to be.

    >>> score([("a", "1"), ("a", "1"), ("a", "2"), ("b", "2")])
    Score(together=2, belonging=3, right=1)
    """
    known = list(records)
    believed = Counter(ci_id for _, ci_id in known)
    truth = Counter(each for each, _ in known)
    both = Counter(known)
    return Score(*(sum(count * (count - 1) // 2 for count in each.values()) for each in (believed, truth, both)))
