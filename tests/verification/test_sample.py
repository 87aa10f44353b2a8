"""A sample can be drawn again by anybody from its seed, every CI has the same chance, and strata get their share."""

from __future__ import annotations

import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.verification.sample import allocate, draw

POPULATIONS = st.dictionaries(
    st.sampled_from(["disk", "printer", "server", "ups"]), st.sets(st.integers(1, 2_000), min_size=1, max_size=60), min_size=1
)


def distinct(population: dict[str, set[int]]) -> dict[str, list[int]]:
    """A CI has one class."""
    seen: set[int] = set()
    found = {}
    for name, numbers in sorted(population.items()):
        found[name] = sorted(numbers - seen)
        seen |= numbers
    return {name: numbers for name, numbers in found.items() if numbers}


@given(POPULATIONS, st.integers(1, 300), st.text(min_size=1, max_size=8), st.booleans())
def test_a_sample_has_its_size_and_is_of_the_population(raw: dict[str, set[int]], size: int, seed: str, stratified: bool) -> None:
    population = distinct(raw)
    every = {number for numbers in population.values() for number in numbers}
    found = draw(population, size, seed, is_stratified=stratified)
    assert len(found) == len(set(found)) == min(size, len(every))
    assert set(found) <= every
    assert found == sorted(found)


@given(POPULATIONS, st.integers(1, 300), st.text(min_size=1, max_size=8), st.booleans(), st.randoms())
def test_the_order_of_the_population_changes_nothing(raw: dict[str, set[int]], size: int, seed: str, stratified: bool, random: object) -> None:
    population = distinct(raw)
    shuffled = {name: list(numbers) for name, numbers in reversed(population.items())}
    for numbers in shuffled.values():
        random.shuffle(numbers)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert draw(population, size, seed, is_stratified=stratified) == draw(shuffled, size, seed, is_stratified=stratified)


@given(POPULATIONS, st.integers(1, 100), st.text(min_size=1, max_size=8))
def test_a_larger_sample_holds_the_smaller_one(raw: dict[str, set[int]], size: int, seed: str) -> None:
    population = distinct(raw)
    assert set(draw(population, size, seed, is_stratified=False)) <= set(draw(population, size + 5, seed, is_stratified=False))


def test_the_sample_is_what_anybody_computes_with_sha256() -> None:
    numbers = list(range(1, 101))
    keys = sorted(numbers, key=lambda number: hashlib.sha256(f"2026-H1:{number}".encode()).hexdigest())
    assert draw({"server": numbers}, 7, "2026-H1", is_stratified=False) == sorted(keys[:7]) == [8, 32, 44, 54, 56, 64, 98]


def test_every_ci_has_the_same_chance() -> None:
    population = {"server": list(range(40)), "disk": list(range(100, 110))}
    drawn = Counter(number for seed in range(2_000) for number in draw(population, 10, str(seed), is_stratified=False))
    # Each is drawn 400 times on average with a standard deviation of 18.
    assert len(drawn) == 50
    assert all(300 < count < 500 for count in drawn.values())


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 400), min_size=1), st.integers(1, 500))
def test_strata_get_their_share_and_none_more_than_it_has(sizes: dict[str, int], size: int) -> None:
    total = sum(sizes.values())
    size = min(size, total)
    shares = allocate(sizes, size)
    assert sum(shares.values()) == size
    assert all(0 <= shares[name] <= sizes[name] for name in sizes)
    if size >= len(sizes):
        assert all(shares.values())
        assert all(abs(shares[name] - size * count / total) < len(sizes) + 1 for name, count in sizes.items())
    else:
        assert all(abs(shares[name] - size * count / total) < 1 for name, count in sizes.items())
