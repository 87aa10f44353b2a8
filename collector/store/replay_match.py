"""Which CI of a replayed store is which of the live one, by their records, a part at a time; and people's words carried over.

The live store is only read. Design: docs/cases.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select, tuple_

from collector.store.ci import load_cis
from collector.store.content import load_contents, save_contents
from collector.store.edit import Context, Edit
from collector.store.engine import Database
from collector.store.identifier import new_id
from collector.store.link import identify_records
from collector.store.placement import follow_owners, place_records
from collector.store.replay_source import load_source_numbers
from collector.store.schema import ci, content, identity_constraint, pin, source_record
from collector.store.settle import settle
from collector.store.statement import insert_or_replace, parts, update_rows

AT_ONCE = 500
_CARRIED = ("is_recorded", "recorded_class", "recorded_hash", "lifecycle", "tags", "has_decisions")


class Pair(Struct, frozen=True):
    """A record's CI on either side."""

    live_id: str
    replayed_id: str
    is_independent: bool


class Match:
    """Finds CIs of one store in the other. Sources are known by name, so it is made when the replay has met them all."""

    def __init__(self, live: Database, replayed: Database) -> None:
        self.live = live
        self.replayed = replayed
        with live.connect() as connection:
            ours = {key.text: number for number, key in load_source_numbers(connection).items()}
        with replayed.connect() as connection:
            theirs = {key.text: number for number, key in load_source_numbers(connection).items()}
        self._forth = {number: theirs[text] for text, number in ours.items() if text in theirs}
        self._back = {theirs_number: number for number, theirs_number in self._forth.items()}

    def pairs(self) -> Iterator[list[Pair]]:
        """The CIs of all open records that both stores hold, some at a time, in the order of the live records."""
        after = 0
        columns = (source_record.c.id, source_record.c.source_id, source_record.c.ref, source_record.c.ci_id, source_record.c.owner_record_id)
        while True:
            with self.live.connect() as connection:
                stands = source_record.c.closed_at.is_(None) & source_record.c.ci_id.is_not(None) & (source_record.c.id > after)
                rows = connection.execute(select(*columns).where(stands).order_by(source_record.c.id).limit(AT_ONCE)).all()
            if not rows:
                return
            after = rows[-1].id
            keys = {(self._forth[row.source_id], row.ref): row for row in rows if row.source_id in self._forth}
            with self.replayed.connect() as connection:
                found = _find_by_key(connection, keys)
            yield [Pair(keys[key].ci_id, ci_id, keys[key].owner_record_id is None) for key, ci_id in found.items()]

    def to_replayed(self, ids: Collection[str]) -> dict[str, str]:
        """The replayed CI of each live one that has an open record there."""
        return self._cross(self.live, self.replayed, self._forth, ids)

    def to_live(self, ids: Collection[str]) -> dict[str, str]:
        """The live CI of each replayed one."""
        return self._cross(self.replayed, self.live, self._back, ids)

    @staticmethod
    def _cross(here: Database, there: Database, numbers: Mapping[int, int], ids: Collection[str]) -> dict[str, str]:
        own: dict[tuple[int, str], str] = {}
        with here.connect() as connection:
            for part in parts(sorted(ids)):
                query = select(source_record.c.ci_id, source_record.c.source_id, source_record.c.ref).where(source_record.c.ci_id.in_(part))
                for row in connection.execute(query.where(source_record.c.closed_at.is_(None)).order_by(source_record.c.id)):
                    if row.source_id in numbers:
                        own[numbers[row.source_id], row.ref] = row.ci_id
        with there.connect() as connection:
            found = _find_by_key(connection, own)
            crossed = {ci_id: ci_id for ci_id in load_cis(connection, ids)}  # put on record without a source, and carried over as it was
        for key, ci_id in own.items():
            if key in found:
                crossed.setdefault(ci_id, found[key])
        return crossed | _cross_closed(here, there, numbers, set(ids) - crossed.keys())

    def carry_constraints(self, context: Context, now: int) -> None:
        """What people said of records holds in the replayed store too; the records are identified anew by it."""
        with self.live.connect() as connection:
            left, right = source_record.alias("left_record"), source_record.alias("right_record")
            joined = identity_constraint.join(left, left.c.id == identity_constraint.c.left_record_id).join(
                right, right.c.id == identity_constraint.c.right_record_id
            )
            columns = (
                identity_constraint.c.kind,
                left.c.source_id.label("ls"),
                left.c.ref.label("lr"),
                right.c.source_id.label("rs"),
                right.c.ref.label("rr"),
            )
            rows = connection.execute(select(*columns).select_from(joined)).all()
        for part in parts(rows):
            with self.replayed.begin() as connection:
                self._carry_part(connection, context, part, now)

    def _carry_part(self, connection: Connection, context: Context, rows: Sequence[Any], now: int) -> None:
        ends = {(self._forth[number], ref) for row in rows for number, ref in ((row.ls, row.lr), (row.rs, row.rr)) if number in self._forth}
        known = _find_by_key(connection, dict.fromkeys(ends), what=source_record.c.id)
        values = []
        for row in rows:
            one, other = known.get((self._forth.get(row.ls, 0), row.lr)), known.get((self._forth.get(row.rs, 0), row.rr))
            if one is not None and other is not None and one != other:
                values.append({"kind": row.kind, "left_record_id": one, "right_record_id": other, "decision_id": new_id(now), "created_at": now})
        if not values:
            return
        connection.execute(insert(identity_constraint), values)
        edit = Edit(connection, context, now, "operation", "replay")
        linked = identify_records(edit, {each for row in values for each in (row["left_record_id"], row["right_record_id"])})
        settle(edit, linked.touched | place_records(edit, follow_owners(edit, linked.moved)).touched)

    def carry_record(self, context: Context, now: int, advance: Callable[[int], None]) -> None:
        """The recorded side, pins and lifecycles of the live CIs, and then what differs from them; `advance` with how many are done."""
        after, done = 0, 0
        while True:
            with self.live.connect() as connection:
                wanted = (ci.c.number > after) & (ci.c.is_recorded.is_(True) | (ci.c.lifecycle != "live")) & ci.c.redirect_to.is_(None)
                rows = connection.execute(select(ci).where(wanted).order_by(ci.c.number).limit(AT_ONCE)).all()
                bodies = load_contents(connection, (bytes(row.recorded_hash) for row in rows if row.recorded_hash is not None))
                pins = connection.execute(select(pin).where(pin.c.ci_id.in_([row.id for row in rows]))).all()
                raw = connection.execute(select(content).where(content.c.hash.in_(sorted(bodies)))).all() if bodies else []
            if not rows:
                return
            after, done = rows[-1].number, done + len(rows)
            theirs = self.to_replayed([row.id for row in rows])
            with self.replayed.begin() as connection:
                save_contents(connection, {bytes(row.hash): bytes(row.body) for row in raw})
                carried = [{"id": theirs[row.id], **{name: getattr(row, name) for name in _CARRIED}} for row in rows if row.id in theirs]
                update_rows(connection, ci, carried)
                held = [{**row._mapping, "ci_id": theirs[row.ci_id]} for row in pins if row.ci_id in theirs]  # noqa: SLF001 -- the documented way
                insert_or_replace(connection, pin, held)
                edit = Edit(connection, context, now, "operation", "replay")
                settle(edit, {each["id"] for each in carried})
            advance(done)


def _cross_closed(here: Database, there: Database, numbers: Mapping[int, int], ids: Collection[str]) -> dict[str, str]:
    """As `Match.to_replayed`, of CIs that have closed records alone: one that was opened at the same instant is the same."""
    columns = (source_record.c.source_id, source_record.c.ref, source_record.c.first_seen_at, source_record.c.ci_id)
    own: dict[tuple[int, str, int], str] = {}
    with here.connect() as connection:
        for part in parts(sorted(ids)):
            for row in connection.execute(select(*columns).where(source_record.c.ci_id.in_(part)).order_by(source_record.c.id)):
                if row.source_id in numbers:
                    own[numbers[row.source_id], row.ref, row.first_seen_at] = row.ci_id
    crossed: dict[str, str] = {}
    with there.connect() as connection:
        for keys in parts(sorted(own), 200):
            query = select(*columns).where(tuple_(*columns[:3]).in_(keys), source_record.c.ci_id.is_not(None))
            for row in connection.execute(query):
                crossed.setdefault(own[row.source_id, row.ref, row.first_seen_at], row.ci_id)
    return crossed


def _find_by_key(connection: Connection, keys: Mapping[tuple[int, str], Any], what: Any = source_record.c.ci_id) -> dict[tuple[int, str], Any]:
    """The CI (or another column) of the open record of each (source, ref)."""
    found: dict[tuple[int, str], Any] = {}
    for part in parts(sorted(keys), 200):
        query = select(source_record.c.source_id, source_record.c.ref, what).where(tuple_(source_record.c.source_id, source_record.c.ref).in_(part))
        for row in connection.execute(query.where(source_record.c.closed_at.is_(None), what.is_not(None))):
            found[row[0], row[1]] = row[2]
    return found
