"""Metric series of a CI and its contents, found through the source records that it is made of, and their points for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, select

from collector.store.content import decode
from collector.store.point import Sample, thin_out, to_points
from collector.store.read_ci import find_row
from collector.store.reading import Reading
from collector.store.sample_block import decode_block
from collector.store.schema import chunk, ci, series, series_table, source_record
from collector.store.statement import parts
from muster.errors import InputError
from muster.ports import SeriesView

SERIES_LIMIT = 2_000
POINTS_LIMIT = 20_000
_DEPTH = 4  # a host, its interfaces, their addresses


class Window(Struct, frozen=True):
    """The span `[since, until)` in milliseconds, and how many points of it are wanted."""

    since: int
    until: int
    points: int


class _Series(Struct, frozen=True):
    id: int
    source_id: int
    name: str
    labels: dict[str, str]
    unit: str
    kind: str

    def to_view(self, points: list[tuple[int, float | None]]) -> SeriesView:
        return SeriesView(name=self.name, labels=self.labels, unit=self.unit, kind=self.kind, points=points)


def list_series(reading: Reading, key: str, name: str | None) -> list[SeriesView]:
    """The series of a CI and its contents, without points, by name and labels. Raises NotFoundError."""
    found = _find_series(reading, key, None if name is None else [name])
    return [each.to_view([]) for each in found]


def load_points(reading: Reading, key: str, names: Sequence[str], window: Window, labels: Mapping[str, str]) -> list[SeriesView]:
    """Series of these names that bear these labels, with their points; one that two sources measure comes twice.

    Raises NotFoundError, InputError for a window that is none.
    """
    if not 1 <= window.points <= POINTS_LIMIT:
        raise InputError(f"{window.points} points are not between 1 and {POINTS_LIMIT}", path="points")
    if window.until <= window.since:
        raise InputError("the end of the window is not after its beginning", path="until")
    found = [each for each in _find_series(reading, key, names) if labels.items() <= each.labels.items()]
    samples = _load_samples(reading.connection, found, window)
    views = []
    for each in found:
        points = to_points(samples.get(each.id, ()), window.since, window.until)
        views.append(each.to_view(thin_out(points, window.since, window.until, window.points, is_counter=each.kind == "counter")))
    return views


def _find_series(reading: Reading, key: str, names: Sequence[str] | None) -> list[_Series]:
    subjects: defaultdict[int, set[str]] = defaultdict(set)
    for source_id, ref in _subjects(reading, find_row(reading, key).id):
        subjects[source_id].add(ref)
    columns = (series.c.id, series.c.source_id, series.c.name, series.c.labels, series.c.unit, series.c.kind)
    found: list[_Series] = []
    for source_id, refs in subjects.items():
        for part in parts(sorted(refs)):
            condition: ColumnElement[bool] = (series.c.source_id == source_id) & series.c.subject_ref.in_(part)
            if names is not None:
                condition &= series.c.name.in_(sorted(set(names)))
            rows = reading.connection.execute(select(*columns).where(condition))
            found += [_Series(row.id, row.source_id, row.name, msgspec.json.decode(row.labels), row.unit, row.kind) for row in rows]
    return sorted(found, key=lambda each: (each.name, sorted(each.labels.items()), each.source_id))[:SERIES_LIMIT]


def _subjects(reading: Reading, ci_id: str) -> Iterable[tuple[int, str]]:
    """What the CI and its contents are called by their sources."""
    level, ids = [ci_id], [ci_id]
    for _ in range(_DEPTH - 1):
        level = [found for part in parts(level) for found in reading.connection.execute(_contents_of(part)).scalars()]
        ids += level
        if not level:
            break
    for part in parts(ids):
        query = select(source_record.c.source_id, source_record.c.ref).where(source_record.c.ci_id.in_(part), source_record.c.closed_at.is_(None))
        yield from ((row.source_id, row.ref) for row in reading.connection.execute(query))


def _contents_of(owners: Sequence[str]) -> Any:
    return select(ci.c.id).where(ci.c.owner_ci_id.in_(owners), ci.c.redirect_to.is_(None))


def _load_samples(connection: Connection, wanted: Collection[_Series], window: Window) -> dict[int, list[Sample]]:
    """Samples by series, those of blocks that came later behind the others."""
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for each in wanted:
        numbers[each.source_id].add(each.id)
    found: defaultdict[int, list[Sample]] = defaultdict(list)
    for source_id, own in numbers.items():
        places = _places(connection, source_id, own)
        for part in parts(sorted(places)):
            is_wanted = (chunk.c.source_id == source_id) & chunk.c.table_digest.in_(part)
            is_wanted &= (chunk.c.start_at < window.until) & (chunk.c.end_at >= window.since)
            for digest, body in connection.execute(select(chunk.c.table_digest, chunk.c.body).where(is_wanted).order_by(chunk.c.id)):
                times, columns = decode_block(body, places[digest])
                for position, column in columns.items():
                    found[places[digest][position]] += zip(times, column, strict=True)
    return found


def _places(connection: Connection, source_id: int, wanted: set[int]) -> dict[str, dict[int, int]]:
    """Where series stand: table → position → series. Tables without any are left out."""
    found: dict[str, dict[int, int]] = {}
    rows = connection.execute(select(series_table.c.digest, series_table.c.series_ids).where(series_table.c.source_id == source_id))
    for digest, body in rows:
        places = {position: number for position, number in enumerate(decode(body)) if number in wanted}
        if places:
            found[digest] = places
    return found
