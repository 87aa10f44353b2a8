"""The sample of a verification run, drawn from what is on record now and read with what the automatic method compares. Reads only.

Not in the writer: a population may be a million CIs. What was drawn is written by `verification.start_verification`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, select

from collector.store.content import load_contents
from collector.store.filter import compile_text
from collector.store.health_block import IN_SCOPE
from collector.store.read_verification import find_run
from collector.store.reading import Reading
from collector.store.schema import ci
from collector.store.statement import parts
from collector.store.verification import SAMPLE_LIMIT, Drawn, DrawnItem
from collector.verification.examine import examine, list_values
from collector.verification.sample import draw
from muster.errors import InputError


def draw_sample(reading: Reading, key: str) -> Drawn:
    """The sample of a planned run. Raises NotFoundError; InputError where nothing is in scope, or all in scope are too many."""
    row = find_run(reading.connection, key)
    population = load_population(reading, row.query)
    total = sum(map(len, population.values()))
    if not total:
        raise InputError(f"no CI on record matches {row.query!r}; put what is to be verified on record first", path="query")
    if row.sample_size is None and total > SAMPLE_LIMIT:
        raise InputError(f"{total} CIs are in scope; draw a sample of at most {SAMPLE_LIMIT}", path="sample_size")
    chosen = draw(population, row.sample_size, row.seed, is_stratified=row.is_stratified)
    return Drawn(row.version, population, _read(reading, chosen, is_automatic=row.method == "automatic"))


def load_population(reading: Reading, query: str) -> dict[str, list[int]]:
    """Class → numbers of the CIs on record that match and are not gone, ascending."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    rows = reading.connection.execute(select(ci.c.ci_class, ci.c.number).where(_in_scope(reading, query)).order_by(ci.c.number))
    for ci_class, number in rows:
        found[ci_class].append(number)
    return dict(sorted(found.items()))


def _in_scope(reading: Reading, query: str) -> ColumnElement[bool]:
    return compile_text(query, reading.catalogue, reading.now) & IN_SCOPE & ci.c.is_recorded


def _read(reading: Reading, numbers: list[int], *, is_automatic: bool) -> list[DrawnItem]:
    columns = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.presence, ci.c.effective_hash, ci.c.recorded_hash)
    items: list[DrawnItem] = []
    for part in parts(numbers):
        rows = reading.connection.execute(select(*columns).where(ci.c.number.in_(part)).order_by(ci.c.number)).all()
        hashes = (bytes(each) for row in rows for each in (row.effective_hash, row.recorded_hash) if each is not None)
        contents = load_contents(reading.connection, hashes)
        items += [_item(reading, row, contents, is_automatic=is_automatic) for row in rows]
    return items


def _item(reading: Reading, row: Any, contents: dict[bytes, Any], *, is_automatic: bool) -> DrawnItem:
    effective, recorded = ({} if each is None else contents.get(bytes(each), {}) for each in (row.effective_hash, row.recorded_hash))
    ci_class = reading.class_of(row.ci_class)
    if is_automatic:
        answer, values = examine(ci_class, recorded, effective, is_seen=row.presence == "seen")
        return DrawnItem(row.id, row.number, row.ci_class, row.name, answer, values)
    return DrawnItem(row.id, row.number, row.ci_class, row.name, "open", list_values(ci_class, recorded))
