"""Metric series of a CI and its contents, found through the source records that it is made of, and their points for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from collector.store.content import decode
from collector.store.point import Sample, Thinner
from collector.store.read_ci import find_row
from collector.store.reading import Reading
from collector.store.sample_block import decode_block
from collector.store.schema import chunk, ci, series, series_table, source_record
from collector.store.statement import parts
from muster.errors import InputError
from muster.ports import SeriesView

SERIES_LIMIT = 2_000
POINTS_LIMIT = 20_000
# Samples that one answer may be made of, and about as many of them as are in memory at once.
SAMPLES_LIMIT = 20_000_000
SAMPLES_AT_ONCE = 250_000
SAMPLES_OF_ONE_POINT = 500_000
_DEPTH = 4  # a host, its interfaces, their addresses


class Window(Struct, frozen=True):
    """The span `[since, until)` in milliseconds, and how many points of it are wanted."""

    since: int
    until: int
    points: int


# Where series stand: (source, table) → position → series.
_Places = dict[tuple[int, str], dict[int, int]]


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

    Raises NotFoundError, InputError for a window that is none or holds too many samples.
    """
    if not 1 <= window.points <= POINTS_LIMIT:
        raise InputError(f"{window.points} points are not between 1 and {POINTS_LIMIT}", path="points")
    if window.until <= window.since:
        raise InputError("the end of the window is not after its beginning", path="until")
    found = [each for each in _find_series(reading, key, names) if labels.items() <= each.labels.items()]
    places = _find_places(reading.connection, found)
    samples = _count_samples(reading.connection, places, window)
    limit = min(SAMPLES_LIMIT, window.points * SAMPLES_OF_ONE_POINT)
    if samples > limit:
        message = f"the window holds {samples:,} samples of {len(found)} series; ask for a shorter one, fewer names or one label"
        raise InputError(f"{message} (at most {limit:,})", path="since")
    thinners = {each.id: Thinner(is_counter=each.kind == "counter") for each in found}
    for part in slice_window(window, samples):
        loaded = _load_samples(reading.connection, places, part)
        for number, own in loaded.items():
            thinners[number].add(own, part.since, part.until, part.points)
    return [each.to_view(thinners[each.id].points) for each in found]


def slice_window(window: Window, samples: int) -> Iterator[Window]:
    """The window in parts of whole spans, each of which should hold a bounded number of samples."""
    count = min(window.points, -(-samples // SAMPLES_AT_ONCE)) or 1
    width = -(-(window.until - window.since) // window.points)
    spans = window.points // count
    for first in range(0, window.points, spans):
        since = window.since + first * width
        if since < window.until:
            wanted = min(spans, window.points - first)
            yield Window(since, min(window.until, since + wanted * width), wanted)


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


def _find_places(connection: Connection, wanted: Collection[_Series]) -> _Places:
    """Tables without any of the series are left out."""
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for each in wanted:
        numbers[each.source_id].add(each.id)
    found: _Places = {}
    for source_id, own in numbers.items():
        rows = connection.execute(select(series_table.c.digest, series_table.c.series_ids).where(series_table.c.source_id == source_id))
        for digest, body in rows:
            places = {position: number for position, number in enumerate(decode(body)) if number in own}
            if places:
                found[source_id, digest] = places
    return found


def _is_of(source_id: int, digest: str, window: Window) -> ColumnElement[bool]:
    is_wanted = (chunk.c.source_id == source_id) & (chunk.c.table_digest == digest)
    return is_wanted & (chunk.c.start_at < window.until) & (chunk.c.end_at >= window.since)


def _count_samples(connection: Connection, places: _Places, window: Window) -> int:
    """About how many samples would be read, without reading any."""
    total = 0
    for (source_id, digest), positions in places.items():
        instants = connection.execute(select(func.coalesce(func.sum(chunk.c.count), 0)).where(_is_of(source_id, digest, window))).scalar_one()
        total += int(instants) * len(positions)
    return total


def _load_samples(connection: Connection, places: _Places, window: Window) -> dict[int, list[Sample]]:
    """Samples by series, those of blocks that came later behind the others."""
    found: defaultdict[int, list[Sample]] = defaultdict(list)
    for (source_id, digest), positions in places.items():
        for body in connection.execute(select(chunk.c.body).where(_is_of(source_id, digest, window)).order_by(chunk.c.id)).scalars():
            times, columns = decode_block(body, positions)
            for position, column in columns.items():
                found[positions[position]] += zip(times, column, strict=True)
    return found
