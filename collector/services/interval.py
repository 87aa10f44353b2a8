"""Sets of time as sorted, disjoint, half-open intervals `[from, to)` in milliseconds UTC. Exact: integers only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]
Intervals = Sequence[Interval]


def unite(intervals: Iterable[Interval]) -> list[Interval]:
    """Their union, in order; empty ones vanish, touching ones join.

    >>> unite([(5, 7), (0, 2), (2, 3), (6, 9), (4, 4)])
    [(0, 3), (5, 9)]
    """
    united: list[Interval] = []
    for since, until in sorted(each for each in intervals if each[0] < each[1]):
        if united and since <= united[-1][1]:
            if until > united[-1][1]:
                united[-1] = (united[-1][0], until)
        else:
            united.append((since, until))
    return united


def intersect(left: Intervals, right: Intervals) -> list[Interval]:
    """What is in both.

    >>> intersect([(0, 10)], [(2, 3), (8, 12)])
    [(2, 3), (8, 10)]
    """
    common: list[Interval] = []
    at_left = at_right = 0
    while at_left < len(left) and at_right < len(right):
        since = max(left[at_left][0], right[at_right][0])
        until = min(left[at_left][1], right[at_right][1])
        if since < until:
            common.append((since, until))
        if left[at_left][1] < right[at_right][1]:
            at_left += 1
        else:
            at_right += 1
    return common


def subtract(left: Intervals, right: Intervals) -> list[Interval]:
    """What is in the first and not in the second.

    >>> subtract([(0, 10)], [(2, 3), (8, 12)])
    [(0, 2), (3, 8)]
    """
    left_over: list[Interval] = []
    at = 0
    for start, until in left:
        since = start
        while at < len(right) and right[at][1] <= since:
            at += 1
        place = at
        while place < len(right) and right[place][0] < until:
            if since < right[place][0]:
                left_over.append((since, right[place][0]))
            since = max(since, right[place][1])
            place += 1
        if since < until:
            left_over.append((since, until))
    return left_over


def measure(intervals: Intervals) -> int:
    """Their length in milliseconds."""
    return sum(until - since for since, until in intervals)
