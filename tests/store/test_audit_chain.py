"""The audit trail shows any edit, gap, exchange or cut, and names the first entry that does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, update

from collector.store import audit_chain
from collector.store.audit_chain import AuditEntry, Head, Verdict, Wanted, parse_anchor
from collector.store.decision import undo_decision
from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from collector.store.pin import PinWish, pin_value
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import audit, decision
from muster.errors import InputError
from tests.store.sender import Estate, item, section

AT = 1_772_359_200_000


def fill(connection: Connection, count: int) -> Head:
    connection.execute(delete(audit))
    for number in range(1, count + 1):
        head = audit_chain.append(
            connection, AT + number, actor="person:kim", action="difference.accepted", subject=f"d{number}", detail={"reason": "planned", "n": number}
        )
    return head


def test_a_whole_chain_holds(database: Database) -> None:
    with database.begin() as connection:
        head = fill(connection, 5)
    with database.connect() as connection:
        assert audit_chain.verify(connection) == Verdict(5, head)
        assert audit_chain.verify(connection, expected=head) == Verdict(5, head)
        assert audit_chain.load_head(connection) == head


def test_an_empty_chain_holds(database: Database) -> None:
    with database.connect() as connection:
        assert audit_chain.verify(connection) == Verdict(0, Head())


def test_entries_are_read_newest_first(database: Database) -> None:
    with database.begin() as connection:
        fill(connection, 3)
        entries = audit_chain.load_entries(connection, limit=2)
        (first,) = audit_chain.load_entries(connection, before=2)
        assert len(first.hash) == 64
        assert [each.id for each in entries] == [3, 2]
        assert audit_chain.load_entries(connection, before=2) == [
            AuditEntry(1, AT + 1, "person:kim", "difference.accepted", "d1", {"reason": "planned", "n": 1}, first.hash)
        ]


def test_a_removed_entry_is_named(database: Database) -> None:
    with database.begin() as connection:
        fill(connection, 6)
        connection.execute(delete(audit).where(audit.c.id.in_([3, 4])))
        verdict = audit_chain.verify(connection)
    assert (verdict.entries, verdict.broken_id, verdict.reason) == (2, 5, "entries 3 to 4 before it are gone")


def test_a_cut_end_shows_against_a_head_written_down(database: Database) -> None:
    with database.begin() as connection:
        head = fill(connection, 6)
        connection.execute(delete(audit).where(audit.c.id > 4))
        assert audit_chain.verify(connection).broken_id is None
        verdict = audit_chain.verify(connection, expected=head)
    assert (verdict.broken_id, verdict.reason) == (5, "entries 5 to 6 are gone from the end")


def test_a_chain_made_anew_shows_against_a_head_written_down(database: Database) -> None:
    with database.begin() as connection:
        head = fill(connection, 4)
        connection.execute(delete(audit))
        for number in range(5):
            audit_chain.append(connection, AT, actor="person:eve", action="sign_in", subject=f"s{number}")
        assert audit_chain.verify(connection).broken_id is None
        assert audit_chain.verify(connection, expected=head).broken_id == 4


def test_entries_are_found_by_who_what_and_when(database: Database) -> None:
    with database.begin() as connection:
        fill(connection, 3)
        audit_chain.append(connection, AT + 9, actor="token:ci", action="decision.accept", subject="x")
        wanted = {
            Wanted(actor="token:ci"): [4],
            Wanted(action="decision.*"): [4],
            Wanted(action="decision"): [],
            Wanted(subject="d2"): [2],
            Wanted(since=AT + 2, until=AT + 9): [3, 2],
            Wanted(): [4, 3, 2, 1],
        }
        for each, ids in wanted.items():
            assert [entry.id for entry in audit_chain.load_entries(connection, each)] == ids
            assert audit_chain.count_entries(connection, each) == len(ids)


def test_an_anchor_is_a_number_and_a_hash_or_the_hash_alone(database: Database) -> None:
    with database.begin() as connection:
        head = fill(connection, 4)
        for text in (str(head), head.hash.hex()):
            assert audit_chain.verify(connection, expected=parse_anchor(text)) == Verdict(4, head)
        connection.execute(delete(audit).where(audit.c.id == 4))
        assert audit_chain.verify(connection, expected=parse_anchor(head.hash.hex())).broken_id == 4
    for text in ("", "4:", "x:00", "4:abcd", "0:" + "00" * 32):
        with pytest.raises(InputError):
            parse_anchor(text)


def test_a_line_edited_in_the_database_by_hand_is_the_first_broken_entry(database: Database) -> None:
    """Scenario 51, with the statement that somebody would type."""
    with database.begin() as connection:
        fill(connection, 20)
        connection.exec_driver_sql("UPDATE audit SET subject = 'another' WHERE id = 13")
        verdict = audit_chain.verify(connection)
    assert (verdict.broken_id, verdict.entries, verdict.reason) == (13, 12, "its content is not what was written")


MUTATIONS = ("edit", "edit and seal anew", "remove", "put in at the end", "put in before", "exchange")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.integers(2, 8), st.sampled_from(MUTATIONS), st.data())
def test_any_change_of_one_row_is_found_against_the_head_written_down(database: Database, count: int, kind: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, count), label="entry")
    with database.begin() as connection:
        head = fill(connection, count)
        first_wrong = mutate(connection, kind, at, data)
        verdict = audit_chain.verify(connection, expected=head)
        assert verdict.broken_id is not None
        assert verdict.broken_id <= first_wrong
        assert verdict.entries <= max(verdict.broken_id - 1, 0)


def mutate(connection: Connection, kind: str, at: int, data: st.DataObject) -> int:
    """Change one row as the kind says; the number of the last entry at which that can be noticed first."""
    rows = {row.id: row for row in connection.execute(select(audit))}
    row, last = rows[at], max(rows)
    if kind in {"edit", "edit and seal anew"}:
        column = data.draw(st.sampled_from(sorted(EDITS)), label="column")
        if kind == "edit":
            assume(getattr(row, column) != EDITS[column])  # the first entry follows the origin already
            connection.execute(update(audit).where(audit.c.id == at).values({column: EDITS[column]}))
            return at
        connection.execute(delete(audit).where(audit.c.id == at))
        values = {"at": row.at, "actor": "person:eve", "action": row.action, "subject": row.subject, "detail": row.detail}
        sealed = audit_chain._hash(bytes(row.previous_hash), [at, *values.values()])
        connection.execute(insert(audit).values(id=at, **values, previous_hash=row.previous_hash, hash=sealed))
        return min(at + 1, last)
    if kind == "remove":
        connection.execute(delete(audit).where(audit.c.id == at))
        return min(at + 1, last)
    if kind == "exchange":
        other = rows[at % last + 1]
        for target, source in ((at, other), (other.id, row)):
            values = {name: getattr(source, name) for name in ("at", "actor", "action", "subject", "detail", "previous_hash", "hash")}
            connection.execute(update(audit).where(audit.c.id == target).values(values))
        return min(at, other.id)
    values = {name: getattr(row, name) for name in ("at", "actor", "action", "subject", "detail", "previous_hash", "hash")}
    connection.execute(insert(audit).values(id=last + 1 if kind == "put in at the end" else 0, **values))
    return last + 1 if kind == "put in at the end" else 0


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder: Path = tmp_path_factory.mktemp("audit")
    database = open_database(f"sqlite:///{folder}/store.db")
    migrate_database(database)
    return database


EDITS = {
    "at": 1,
    "actor": "person:eve",
    "action": "difference.rejected",
    "subject": "other",
    "detail": b"\x80",
    "previous_hash": bytes(32),
    "hash": bytes(32),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(2, 8), st.data())
def test_any_edit_is_found_at_its_entry(scratch: Database, count: int, data: st.DataObject) -> None:
    broken = data.draw(st.integers(2, count))
    column = data.draw(st.sampled_from(sorted(EDITS)))
    with scratch.begin() as connection:
        fill(connection, count)
        connection.execute(update(audit).where(audit.c.id == broken).values({column: EDITS[column]}))
        verdict = audit_chain.verify(connection)
    assert (verdict.broken_id, verdict.entries) == (broken, broken - 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.integers(3, 8), st.data())
def test_exchanged_entries_are_found(scratch: Database, count: int, data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(1, count), min_size=2, max_size=2, unique=True)))
    with scratch.begin() as connection:
        fill(connection, count)
        rows = {row.id: row for row in connection.execute(select(audit))}
        for target, other in ((first, rows[second]), (second, rows[first])):
            values = {"at": other.at, "subject": other.subject, "detail": other.detail, "previous_hash": other.previous_hash, "hash": other.hash}
            connection.execute(update(audit).where(audit.c.id == target).values(values))
        verdict = audit_chain.verify(connection)
    assert verdict.broken_id == first


def test_every_decision_of_people_and_policies_has_its_entry(estate: Estate) -> None:
    host = section(item("h", "server", serial="S1", attributes={"name": "a", "model": "R650"}))
    estate.send("api/x/1", {"host": host})
    estate.accept_all(at=1)
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of("a"), Patch({"owner": "kim"}), actor="person:kim", now=AT)
        pinned = pin_value(connection, estate.context, estate.id_of("a"), PinWish("model", "R750", "label", "kim"), actor="person:kim", now=AT)
        undo_decision(connection, estate.context, pinned, actor="person:kim", now=AT)
        made = {(row.id, f"decision.{row.kind}", row.made_by) for row in connection.execute(select(decision))}
        told = {(each.subject, each.action, each.actor) for each in audit_chain.load_entries(connection, Wanted(action="decision.*"))}
    assert made == told
    assert len(made) == 4
