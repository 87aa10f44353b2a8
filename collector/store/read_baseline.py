"""Baselines as they are listed, shown, exported, checked and compared. Design: docs/time.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select

from collector.store.baseline import BLOCK_NUMBERS, iterate_content, read_content
from collector.store.ci_past import Moment
from collector.store.read_comparison import Side, compare_scopes
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.schema import baseline, baseline_block
from collector.store.scope import Scope
from muster.errors import NotFoundError, quote
from muster.ports import BaselineCheck, BaselineCi, BaselineView, Page

NOW = "now"


def list_baselines(reading: Reading, *, cursor: str | None, limit: int) -> Page:
    """BaselineView rows, the newest first."""
    total = reading.connection.execute(select(func.count()).select_from(baseline)).scalar_one()
    chosen = select(baseline)
    values = read_cursor(cursor, "-taken", 2)
    if values is not None:
        at, name = int(values[0] or 0), str(values[1])
        chosen = chosen.where((baseline.c.taken_at < at) | ((baseline.c.taken_at == at) & (baseline.c.name > name)))
    rows = reading.connection.execute(chosen.order_by(baseline.c.taken_at.desc(), baseline.c.name).limit(check_limit(limit) + 1)).all()
    shown = rows[:limit]
    following = make_cursor("-taken", shown[-1].taken_at, shown[-1].name) if len(rows) > limit else None
    return Page([_view(row) for row in shown], total, following)


def load_baseline(reading: Reading, key: str) -> BaselineView:
    """By name or id. Raises NotFoundError."""
    return _view(_find(reading, key))


def _find(reading: Reading, key: str) -> Any:
    row = reading.connection.execute(select(baseline).where(baseline.c.name == key)).first()
    row = row or reading.connection.execute(select(baseline).where(baseline.c.id == key)).first()
    if row is None:
        raise NotFoundError(f"no baseline {quote(key)}; see `muster baseline list`")
    return row


def _view(row: Any) -> BaselineView:
    names = [name for name in BaselineView.__struct_fields__ if name != "digest"]
    return BaselineView(**{name: getattr(row, name) for name in names}, digest=bytes(row.digest).hex())


def side_of(view: BaselineView) -> Side:
    """What a baseline is compared by."""
    return Side(Scope(view.query, view.with_contents), Moment(view.at, view.known_at))


def iterate_baseline(reading: Reading, key: str) -> Iterator[BaselineCi]:
    """Its CIs by number, read block by block."""
    side = side_of(load_baseline(reading, key))
    yield from iterate_content(reading, side.scope, side.moment)


def list_members(reading: Reading, key: str, *, cursor: str | None, limit: int) -> Page:
    """BaselineCi rows of one page."""
    view = load_baseline(reading, key)
    values = read_cursor(cursor, view.id, 1)
    after = int(values[0]) if values is not None and isinstance(values[0], int) else 0
    found: list[BaselineCi] = []
    for each in iterate_content(reading, side_of(view).scope, side_of(view).moment, after=after):
        found.append(each)
        if len(found) > check_limit(limit):
            break
    following = make_cursor(view.id, found[limit - 1].number) if len(found) > limit else None
    return Page(found[:limit], view.ci_count, following)


def compare_baselines(reading: Reading, key: str, against: str, *, cursor: str | None, limit: int) -> Page:
    """CiComparison rows of what became of a baseline's scope until another baseline, or until now."""
    before = side_of(load_baseline(reading, key))
    return compare_scopes(reading, before, other_side(reading, before, against), cursor=cursor, limit=limit)


def other_side(reading: Reading, before: Side, against: str) -> Side:
    """The same scope now, or another baseline."""
    if against == NOW:
        return Side(before.scope, Moment(reading.now, reading.now))
    return side_of(load_baseline(reading, against))


def check_baseline(reading: Reading, key: str) -> BaselineCheck:
    """Compute it anew and hold it against what was taken."""
    view = load_baseline(reading, key)
    content = read_content(reading, side_of(view).scope, side_of(view).moment)
    kept = {
        row.block: (row.ci_count, bytes(row.digest))
        for row in reading.connection.execute(select(baseline_block).where(baseline_block.c.baseline_id == view.id))
    }
    found = {each.block: (each.ci_count, each.digest) for each in content.blocks}
    faults = [block for block in sorted({*kept, *found}) if kept.get(block) != found.get(block)]
    return BaselineCheck(
        name=view.name,
        is_intact=content.digest.hex() == view.digest and not faults,
        digest=view.digest,
        recomputed=content.digest.hex(),
        ci_count=content.ci_count,
        faults=[(block * BLOCK_NUMBERS, (block + 1) * BLOCK_NUMBERS - 1) for block in faults],
    )
