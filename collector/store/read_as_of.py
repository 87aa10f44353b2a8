"""One configuration item as it was, with what it held, was related to and was identified by; and lists of them. Design: docs/time.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from collector.store.as_of import CiState, load_states
from collector.store.as_of_link import load_linked, load_said
from collector.store.ci_past import Moment, follow_redirects
from collector.store.content import decode, load_contents
from collector.store.difference_as_of import count_open_then
from collector.store.reading import Reading, check_limit, load_source_refs, make_cursor, read_cursor
from collector.store.relation_as_of import RelationThen, load_relations_then
from collector.store.schema import ci, history, identity_claim
from collector.store.scope import Judge, Scope, candidates, iterate_rows
from collector.store.statement import parts
from muster.errors import NotFoundError, quote
from muster.ports import CiAsAt, CiRef, CiSummary, IdentifierView, Page, RelationView

COUNTED = 5_000  # candidates up to which a list as of the past says how many it has; -1 beyond


def find_exact(reading: Reading, key: str) -> Any:
    """The row of an id or number itself, also of a CI that was merged into another since. Raises NotFoundError."""
    is_it = ci.c.number == int(key) if key.isdecimal() and len(key) < 19 else ci.c.id == key
    row = reading.connection.execute(select(ci).where(is_it)).first()
    if row is None:
        raise NotFoundError(f"no CI {quote(key)}; see `muster ci list`")
    return row


def load_as_at(reading: Reading, key: str, moment: Moment) -> CiAsAt:
    """The CI as it was; where it was believed to be another, that one. Before it was first known it did not exist."""
    asked = find_exact(reading, key)
    row = follow_redirects(reading, asked, moment.known_at)
    state = load_states(reading, [row], moment)[0]
    was = None if asked.id == row.id else refs_then(reading, [asked.id], moment)[asked.id]
    if not state.existed:
        ref = CiRef(state.id, state.number, state.ci_class, state.name)
        return CiAsAt(ref, moment.at, moment.known_at, False, {}, {}, "unknown", state.lifecycle, was)
    owner = refs_then(reading, [state.owner_id], moment).get(state.owner_id or "")
    return CiAsAt(
        ci=to_ref(state),
        at=moment.at,
        known_at=moment.known_at,
        existed=True,
        effective=state.effective,
        recorded=state.recorded,
        presence=state.presence,
        lifecycle=state.lifecycle,
        asked_for=was,
        owner=owner,
        zone=state.zone,
        is_recorded=state.is_recorded,
        recorded_class=state.recorded_class,
        began_at=state.begins_at,
        tags=state.tags,
        contents=dict(sorted(Counter(each.ci_class for each in contents_then(reading, state, moment)).items())),
        identifiers=_identifiers(reading, state, moment),
        relations=relation_views(reading, load_relations_then(reading, [state.id], moment).get(state.id, []), moment),
    )


def to_ref(state: CiState) -> CiRef:
    return CiRef(id=state.id, number=state.number, ci_class=state.ci_class, name=state.name)


def refs_then(reading: Reading, ids: Iterable[str | None], moment: Moment) -> dict[str, CiRef]:
    """CIs named and classed as they were."""
    wanted = sorted({each for each in ids if each is not None})
    rows = [row for part in parts(wanted) for row in reading.connection.execute(select(ci).where(ci.c.id.in_(part)))]
    return {state.id: to_ref(state) for state in load_states(reading, rows, moment)}


def contents_then(reading: Reading, owner: CiState, moment: Moment) -> list[CiState]:
    """What it held, by number: what it and the CIs that were ever one with it hold now, and what left it since."""
    rows: dict[str, Any] = {}
    for part in parts(sorted(_ever_one(reading, owner.id))):
        rows |= {row.id: row for row in reading.connection.execute(select(ci).where(ci.c.owner_ci_id.in_(part)))}
    gone = _identity_values(reading, owner.id, "content")
    left = {value["ci"] for value in gone if isinstance(value, dict) and "ci" in value}
    for part in parts(sorted(left - rows.keys())):
        rows |= {row.id: row for row in reading.connection.execute(select(ci).where(ci.c.id.in_(part)))}
    found: list[CiState] = []
    for part in parts(sorted(rows.values(), key=lambda row: row.number)):
        found += [each for each in load_states(reading, part, moment) if each.is_there and each.owner_id == owner.id and each.presence != "absent"]
    return found


def _ever_one(reading: Reading, ci_id: str) -> set[str]:
    """The CI with those that were merged into it, and that it was merged into, at any time."""
    found: set[str] = set()
    pending = {ci_id}
    while pending:
        each = pending.pop()
        found.add(each)
        told = (*_identity_values(reading, each, "merged_from"), *_identity_values(reading, each, "redirect_to"))
        pending |= {value for value in told if isinstance(value, str)} - found
    return found


def _identity_values(reading: Reading, ci_id: str, name: str) -> list[Any]:
    is_it = (history.c.ci_id == ci_id) & (history.c.layer == "identity") & (history.c.attribute == name)
    rows = reading.connection.execute(select(history.c.old_value, history.c.new_value).where(is_it))
    return [decode(value) for row in rows for value in row if value is not None]


def relation_views(reading: Reading, found: Sequence[RelationThen], moment: Moment) -> list[RelationView]:
    """Relations as they were, those that several sources told joined."""
    refs = refs_then(reading, (each.other_id for each in found), moment)
    sources = load_source_refs(reading.connection, (each.source_id for each in found))
    grouped: defaultdict[tuple[Any, ...], list[RelationThen]] = defaultdict(list)
    for each in found:
        pending = each.claim if each.other_id is None else b""
        grouped[each.type, each.direction, each.other_id or "", each.qualifier, each.side, pending].append(each)
    return [
        RelationView(
            type=key[0],
            direction=key[1],
            other=refs.get(key[2]),
            qualifier=key[3],
            side=key[4],
            sources=list({each.source_id: sources[each.source_id] for each in members if each.source_id in sources}.values()),
            valid_from=min(each.valid_from for each in members),
            valid_to=None if any(each.valid_to is None for each in members) else max(each.valid_to or 0 for each in members),
            claim=decode(key[5]) if key[5] else {},
        )
        for key, members in sorted(grouped.items(), key=lambda entry: entry[0])
    ]


def _identifiers(reading: Reading, state: CiState, moment: Moment) -> list[IdentifierView]:
    """What its records were claimed to be then: of each content that held, the claims that this content makes."""
    records = load_linked(reading, [state.id], moment.known_at).get(state.id, [])
    said = load_said(reading, [row.id for row in records], moment.at, moment.known_at)
    contents = load_contents(reading.connection, (key for _, key in said.values() if key is not None))
    sources = load_source_refs(reading.connection, (row.source_id for row in records))
    grouped: defaultdict[tuple[str, str], list[tuple[Any, int]]] = defaultdict(list)
    for row in records:
        since, key = said.get(row.id, (0, None))
        if key is None or (row.closed_at is not None and row.closed_at <= moment.at):
            continue
        for kind, value in (contents.get(key, {}).get("identifiers") or {}).items():
            for each in value if isinstance(value, list) else [value]:
                if each not in (None, ""):
                    grouped[kind, str(each)].append((row, since))
    normalised = _load_normalised(reading, [row.id for row in records])
    views = []
    for (kind, raw), told in sorted(grouped.items()):
        known = next((normalised[row.id, kind, raw] for row, _ in told if (row.id, kind, raw) in normalised), ("", raw))
        first = min(since for _, since in told)
        holders = list({row.source_id: sources[row.source_id] for row, _ in told}.values())
        views.append(IdentifierView(kind, known[0], known[1], raw, "active", "", holders, first, moment.at))
    return views


def _load_normalised(reading: Reading, record_ids: Sequence[int]) -> dict[tuple[int, str, str], tuple[str, str]]:
    """(record, kind, raw value) to scope and normalised value: what a value is normalised to does not change."""
    found: dict[tuple[int, str, str], tuple[str, str]] = {}
    table = identity_claim.c
    for part in parts(record_ids):
        for row in reading.connection.execute(select(identity_claim).where(table.record_id.in_(part))):
            found[row.record_id, row.kind, row.raw] = (row.scope, row.value)
    return found


def list_as_of(reading: Reading, scope: Scope, moment: Moment, *, cursor: str | None, limit: int, owner: str | None = None) -> Page:
    """CiSummary rows of those that the query found then, by number. `owner`: only what this CI held.

    `total` is -1 where more than 5,000 candidates would have to be looked at. The operational state and when a CI was last seen are not
    kept: unknown and None.
    """
    check_limit(limit)
    key = f"as-of {moment.at} {moment.known_at}"
    values = read_cursor(cursor, key, 1)
    after = int(values[0]) if values is not None and isinstance(values[0], int) else 0
    judge, condition = Judge(reading, scope, moment), candidates(reading, scope, moment)
    held = None if owner is None else follow_redirects(reading, find_exact(reading, owner), moment.known_at).id
    found: list[CiState] = []
    for rows in iterate_rows(reading, condition, after=after):
        found += [each.state for each in judge.members(rows) if held is None or each.state.owner_id == held]
        if len(found) > limit:
            break
    shown = found[:limit]
    following = make_cursor(key, shown[-1].number) if len(found) > limit else None
    total = len(found) if cursor is None and following is None else _count(reading, judge, condition, held)
    return Page(summaries_then(reading, shown, moment), total, following)


def _count(reading: Reading, judge: Judge, condition: Any, held: str | None) -> int:
    if len(reading.connection.execute(select(ci.c.number).where(condition).limit(COUNTED + 1)).all()) > COUNTED:
        return -1
    return sum(held is None or each.state.owner_id == held for rows in iterate_rows(reading, condition) for each in judge.members(rows))


def summaries_then(reading: Reading, states: Sequence[CiState], moment: Moment) -> list[CiSummary]:
    """Rows of a list as of the past."""
    owners = refs_then(reading, (state.owner_id for state in states), moment)
    linked = load_linked(reading, [state.id for state in states], moment.known_at)
    differences = count_open_then(reading, [state.id for state in states], moment)
    found = []
    for state in states:
        attributes = reading.class_of(state.ci_class).attributes
        values = {**state.recorded, **state.effective}
        found.append(
            CiSummary(
                id=state.id,
                number=state.number,
                ci_class=state.ci_class,
                name=state.name,
                zone=state.zone,
                lifecycle=state.lifecycle,  # type: ignore[arg-type]  # one of its words, as stored
                presence=state.presence,  # type: ignore[arg-type]  # as above
                operation="unknown",
                is_recorded=state.is_recorded,
                is_provisional=False,
                owner=owners.get(state.owner_id or ""),
                source_kinds=sorted({row.kind for row in linked.get(state.id, ())}),
                open_differences=differences.get(state.id, 0),
                created_at=state.created_at,
                changed_at=state.changed_at,
                seen_at=None,
                columns={name: value for name, value in values.items() if name in attributes and attributes[name].indexed},
            )
        )
    return found
