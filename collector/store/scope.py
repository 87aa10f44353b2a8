"""Which CIs a query found at a moment: the query language over CIs as they were, with or without what they held.

Candidates come from indices: what the query finds now, and what anything became known of since; each is then judged as it was. Read in
blocks by number, so that memory does not grow with the number of CIs. Design: docs/time.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, or_, select

from collector.store.as_of import CiState, load_states
from collector.store.ci_past import Moment, touched_since
from collector.store.filter import compile_query
from collector.store.reading import Reading
from collector.store.schema import ci
from collector.store.statement import parts
from muster.errors import InputError, quote
from muster.model.query import And, Not, Or, Query, Term, Words, matches, parse_query

BLOCK = 500
OWNER_LEVELS = 3
# No history is kept of these, or none that a CI's own past tells.
_NOT_KEPT = {"seen", "changed", "operation", "source"}
_WORDS_KEPT = {"recorded", "unrecorded", "dependent", "independent"}


class Scope(Struct, frozen=True):
    """`with_contents`: also what the CIs found hold, at any depth."""

    query: str = ""
    with_contents: bool = False


class Member(Struct, frozen=True):
    """A CI in scope with its state at a moment."""

    row: Any
    state: CiState


def parse_scope(text: str) -> Query:
    """The tree of a scope's query. Raises InputError for what is no query, and for fields of which no past is kept."""
    query = parse_query(text)
    for term in _terms(query):
        if term.field in _NOT_KEPT or (term.field == "is" and term.value.casefold() not in _WORDS_KEPT):
            raise InputError(f"{quote(term.field + term.operator + term.value)} cannot be asked of the past: no history of it is kept", path="query")
    return query


def _terms(query: Query) -> Iterator[Term]:
    match query:
        case Term():
            yield query
        case Not(inner=inner):
            yield from _terms(inner)
        case And(terms=terms) | Or(terms=terms):
            for each in terms:
                yield from _terms(each)


def candidates(reading: Reading, scope: Scope, moment: Moment) -> ColumnElement[bool]:
    """A condition on `ci` that leaves out nothing that was in scope at the moment. Raises InputError."""
    query = parse_scope(scope.query)
    touched = touched_since(min(moment.at, moment.known_at))
    found = or_(compile_query(query, reading.catalogue, moment.at), ci.c.id.in_(touched), ci.c.recorded_from > min(moment.at, moment.known_at))
    if any(term.field == "presence" for term in _terms(query)):
        found = or_(found, ci.c.owner_ci_id.is_not(None))  # a part's silence is its owner's
    levels = [found]
    if scope.with_contents and scope.query.strip():
        owners = select(ci.c.id).where(found).correlate(None)
        for _ in range(OWNER_LEVELS):
            levels.append(ci.c.owner_ci_id.in_(owners))
            owners = select(ci.c.id).where(ci.c.owner_ci_id.in_(owners)).correlate(None)
    return or_(*levels) & (ci.c.created_at <= moment.known_at)


def iterate_members(
    reading: Reading, scope: Scope, moment: Moment, *, condition: ColumnElement[bool] | None = None, after: int = 0
) -> Iterator[list[Member]]:
    """Those in scope by number, block after block; `condition` instead of the scope's own candidates."""
    judge = Judge(reading, scope, moment)
    chosen = candidates(reading, scope, moment) if condition is None else condition
    for rows in iterate_rows(reading, chosen, after=after):
        yield judge.members(rows)


def iterate_rows(reading: Reading, condition: ColumnElement[bool], *, after: int = 0) -> Iterator[Sequence[Any]]:
    """Rows of `ci` by number, block after block."""
    while True:
        query = select(ci).where(condition, ci.c.number > after).order_by(ci.c.number).limit(BLOCK)
        rows = reading.connection.execute(query).all()
        if not rows:
            return
        yield rows
        after = rows[-1].number


class Judge:
    """Tells which CIs were in scope at a moment."""

    def __init__(self, reading: Reading, scope: Scope, moment: Moment) -> None:
        self._reading = reading
        self._query = parse_scope(scope.query)
        self._with_contents = scope.with_contents
        self._moment = moment
        self._found: dict[str, bool] = {}  # owners judged already; emptied where it grows

    def members(self, rows: Sequence[Any]) -> list[Member]:
        """Those of these rows that were in scope, in their order."""
        states = load_states(self._reading, rows, self._moment)
        by_id = {state.id: state for state in states}
        owners = self._load_owners(by_id) if self._with_contents else {}
        known = {**owners, **by_id}
        return [Member(row, state) for row, state in zip(rows, states, strict=True) if state.is_there and self._is_in(state, known)]

    def _is_in(self, state: CiState, known: dict[str, CiState]) -> bool:
        if state.is_there and matches_then(self._reading, self._query, state, self._moment):
            return True
        owner = known.get(state.owner_id or "") if self._with_contents else None
        if owner is None or owner is state:
            return False
        if owner.id not in self._found:
            self._found[owner.id] = self._is_in(owner, known)
        return self._found[owner.id]

    def _load_owners(self, states: dict[str, CiState]) -> dict[str, CiState]:
        if len(self._found) > 50_000:
            self._found.clear()
        found: dict[str, CiState] = {}
        pending = {each.owner_id for each in states.values() if each.owner_id is not None} - states.keys()
        while pending:
            rows = [row for part in parts(sorted(pending)) for row in self._reading.connection.execute(select(ci).where(ci.c.id.in_(part)))]
            level = load_states(self._reading, rows, self._moment)
            found |= {each.id: each for each in level}
            pending = {each.owner_id for each in level if each.owner_id is not None} - found.keys() - states.keys()
        return found


def matches_then(reading: Reading, query: Query, state: CiState, moment: Moment) -> bool:
    """Whether the query finds the CI as it was."""
    return _matches(query, facts_then(reading, state), moment.at)


def _matches(query: Query, facts: dict[str, Any], now: int) -> bool:
    """As lists of today understand it: bare words are looked for in the name and in indexed values."""
    match query:
        case Words(text=text):
            return any(text.casefold() in str(value).casefold() for value in facts[""])
        case Not(inner=inner):
            return not _matches(inner, facts, now)
        case And(terms=terms):
            return all(_matches(each, facts, now) for each in terms)
        case Or(terms=terms):
            return any(_matches(each, facts, now) for each in terms)
        case _:
            return matches(query, facts, now)


def facts_then(reading: Reading, state: CiState) -> dict[str, Any]:
    """A CI as queries see it; under "" what bare words are looked for in."""
    attributes = reading.class_of(state.ci_class).attributes
    values = {**state.recorded, **state.effective}
    tags = {f"tag.{name}": value for name, value in state.tags.items()}
    indexed = [value for name, value in values.items() if name in attributes and attributes[name].indexed]
    words = [each for value in (*indexed, *tags.values()) for each in (value if isinstance(value, list) else [value])]
    kind = ("recorded" if state.is_recorded else "unrecorded", "independent" if state.owner_id is None else "dependent")
    axes = {"lifecycle": state.lifecycle, "presence": state.presence, "control": state.control, "zone": state.zone}
    named = {"id": state.id, "number": state.number, "name": state.name, "class": ancestors(reading, state.ci_class), "is": list(kind)}
    return {**values, **tags, **axes, **named, "owner_id": state.owner_id or "", "created": state.created_at, "": [state.name, *words]}


def ancestors(reading: Reading, name: str) -> list[str]:
    """The class and all above it."""
    found: list[str] = []
    at: str | None = name
    while at is not None and at not in found:
        found.append(at)
        known = reading.catalogue.get(at)
        at = known.parent if known is not None else None
    return found
