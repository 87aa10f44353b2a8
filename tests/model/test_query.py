"""The query language: what it means, and that no text breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model.query import And, Everything, Not, Or, QueryError, Term, Words, matches, parse_duration, parse_query

DAY_MS = 86_400_000
NOW = 100 * DAY_MS
FACTS: dict[str, Any] = {
    "class": ["server", "host", "device"], "name": "web-01", "os.name": "Debian GNU/Linux", "tag.role": "web", "memory_bytes": 34_359_738_368,
    "seen": NOW - 3 * DAY_MS, "ip": ["10.0.0.5", "10.0.1.5"], "presence": "seen", "is": ["recorded"],
}  # fmt: skip


def test_a_query_is_a_tree() -> None:
    assert parse_query('class:server tag.role:web (os.name:"debian 12" OR -seen<7d) db') == And((
        Term("class", ":", "server"),
        Term("tag.role", ":", "web"),
        Or((Term("os.name", ":", "debian 12"), Not(Term("seen", "<", "7d")))),
        Words("db"),
    ))  # fmt: skip


def test_the_empty_query_matches_everything() -> None:
    assert parse_query("  ") == Everything()
    assert matches(parse_query(""), {}, NOW)


@pytest.mark.parametrize(("text", "expected"), [
    ("class:server", True), ("class:device", True), ("class:serv", False), ("os.name:debian", True), ("os.name=debian", False), ("name=WEB-01", True),
    ("name:web*", True), ("name=*02", False), ("seen<7d", True), ("seen>7d", False), ("seen<2d", False), ("memory_bytes>=34359738368", True),
    ("memory_bytes<1", False), ("ip:10.0.1", True), ("ip=10.0.0.5", True), ("-tag.role:web", False), ("tag.role:web presence:seen", True),
    ("tag.role:db OR presence:seen", True), ("tag.role:db presence:seen", False), ("-(tag.role:db OR name:x)", True), ("tag.site:", False),
    ("tag.role:", True), ("tag.site!=lab", True), ("tag.role!=web", False), ("is:recorded", True), ("gnu/linux", True), ('"web 01"', False),
])  # fmt: skip
def test_what_matches(text: str, expected: bool) -> None:
    assert matches(parse_query(text), FACTS, NOW) is expected


@pytest.mark.parametrize(("text", "position"), [
    ("(class:server", 0), ("class:server)", 12), ('name:"x', 5), ("a OR", 4), ("OR a", 0), ("()", 1), ("seen<soon", 5), ("seen<", 5),
    ("(" * 60 + "a", 51),
])  # fmt: skip
def test_a_fault_is_named_with_its_position(text: str, position: int) -> None:
    with pytest.raises(QueryError) as refused:
        parse_query(text)
    assert refused.value.position == position


@given(
    st.one_of(st.text(), st.lists(st.sampled_from(["(", ")", "-", " ", "OR", "a:b", 'x:"', '"', "seen<7d", "a", "\\", "*", "=", "<"])).map("".join))
)
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        query = parse_query(text)
    except QueryError as error:
        refused: QueryError | None = error
    else:
        refused = None
        assert matches(query, FACTS, NOW) in (True, False)
    assert refused is None or 0 <= refused.position <= len(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("90m", 5400), ("2w", 1_209_600), ("1Y", 31_536_000), ("7", None), ("d", None), ("-1d", None)]
)
def test_durations(text: str, seconds: int | None) -> None:
    assert parse_duration(text) == seconds
