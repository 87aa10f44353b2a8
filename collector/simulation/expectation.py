"""What a case expects of its state: partial items, things that must not be, and counts. Pure. Format: docs/cases.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.simulation.case_format import Expect

LISTS = ("cis", "differences", "cases", "relations", "rejected", "refused", "redirects")
QUOTED = 400


def compare(expected: Expect, state: Mapping[str, Any]) -> list[str]:
    """One line for each thing that is not as expected; empty: all is."""
    refs = _refs(state)
    found: list[str] = []
    for name in LISTS:
        wanted = getattr(expected, name)
        if wanted is not None:
            found += _compare_list(name, [_resolve(each, refs) for each in wanted], state.get(name, []))
    for name, refused in expected.none.items():
        for each in refused:
            pattern = _resolve(each, refs)
            found += [f"{name}: there must be none like {_quote(each)}, but there is {_quote(it)}" for it in state.get(name, []) if fits(pattern, it)]
    for name, number in expected.count.items():
        counted = count(name, state)
        if counted != number:
            found.append(f"count of {name}: {counted}, expected {number}")
    return found


def _compare_list(name: str, wanted: Sequence[Any], items: Sequence[Any]) -> list[str]:
    if not wanted:
        return [f"{name}: none expected, but there is {_quote(each)}" for each in items]
    missing = _unmatched(wanted, items)
    return [
        f"{name}: nothing is like {_quote(wanted[index])} (or each that is matches another expectation); there are {_quote(items)}"
        for index in missing
    ]


def count(name: str, state: Mapping[str, Any]) -> int:
    """How many: `cis`, `cis.server`, `open_differences`, `open_cases`, `differences.changed_attribute`, …"""
    listed, _, kind = name.removeprefix("open_").partition(".")
    items = state.get(listed, [])
    if name.startswith("open_"):
        items = [each for each in items if each.get("state") == "open"]
    key = "class" if listed == "cis" else "kind"
    return sum(1 for each in items if not kind or each.get(key) == kind)


def fits(pattern: Any, value: Any) -> bool:
    """Whether a value is as a partial one says. An empty list fits an empty list alone."""
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(name in value and fits(each, value[name]) for name, each in pattern.items())
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return False
        return not _unmatched(pattern, value) if pattern else not value
    if isinstance(pattern, bool) or isinstance(value, bool):
        return pattern is value
    return bool(pattern == value)


def _unmatched(wanted: Sequence[Any], items: Sequence[Any]) -> list[int]:
    """Places of the patterns that find no item of their own (a bipartite matching by augmenting paths)."""
    choices = [[place for place, item in enumerate(items) if fits(pattern, item)] for pattern in wanted]
    taken: dict[int, int] = {}

    def place_one(index: int, tried: set[int]) -> bool:
        for place in choices[index]:
            if place in tried:
                continue
            tried.add(place)
            if place not in taken or place_one(taken[place], tried):
                taken[place] = index
                return True
        return False

    return [index for index in range(len(wanted)) if not place_one(index, set())]


def _refs(state: Mapping[str, Any]) -> dict[tuple[str | None, str], set[str]]:
    """(source or None, ref) to the printed ids of the CIs that have it."""
    found: dict[tuple[str | None, str], set[str]] = {}
    for each in state.get("cis", []):
        for record in each["source_records"]:
            for key in ((record["source"], record["ref"]), (None, record["ref"])):
                found.setdefault(key, set()).add(each["id"])
    return found


def _resolve(value: Any, refs: Mapping[tuple[str | None, str], set[str]], key: str = "") -> Any:
    """Names `{ref: h}` of CIs as printed ids; one that names none, or several, matches nothing."""
    if isinstance(value, Mapping):
        if key in ("subject", "owner", "members", "to", "from", "id") and "ref" in value and set(value) <= {"ref", "source"}:
            ids = refs.get((value.get("source"), value["ref"]), set())
            return next(iter(ids)) if len(ids) == 1 else f"no single CI of {value['ref']!r}"
        return {name: _resolve(each, refs, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_resolve(each, refs, key) for each in value]
    return value


def _quote(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def describe(faults: Iterable[str]) -> str:
    """All faults, a line each."""
    return "\n".join(faults)
