"""A baseline is a name for a time and a scope: nothing changes it, anybody can check it, and two can be compared."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import select, update

from collector.store.baseline import BaselineWish, check_wish, render_line, save_baseline
from collector.store.decision import undo_decision
from collector.store.merge import merge_cis
from collector.store.schema import decision, history
from collector.store.scope import Scope
from collector.store.tombstone import delete_ci
from muster.errors import ConflictError, InputError, NotFoundError
from muster.wire.report import RelationClaim
from tests.store.sender import PERSON, Estate, section
from tests.store.test_as_of import disks, host, reader_of
from tests.store.test_decision import at

NAMES = ("web", "db", "mail")


def report(estate: Estate, minutes: float, **kernels: str) -> None:
    """Three servers, of which the first has two disks."""
    for number, name in enumerate(NAMES):
        sections = {"host": section(host(name, f"S{number}ABC", kernels.get(name, "6.1"), 1))}
        if name == "web":
            sections["disks"] = section(*disks(2))
        estate.send(f"agent/{name}/a{number}", sections, at=minutes)


def take(estate: Estate, name: str, minutes: float, query: str = "", *, when: float | None = None, with_contents: bool = True) -> str:
    wish = BaselineWish(name, Scope(query, with_contents), "before the change", "kim", None if when is None else at(when))
    content = reader_of(estate, minutes).read_content(wish)
    with estate.database.begin() as connection:
        return save_baseline(connection, estate.context, wish, content, actor=PERSON, now=at(minutes))


def names(estate: Estate, key: str) -> list[str]:
    return [each.name for each in reader_of(estate).iterate_baseline(key)]


def changes(estate: Estate, key: str, against: str = "now") -> list[tuple[str, str, list[tuple[str, str, Any, Any]]]]:
    page = reader_of(estate).compare_baselines(key, against)
    return [(each.ci.name, each.change, [(v.layer, v.attribute, v.old, v.new) for v in each.values]) for each in page.items]


def test_a_baseline_holds_what_the_query_found_with_its_contents(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "web before", 5, "name:web")
    assert names(estate, "web before") == ["web", "0", "1"]
    take(estate, "web alone", 6, "name:web", with_contents=False)
    assert names(estate, "web alone") == ["web"]
    shown = reader_of(estate).get_baseline("web before")
    assert (shown.owner, shown.reason, shown.taken_by, shown.ci_count, shown.at) == ("kim", "before the change", PERSON, 3, at(5))


def test_its_digest_is_that_of_the_lines_of_its_export(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "all", 5)
    lines = b"".join(render_line(each) for each in reader_of(estate).iterate_baseline("all"))
    assert hashlib.sha256(lines).hexdigest() == reader_of(estate).get_baseline("all").digest


def test_nothing_that_happens_later_changes_it(estate: Estate) -> None:
    report(estate, 0)
    estate.accept_all(2)
    take(estate, "all", 5)
    kept = list(reader_of(estate).iterate_baseline("all"))
    report(estate, 10, web="6.8")
    estate.send("agent/db/a1", {"host": section(host("db", "S1ABC", "5.10", 4))}, at=3, now=12)  # late: it was so when the baseline was taken
    estate.accept_all(15)
    estate.decide(merge_cis, estate.id_of("web"), [estate.id_of("db")], now=at(20))
    accepted = estate.rows(select(decision.c.id).where(decision.c.kind == "accept").order_by(decision.c.at))[0][0]
    with pytest.raises(ConflictError):
        estate.decide(undo_decision, accepted, now=at(25))
    assert list(reader_of(estate).iterate_baseline("all")) == kept
    assert reader_of(estate).check_baseline("all").is_intact


def test_a_deleted_item_stays_in_the_baseline_that_held_it(estate: Estate) -> None:
    report(estate, 0)
    estate.accept_all(2)
    take(estate, "all", 5)
    kept = list(reader_of(estate).iterate_baseline("all"))
    deleted = estate.decide(delete_ci, estate.id_of("web"), now=at(10))
    reader = reader_of(estate)
    assert list(reader.iterate_baseline("all")) == kept
    assert reader.check_baseline("all").is_intact
    assert [change for _, change, _ in changes(estate, "all")] == ["removed", "removed", "removed"]
    number = str(kept[0].number)
    assert [reader.ci_as_at(number, at(minutes)).existed for minutes in (5, 15)] == [True, False]
    estate.decide(undo_decision, deleted, now=at(20))
    assert [reader.ci_as_at(number, at(15), at(known)).existed for known in (15, 25)] == [False, True]


def test_a_changed_history_is_found_with_where_it_was_changed(estate: Estate) -> None:
    report(estate, 0)
    report(estate, 3, web="6.8")
    take(estate, "all", 5)
    report(estate, 10, web="6.9")
    with estate.database.begin() as connection:
        connection.execute(update(history).where(history.c.attribute == "os.kernel").values(old_value=b"\xa1x", new_value=b"\xa1x"))
    checked = reader_of(estate).check_baseline("all")
    assert (checked.is_intact, checked.faults) == (False, [(0, 1023)])


def test_two_baselines_tell_what_was_added_removed_and_changed(estate: Estate) -> None:
    report(estate, 0)
    estate.accept_all(2)
    take(estate, "before", 5)
    report(estate, 10, web="6.8")
    estate.send("agent/web/a0", {"disks": section(*disks(1))}, at=20)
    estate.send("agent/web/a0", {"disks": section(*disks(1))}, at=30)
    estate.send("agent/new/a9", {"host": section(host("new", "S9ABC", "6.8", 1))}, at=31)
    take(estate, "after", 40)
    told = {name: (change, values) for name, change, values in changes(estate, "before", "after")}
    assert told["web"] == ("changed", [("observed", "os.kernel", "6.1", "6.8")])
    assert told["new"] == ("added", [])
    assert [change for change, _ in told.values()].count("removed") == 1
    assert len(told) == 3
    assert changes(estate, "after", "now") == []


def test_relations_that_came_and_went_are_told(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "before", 5)
    claim = RelationClaim("depends_on", "host", "other")
    other = host("cache", "S8ABC", "6.1", 1)
    relations = section(relations=[claim])
    both = section(host("web", "S0ABC", "6.1", 1), type(other)(**{**{n: getattr(other, n) for n in other.__struct_fields__}, "ref": "other"}))
    estate.send("ssh/web/s1", {"host": both, "links": relations}, at=10)
    page = reader_of(estate).compare_baselines("before")
    found = [
        (each.ci.name, [(r.change, r.type, r.direction, r.other and r.other.name) for r in each.relations]) for each in page.items if each.relations
    ]
    assert found == [("web", [("added", "depends_on", "out", "cache")])]


def test_a_host_that_no_longer_matches_has_left_the_scope_with_its_parts(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "web", 5, "name:web")
    estate.send("agent/web/a0", {"host": section(host("www", "S0ABC", "6.1", 1)), "disks": section(*disks(2))}, at=10)
    assert [change for _, change, _ in changes(estate, "web")] == ["removed", "removed", "removed"]


def test_pages_of_a_comparison_hold_everything_once(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "before", 5)
    report(estate, 10, web="6.8", db="6.8", mail="6.8")
    reader, found, cursor = reader_of(estate), [], None
    while True:
        page = reader.compare_baselines("before", limit=1, cursor=cursor)
        found += [each.ci.name for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == list(NAMES)


def test_a_scope_is_compared_between_any_two_instants(estate: Estate) -> None:
    report(estate, 0)
    report(estate, 10, web="6.8")
    page = reader_of(estate).compare_scope(Scope("class:server"), (at(5), None), (at(15), None))
    assert [(each.ci.name, each.change) for each in page.items] == [("web", "changed")]
    before_it_was_known = reader_of(estate).compare_scope(Scope("class:server"), (at(5), at(6)), (at(6), at(6)))
    assert before_it_was_known.items == []


def test_a_baseline_of_a_past_instant_is_what_is_known_of_it_now(estate: Estate) -> None:
    report(estate, 0)
    report(estate, 10, web="6.8")
    take(estate, "past", 20, "name:web", when=5, with_contents=False)
    assert [each.effective["os.kernel"] for each in reader_of(estate).iterate_baseline("past")] == ["6.1"]


def test_a_name_is_given_once_and_needs_reason_and_owner(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "one", 5)
    with pytest.raises(ConflictError) as caught:
        take(estate, "one", 6)
    assert caught.value.code == "name-taken"
    for wish in (BaselineWish("", Scope(), "r", "o"), BaselineWish("now", Scope(), "r", "o"), BaselineWish("n", Scope(), " ", "o")):
        with pytest.raises(InputError):
            check_wish(wish, at(0))
    with pytest.raises(NotFoundError):
        reader_of(estate).get_baseline("none")


def test_what_was_being_written_while_it_was_read_makes_it_be_taken_again(estate: Estate) -> None:
    report(estate, 0)
    wish = BaselineWish("all", Scope(), "r", "o")
    content = reader_of(estate, 20).read_content(wish)
    report(estate, 15, web="6.8")
    with pytest.raises(ConflictError) as caught, estate.database.begin() as connection:
        save_baseline(connection, estate.context, wish, content, actor=PERSON, now=at(21))
    assert caught.value.code == "history-moved"


def test_taking_a_baseline_is_a_decision_that_cannot_be_taken_back(estate: Estate) -> None:
    report(estate, 0)
    take(estate, "all", 5)
    made = reader_of(estate).get_baseline("all").decision_id
    assert estate.rows(select(decision.c.kind).where(decision.c.id == made)) == [("baseline",)]
    with pytest.raises(ConflictError) as caught:
        estate.decide(undo_decision, made, now=at(6))
    assert caught.value.code == "immutable"
