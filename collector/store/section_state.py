"""The sections of sources: what is in force of each, when it was last confirmed, and what a new word on it means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from collector.reconcile.settings import Settings
from collector.store.schema import section, source_record
from collector.store.statement import insert_or_replace, parts
from muster.wire.report import ReceivedSection

HOUR_MS = 3_600_000
# confirmed: as before; content: items to take; late: older than what is in force; wanted: an unknown digest; unable: it could not be
# collected; braked: the content that the brake keeps out, again; empty: neither a digest nor items.
Meaning = Literal["confirmed", "content", "late", "wanted", "unable", "braked", "empty"]


class StoredSection(msgspec.Struct):
    """A row of `section`; see the columns there."""

    source_id: int
    name: str
    digest: str | None
    complete: bool
    status: str
    reason: str | None
    depth: int
    interval_seconds: int
    observed_at: int
    confirmed_at: int
    missing_count: int = 0
    held: bool = False
    held_digest: str | None = None
    is_released: bool = False
    stale_at: int | None = None
    whole_until_at: int | None = None
    is_outdated: bool = False

    def is_open_to(self, observed_at: int) -> bool:
        """Whether an earlier report may name what is not known: it is a part, and no whole one since then said that there is nothing else."""
        return not self.complete and (self.whole_until_at is None or self.whole_until_at < observed_at)

    def confirm(self, at: int, settings: Settings) -> None:
        """It is as it was, at this instant."""
        self.confirmed_at = at
        self.stale_at = at + settings.fresh_for_ms(self.interval_seconds) + 1


_SELECT = select(*(section.c[name] for name in StoredSection.__struct_fields__)).where(
    section.c.source_id == bindparam("source"), section.c.name.in_(bindparam("names", expanding=True))
)


_ALL = f"SELECT {', '.join(StoredSection.__struct_fields__)} FROM section WHERE source_id IN"  # noqa: S608 -- names of the schema


def load_states(connection: Connection, source_id: int, names: Collection[str]) -> dict[str, StoredSection]:
    """What is in force of these sections, by name."""
    if not names:
        return {}
    return {row.name: StoredSection(*row) for row in connection.execute(_SELECT, {"source": source_id, "names": sorted(names)})}


def load_all_states(connection: Connection, source_ids: Sequence[int]) -> list[StoredSection]:
    """What is in force of all sections of these sources."""
    found: list[StoredSection] = []
    for part in parts(source_ids):
        marks = ", ".join(["%s" if connection.dialect.name == "postgresql" else "?"] * len(part))
        found += [StoredSection(*row) for row in connection.exec_driver_sql(f"{_ALL} ({marks})", tuple(part))]
    return found


def save_states(connection: Connection, states: Sequence[StoredSection]) -> None:
    """Write whole rows, but for `is_outdated`, which identification writes."""
    names = [name for name in StoredSection.__struct_fields__ if name != "is_outdated"]
    insert_or_replace(connection, section, [{name: getattr(each, name) for name in names} for each in states])


def note_outdated(connection: Connection, record_ids: Sequence[int]) -> None:
    """The sections of these records are looked at anew when they are heard again."""
    for part in parts(record_ids):
        of_record = select(source_record.c.id).where(
            source_record.c.id.in_(part), source_record.c.source_id == section.c.source_id, source_record.c.section == section.c.name
        )
        connection.execute(update(section).where(of_record.exists()).values(is_outdated=True))


def take_outdated(connection: Connection, source_id: int, names: Collection[str]) -> list[str]:
    """Those of these sections that are outdated, which is over now."""
    is_it = (section.c.source_id == source_id, section.c.name.in_(sorted(names)), section.c.is_outdated)
    found = sorted(connection.execute(select(section.c.name).where(*is_it)).scalars())
    if found:
        connection.execute(update(section).where(*is_it).values(is_outdated=False))
    return found


def note_whole(connection: Connection, states: Sequence[StoredSection], at: int) -> None:
    """A late report told of these parts as wholes: nothing that is earlier still may add to what it named."""
    late = [each for each in states if each.is_open_to(at)]
    for each in late:
        each.whole_until_at = at
    save_states(connection, late)


def confirm_states(connection: Connection, states: Sequence[StoredSection]) -> None:
    """Write that sections are as they were: two instants of each row."""
    if states:
        connection.execute(
            _CONFIRM, [{"of": each.source_id, "called": each.name, "at": each.confirmed_at, "until": each.stale_at} for each in states]
        )


_CONFIRM = (
    update(section)
    .where(section.c.source_id == bindparam("of"), section.c.name == bindparam("called"))
    .values(confirmed_at=bindparam("at"), stale_at=bindparam("until"))
)


def judge_word(stored: StoredSection | None, word: ReceivedSection, observed_at: int) -> Meaning:
    """What a report says of a section, seen against what is in force."""
    has_content = word.items is not None or word.relations is not None
    if stored is not None and observed_at < stored.confirmed_at:
        return "late"
    if word.status != "ok" and not word.items and not word.relations:  # an empty list of what could not be collected is no content
        return "unable"
    if stored is not None and word.digest is not None and word.status == "ok":
        if word.digest == stored.digest and (not has_content or _is_same_word(stored, word)):
            return "confirmed"
        if not has_content and word.digest == stored.held_digest:
            return "braked"
    if has_content:
        return "content"
    return "empty" if word.digest is None else "wanted"


def is_as_before(state: StoredSection, word: ReceivedSection) -> bool:
    """Whether a confirmation changes nothing but its instant."""
    return (
        not state.missing_count
        and not state.held
        and (state.status, state.reason, state.interval_seconds) == (word.status, word.reason, word.interval_seconds)
    )


def _is_same_word(stored: StoredSection, word: ReceivedSection) -> bool:
    return not stored.held and (stored.complete, stored.depth, stored.interval_seconds) == (word.complete, word.depth, word.interval_seconds)
