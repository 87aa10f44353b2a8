"""Drawing a sample of CIs so that anybody can draw the same one again: from the numbers of the population and a seed. Pure.

Each CI gets the key SHA-256("SEED:NUMBER"); the sample are those with the smallest keys. That is a draw without replacement in which every
CI has the same chance, needs no generator of random numbers, and can be checked with `sha256sum`. Rules: docs/verification.md.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence


def draw(population: Mapping[str, Sequence[int]], size: int | None, seed: str, *, is_stratified: bool) -> list[int]:
    """The numbers of the CIs drawn, ascending. `population`: class → numbers; `size` None or over the population: all.

    Stratified, each class gives as many as its share of the population; else the classes do not matter.
    """
    total = sum(map(len, population.values()))
    if size is None or size >= total:
        return sorted(number for numbers in population.values() for number in numbers)
    if not is_stratified:
        return sorted(_smallest((number for numbers in population.values() for number in numbers), size, seed))
    shares = allocate({ci_class: len(numbers) for ci_class, numbers in population.items()}, size)
    return sorted(number for ci_class, share in shares.items() for number in _smallest(population[ci_class], share, seed))


def key_of(seed: str, number: int) -> bytes:
    """By which CIs are ordered for a seed."""
    return hashlib.sha256(f"{seed}:{number}".encode()).digest()


def allocate(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each class: its share of the whole by largest remainders (ties by name), one at least where there are enough."""
    total = sum(sizes.values())
    names = sorted(name for name, count in sizes.items() if count)
    exact = {name: divmod(size * sizes[name], total) for name in names}
    shares = {name: whole for name, (whole, _) in exact.items()}
    left = size - sum(shares.values())
    for name in sorted(names, key=lambda each: (-exact[each][1], each))[:left]:
        shares[name] += 1
    if size >= len(names):
        for name in (each for each in names if not shares[each]):
            giver = max(names, key=lambda each: (shares[each], each))
            shares[giver] -= 1
            shares[name] = 1
    return shares


def _smallest(numbers: Iterable[int], size: int, seed: str) -> list[int]:
    return heapq.nsmallest(size, numbers, key=lambda number: key_of(seed, number))
