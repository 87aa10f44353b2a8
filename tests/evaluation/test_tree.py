"""Trees of components and timelines of checks, as pure functions."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.check_timeline import Evidence, combine_all, combine_best, expire, join_equal
from collector.service_tree import LeafKey, Node, Resolver, evaluate, follow, leaves, name_leaves, resolve_tree, to_expression
from muster.errors import InputError
from muster.model.state import STATES, State
from muster.ports import CiRef
from tests.evaluation.oracle import evaluate as oracle

NAMES = "abcd"


def leaf(name: str) -> Node:
    return Node(kind="leaf", label=name, ci=CiRef(id=name, number=ord(name), ci_class="server", name=name), checks=("icmp",))


def combined(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=1, max_size=3).map(tuple)
    plain = st.builds(lambda kind, own: Node(kind=kind, label=kind, children=own), st.sampled_from(["all", "any"]), several)
    counted = st.builds(lambda own, k: Node(kind="at_least", label="k", k=1 + k % len(own), children=own), several, st.integers(0, 5))
    return plain | counted


trees = st.recursive(st.sampled_from(NAMES).map(leaf), combined, max_leaves=8)
states = st.fixed_dictionaries({(name, ("icmp",)): st.sampled_from(STATES) for name in NAMES})
entries = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(STATES)), max_size=8)


@given(trees, states)
def test_tree_and_its_expression_mean_the_same(tree: Node, given_states: dict[LeafKey, State]) -> None:
    names = name_leaves(tree)
    by_name = {name: given_states.get(key, "unknown") for key, name in names.items()}
    assert evaluate(tree, given_states) == oracle(to_expression(tree, names), by_name)  # type: ignore[arg-type]  # Literal is str


@given(trees, states)
def test_known_result_does_not_depend_on_what_is_unknown(tree: Node, given_states: dict[LeafKey, State]) -> None:
    result = evaluate(tree, given_states)
    unknown = [key for key, state in given_states.items() if state == "unknown"]
    if result != "unknown":
        for filled in product(("down", "degraded", "up"), repeat=len(unknown)):
            assert evaluate(tree, {**given_states, **dict(zip(unknown, filled, strict=True))}) == result  # type: ignore[arg-type]


@given(trees, st.fixed_dictionaries({(name, ("icmp",)): entries for name in NAMES}))
def test_timeline_of_a_tree_is_its_state_at_every_instant(tree: Node, raw: dict[LeafKey, Any]) -> None:
    timelines = {key: join_equal(each) for key, each in raw.items()}
    timeline = follow(tree, timelines)
    for at in range(21):
        now: dict[LeafKey, State] = {key: next((s for t, s in reversed(each) if t <= at), "unknown") for key, each in timelines.items()}
        assert next((s for t, s in reversed(timeline) if t <= at), "unknown") == evaluate(tree, now)


@given(st.lists(entries, min_size=1, max_size=4))
def test_best_word_and_all_hold_at_every_instant(raw: list[Any]) -> None:
    timelines = [join_equal(each) for each in raw]
    best, every = combine_best(timelines), combine_all(timelines)
    rank = {"unknown": -1, "down": 0, "degraded": 1, "up": 2}
    for at in range(21):
        now = [next((s for t, s in reversed(each) if t <= at), "unknown") for each in timelines]
        assert next((s for t, s in reversed(best) if t <= at), "unknown") == max(now, key=rank.__getitem__)
        expected = "down" if "down" in now else min(now, key=rank.__getitem__)
        assert next((s for t, s in reversed(every) if t <= at), "unknown") == expected


def test_silence_becomes_unknown_where_the_next_word_was_due() -> None:
    timeline = ((0, "up"),)
    evidence = Evidence("up", last_at=100_000, interval_ms=30_000)
    assert expire(timeline, evidence, 190_000) == timeline
    assert expire(timeline, evidence, 190_001) == ((0, "up"), (130_000, "unknown"))
    assert expire(timeline, None, 10**9) == timeline
    assert expire(((0, "unknown"),), evidence, 10**9) == ((0, "unknown"),)


def test_of_several_at_one_instant_the_last_given_wins() -> None:
    assert join_equal([(5, "down"), (0, "up"), (5, "up"), (7, "up"), (9, "unknown")]) == ((0, "up"), (9, "unknown"))


def test_query_that_is_refused_is_a_fault_of_its_leaf_and_stops_nothing_else() -> None:
    def refuse(_text: str) -> list[CiRef]:
        raise InputError("unknown class 'turbine'", path="query")

    web = CiRef(id="w", number=1, ci_class="server", name="web-1")
    resolver = Resolver(lambda _name: [web], refuse, lambda _ci: ("icmp",), lambda _name: None)
    tree = resolve_tree({"all": [{"query": "class:turbine"}, {"ci": "web-1"}]}, resolver)
    assert [(each.label, each.fault) for each in leaves(tree)] == [("class:turbine", "unknown class 'turbine'"), ("web-1", "")]
    assert evaluate(tree, {("w", ("icmp",)): "up"}) == "unknown"
    assert evaluate(tree, {("w", ("icmp",)): "down"}) == "down"
