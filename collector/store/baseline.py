"""Baselines: a name for a time and a scope, taken with a digest of its content by which anybody can prove that it still is what it was.

The content is not copied: it stands in the history, which is never changed, so that it costs nothing to keep. The digest is the SHA-256 of
the lines of its export (`render_line`), so `sha256sum` of an exported file gives it; blocks of 1,024 numbers have digests of their own,
by which a fault is found. Design: docs/time.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, func, insert, select

from collector.store.as_of import CiState
from collector.store.ci_past import Moment
from collector.store.edit import Context, Edit
from collector.store.identifier import new_id
from collector.store.read_comparison import relation_keys
from collector.store.reading import Reading
from collector.store.relation_as_of import load_relations_then
from collector.store.schema import baseline, baseline_block, history
from collector.store.scope import Scope, iterate_members
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import ConflictError, InputError, quote
from muster.ports import BaselineCi

BLOCK_NUMBERS = 1_024
NAME_LENGTH = 128
TEXT_LENGTH = 4_000
_encoder = msgspec.json.Encoder(order="sorted")


class BaselineWish(msgspec.Struct, frozen=True):
    """What to take. `at` None: now; else what is known now of that instant."""

    name: str
    scope: Scope
    reason: str
    owner: str
    at: int | None = None


class BlockDigest(msgspec.Struct, frozen=True):
    """The CIs whose numbers divided by 1,024 give `block`."""

    block: int
    ci_count: int
    digest: bytes


class Content(msgspec.Struct, frozen=True):
    """What a baseline is made of. `known_lines`: how far the history had been written when it was read."""

    moment: Moment
    blocks: list[BlockDigest]
    ci_count: int
    digest: bytes
    known_lines: int


def check_wish(wish: BaselineWish, now: int) -> Moment:
    """The moment that the wish means. Raises InputError with the path."""
    if not wish.name.strip() or len(wish.name) > NAME_LENGTH or wish.name.strip() != wish.name or wish.name == "now":
        raise InputError(f"name {quote(wish.name)}: 1 to {NAME_LENGTH} characters without spaces around them, and not 'now'", path="name")
    for name, text in (("reason", wish.reason), ("owner", wish.owner)):
        if not text.strip() or len(text) > TEXT_LENGTH:
            raise InputError(f"a baseline needs {'a reason' if name == 'reason' else 'an owner'} of at most {TEXT_LENGTH} characters", path=name)
    if wish.at is not None and wish.at > now:
        raise InputError("that instant has not come yet", path="at")
    return Moment(now if wish.at is None else wish.at, now)


def read_content(reading: Reading, scope: Scope, moment: Moment) -> Content:
    """Compute a baseline's content; memory is bounded by a block. Raises InputError for a query that the past cannot be asked."""
    whole = hashlib.sha256()
    blocks: list[BlockDigest] = []
    known_lines = reading.connection.execute(select(func.coalesce(func.max(history.c.id), 0))).scalar_one()
    block, count, total, part = -1, 0, 0, hashlib.sha256()
    for each in iterate_content(reading, scope, moment):
        if each.number // BLOCK_NUMBERS != block:
            if count:
                blocks.append(BlockDigest(block, count, part.digest()))
            block, count, part = each.number // BLOCK_NUMBERS, 0, hashlib.sha256()
        line = render_line(each)
        whole.update(line)
        part.update(line)
        count, total = count + 1, total + 1
    if count:
        blocks.append(BlockDigest(block, count, part.digest()))
    return Content(moment, blocks, total, whole.digest(), known_lines)


def iterate_content(reading: Reading, scope: Scope, moment: Moment, *, after: int = 0) -> Iterator[BaselineCi]:
    """The CIs of a scope at a moment, by number, as a baseline holds them."""
    for members in iterate_members(reading, scope, moment, after=after):
        relations = load_relations_then(reading, [each.state.id for each in members], moment)
        for each in members:
            keys = sorted(relation_keys(relations.get(each.state.id, ())))
            yield to_baseline_ci(each.state, [list(key) for key in keys])


def to_baseline_ci(state: CiState, relations: list[list[str]]) -> BaselineCi:
    """What counts as configuration of a CI: not whether it is heard of just now, but whether it is gone."""
    return BaselineCi(
        id=state.id,
        number=state.number,
        ci_class=state.ci_class,
        name=state.name,
        zone=state.zone,
        owner_id=state.owner_id,
        lifecycle=state.lifecycle,
        is_absent=state.presence == "absent",
        is_recorded=state.is_recorded,
        recorded_class=state.recorded_class,
        effective=state.effective,
        recorded=state.recorded,
        tags=state.tags,
        relations=relations,
    )


def render_line(each: BaselineCi) -> bytes:
    """One CI as the line of an export: JSON with sorted keys, without spaces, ended by a newline."""
    return _encoder.encode(each) + b"\n"


def save_baseline(connection: Connection, context: Context, wish: BaselineWish, content: Content, *, actor: str, now: int) -> str:
    """Keep it under its name, inside the writer; its id.

    Raises ConflictError: `name-taken`; `history-moved` where something that was known by then was written after the content was read.
    """
    if connection.execute(select(baseline.c.id).where(baseline.c.name == wish.name)).first() is not None:
        raise ConflictError(f"a baseline {quote(wish.name)} is there already, and none is ever replaced; give another name", code="name-taken")
    late = history.c.known_from <= content.moment.known_at
    if connection.execute(select(history.c.id).where(history.c.id > content.known_lines, late).limit(1)).first() is not None:
        raise ConflictError("a report was still being taken; take the baseline again", code="history-moved")
    made = Made(new_id(now), "baseline", actor, wish.reason)
    edit = Edit(connection, context, now, "decision", made.id)
    baseline_id = new_id(now)
    told = {"baseline": wish.name, "query": wish.scope.query, "at": content.moment.at, "cis": content.ci_count, "digest": content.digest.hex()}
    save_decision(edit, made, DecisionSubject(detail=told))
    connection.execute(
        insert(baseline).values(
            id=baseline_id,
            name=wish.name,
            query=wish.scope.query,
            with_contents=wish.scope.with_contents,
            at=content.moment.at,
            known_at=content.moment.known_at,
            reason=wish.reason,
            owner=wish.owner,
            taken_by=actor,
            taken_at=now,
            ci_count=content.ci_count,
            digest=content.digest,
            decision_id=made.id,
        )
    )
    rows = [{"baseline_id": baseline_id, **msgspec.structs.asdict(each)} for each in content.blocks]
    if rows:
        connection.execute(insert(baseline_block), rows)
    return baseline_id
