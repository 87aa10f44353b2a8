"""The trend of the figures: one row a day, kept for `health_days` of the retention. Design: docs/health.md."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, select

from collector.store.schema import health_day
from collector.store.statement import insert_or_replace
from muster.cmdb_health import CmdbHealth, HealthDay

DAY_MS = 86_400_000
_days = msgspec.msgpack.Decoder(HealthDay)


def save_day(connection: Connection, measured: CmdbHealth, *, keep_days: float) -> None:
    """Keep today's figures (UTC) in place of those measured earlier on the same day, and remove what is older than `keep_days`."""
    day = measured.measured_at // DAY_MS * DAY_MS
    counts: dict[str, tuple[int, int | None]] = {each.name: (each.count, each.of) for each in measured.figures}
    body = msgspec.msgpack.encode(HealthDay(day, measured.ci_total, counts, measured.median_unreviewed_seconds))
    insert_or_replace(connection, health_day, [{"day": day, "body": body}])
    connection.execute(delete(health_day).where(health_day.c.day < day - round(keep_days * DAY_MS)))


def load_days(connection: Connection, since: int) -> list[HealthDay]:
    """Oldest first."""
    rows = connection.execute(select(health_day.c.body).where(health_day.c.day >= since).order_by(health_day.c.day))
    return [_days.decode(body) for body in rows.scalars()]
