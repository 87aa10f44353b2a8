"""Which records were believed to be one CI, and what these had said by an instant: the ground truth behind corrected links.

Merging, un-merging and re-linking correct the past: as known before, two things; as known since, one that always was. `link_past` keeps
what a link was until it changed; `observation_history` what each record held. Design: docs/time.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import exists, select

from collector.reconcile.fact import Observation, Pin
from collector.reconcile.kept import Kept, Word, keep_unsaid
from collector.reconcile.merge import merge
from collector.reconcile.record import SourceKey
from collector.store.content import decode, load_contents
from collector.store.kept_value import by_instant
from collector.store.reading import Reading
from collector.store.schema import ci, history, link_past, observation_history, source, source_record
from collector.store.statement import parts
from muster.model.ci_class import CiClass

_COLUMNS = (
    *(source_record.c[name] for name in ("id", "ci_id", "ref", "source_id", "closed_at")),
    *(source.c[name] for name in ("kind", "name", "instance", "zone")),
)


def load_linked(reading: Reading, ci_ids: Collection[str], known_at: int) -> dict[str, list[Any]]:
    """The records, with their sources, that were believed to be each of these CIs at an instant."""
    wanted = set(ci_ids)
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    rows: dict[int, Any] = {}
    is_known = exists().where(observation_history.c.record_id == source_record.c.id, observation_history.c.known_from <= known_at)
    for part in parts(sorted(wanted)):
        held = select(link_past.c.record_id).where(link_past.c.ci_id.in_(part))
        is_its = source_record.c.ci_id.in_(part) | source_record.c.id.in_(held)
        rows |= {row.id: row for row in reading.connection.execute(select(*_COLUMNS).select_from(joined).where(is_its, is_known))}
    past = _load_past(reading, rows, known_at)
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for record_id in sorted(rows):
        belonged = past.get(record_id, rows[record_id].ci_id)
        if belonged in wanted:
            found[belonged].append(rows[record_id])
    return found


def _load_past(reading: Reading, record_ids: Iterable[int], known_at: int) -> dict[int, str]:
    """Record to the CI it belonged to at an instant, where its link has changed since."""
    found: dict[int, str] = {}
    columns = (link_past.c.record_id, link_past.c.ci_id)
    for part in parts(sorted(record_ids)):
        query = select(*columns).where(link_past.c.record_id.in_(part), link_past.c.known_to > known_at)
        for record_id, ci_id in reading.connection.execute(query.order_by(link_past.c.known_to, link_past.c.id)):
            found.setdefault(record_id, ci_id)
    return found


def load_corrected(reading: Reading, ci_ids: Sequence[str], at: int, known_at: int) -> dict[str, dict[str, Any]]:
    """The effective values at `at` of those of these CIs whose records were joined or parted after it, as known at `known_at`."""
    chosen = _find_corrected(reading, ci_ids, at, known_at)
    if not chosen:
        return {}
    linked = load_linked(reading, chosen, known_at)
    records = [row for ci_id in sorted(chosen) for row in linked.get(ci_id, ())]
    lines = _load_lines(reading, [row.id for row in records], at, known_at)
    said = {record_id: each[-1] for record_id, each in lines.items()}
    contents = load_contents(reading.connection, (key for each in lines.values() for _, key in each if key is not None))
    classes = {row.id: row.ci_class for part in parts(sorted(chosen)) for row in reading.connection.execute(select(ci).where(ci.c.id.in_(part)))}
    pins = _load_pins(reading, chosen, at, known_at)
    found: dict[str, dict[str, Any]] = {}
    for ci_id in chosen:
        ci_class = reading.class_of(classes[ci_id])
        speaking = [row for row in linked.get(ci_id, ()) if _speaks(row, said, at)]
        observations = [_observation(row, *said[row.id], contents) for row in speaking]
        observations += [each for row in speaking for each in _unsaid(ci_class, row, lines[row.id], contents)]
        merged = merge(ci_class, observations, pins.get(ci_id, {}), reading.settings, at)
        found[ci_id] = merged.plain()
    return found


def _find_corrected(reading: Reading, ci_ids: Sequence[str], at: int, known_at: int) -> set[str]:
    """Those that a record left, or came to and still belonged to at `known_at`, after `at`."""
    changed = (link_past.c.known_to > at) & (link_past.c.known_to <= known_at)
    moved = select(link_past.c.record_id).where(changed)
    if reading.connection.execute(moved.limit(1)).first() is None:
        return set()
    wanted, chosen, came = set(ci_ids), set(), dict[int, str | None]()
    for part in parts(ci_ids):
        chosen |= set(reading.connection.execute(select(link_past.c.ci_id).where(link_past.c.ci_id.in_(part), changed)).scalars())
        once = select(link_past.c.record_id).where(link_past.c.ci_id.in_(part))
        is_its = source_record.c.id.in_(moved) & (source_record.c.ci_id.in_(part) | source_record.c.id.in_(once))
        came |= {row.id: row.ci_id for row in reading.connection.execute(select(source_record.c.id, source_record.c.ci_id).where(is_its))}
    belonged = {**came, **_load_past(reading, came, known_at)}
    return chosen | {each for each in belonged.values() if each in wanted}


def _speaks(row: Any, said: Mapping[int, tuple[int, bytes | None]], at: int) -> bool:
    return row.id in said and said[row.id][1] is not None and (row.closed_at is None or row.closed_at > at)


def load_said(reading: Reading, record_ids: Collection[int], at: int, known_at: int) -> dict[int, tuple[int, bytes | None]]:
    """What each record held at `at`, as known at `known_at`: since when, and the hash of its content (None: it was gone)."""
    return {record_id: lines[-1] for record_id, lines in _load_lines(reading, record_ids, at, known_at).items()}


def _load_lines(reading: Reading, record_ids: Collection[int], at: int, known_at: int) -> dict[int, list[tuple[int, bytes | None]]]:
    """The same with all that it held before, in order."""
    found: defaultdict[int, list[tuple[int, bytes | None]]] = defaultdict(list)
    table = observation_history.c
    for part in parts(sorted(record_ids)):
        query = select(table.record_id, table.observed_at, table.content_hash).where(table.record_id.in_(part))
        query = query.where(table.observed_at <= at, table.known_from <= known_at).order_by(table.observed_at, table.known_from)
        for record_id, observed_at, key in reading.connection.execute(query):
            found[record_id].append((observed_at, None if key is None else bytes(key)))
    return found


def _unsaid(ci_class: CiClass, row: Any, lines: Sequence[tuple[int, bytes | None]], contents: Mapping[bytes, Any]) -> Iterable[Observation]:
    """What a record had stated before and did not name then."""
    words = [Word(contents[key]["attributes"], is_whole=True, heard_at=at) for at, key in lines if key is not None]
    kept: Kept = {}
    for before, after in pairwise(words):
        kept = keep_unsaid(ci_class, before, kept, after)
    plain = _observation(row, 0, None, contents)
    return [msgspec.structs.replace(plain, observed_at=at, confirmed_at=at, attributes=told) for at, told in by_instant(kept).items()]


def _observation(row: Any, observed_at: int, key: bytes | None, contents: Mapping[bytes, Any]) -> Observation:
    """How fresh a source was then is not kept: what it had said counts by its rank."""
    return Observation(
        record_id=row.id,
        source=SourceKey(row.kind, row.name, row.instance, row.zone),
        ref=row.ref,
        observed_at=observed_at,
        confirmed_at=observed_at,
        is_fresh=True,
        attributes=contents.get(key or b"", {}).get("attributes", {}),
        source_id=row.source_id,
    )


def _load_pins(reading: Reading, ci_ids: Collection[str], at: int, known_at: int) -> dict[str, dict[str, Pin]]:
    """The values that were pinned then."""
    found: defaultdict[str, dict[str, Pin]] = defaultdict(dict)
    is_pin = (history.c.layer == "recorded") & history.c.attribute.startswith("pin.") & (history.c.valid_from <= at)
    for part in parts(sorted(ci_ids)):
        query = select(history).where(history.c.ci_id.in_(part), is_pin, history.c.known_from <= known_at)
        for line in reading.connection.execute(query.order_by(history.c.valid_from, history.c.known_from, history.c.id)):
            name = line.attribute.removeprefix("pin.")
            found[line.ci_id].pop(name, None)
            if line.new_value is not None:
                found[line.ci_id][name] = Pin(decode(line.new_value), "", "")
    return found
