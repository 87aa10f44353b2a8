"""Generated courses of reports before and after a merge: taking it back leaves what a course without the merge would have left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from collector.store.engine import Database, open_database
from collector.store.merge import merge_cis
from collector.store.schema import ci, metadata
from collector.store.unmerge import unmerge
from muster.wire.report import Endpoint, RelationClaim, StateReport
from tests.store.picture import picture, records
from tests.store.sender import Estate, item, section
from tests.store.test_merge import at

# Sources and what they see: three machines, each by identifiers that do not meet, so that the rules leave them apart.
SEEN: dict[str, tuple[str, dict[str, Any]]] = {
    "agent/a/1": ("server", {"machine_id": "0" * 31 + "1"}),
    "agent/b/1": ("server", {"machine_id": "0" * 31 + "2", "serial": "SBBBB"}),
    "snmp/d/1": ("device", {"serial": "SBBBB"}),
    "snmp/e/1": ("device", {"serial": "SCCCC"}),
    "ssh/f/1": ("server", {"serial": "SDDDD"}),
    "hypervisor/vc/1": ("server", {"serial": "SDDDD", "asset_tag": "D-1"}),
}


def port(slot: int, alias: str) -> Any:
    return item(f"if:{slot}", "interface", owner="host", attributes={"name": f"eth{slot}", "kind": "ethernet", "alias": alias})


def disk(slot: int, serial: str) -> Any:
    return item(f"disk:{slot}", "disk", owner="host", attributes={"slot": str(slot), "vendor": "V"}, serial=serial)


PARTS = st.lists(
    st.builds(port, st.integers(0, 2), st.sampled_from("xy")) | st.builds(disk, st.integers(0, 1), st.sampled_from(["D1AAA", "D2BBB"])),
    max_size=4,
    unique_by=(lambda each: each.ref, lambda each: each.identifiers.get("serial", each.ref)),
)
REPORTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(SEEN)),
        st.fixed_dictionaries(
            {"name": st.sampled_from(["n1", "n2"]), "os.kernel": st.sampled_from(["6.1", "6.8"])}, optional={"model": st.just("M")}
        ),
        PARTS,
        st.sampled_from([None, "SBBBB", "SCCCC"]),
        st.sampled_from([None, "up", "down"]),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def store(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("generated") / "store.db"
    shutil.copyfile(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


def emptied(database: Database) -> Estate:
    with database.begin() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return Estate(database)


def _of_machine(part: Any, source: str) -> Any:
    """A disk that several machines show at once is wherever it was seen last, and that depends on the course."""
    machine = SEEN[source][1].get("serial", "SAAAA")
    return msgspec.structs.replace(part, identifiers={name: f"{machine}{value}" for name, value in part.identifiers.items()})


def send(estate: Estate, reports: list[Any], since: int) -> None:
    for number, (source, values, parts, peer, state) in enumerate(reports):
        ci_class, identifiers = SEEN[source]
        host = item("host", ci_class, attributes=values, **identifiers)
        relations = [RelationClaim("depends_on", "host", Endpoint({"serial": peer}))] if peer is not None else []
        states = [StateReport("host", "icmp", state, int(at(since + number)), 60)] if state is not None else []
        told = section(host, *(_of_machine(each, source) for each in parts), relations=relations, digest=f"{since}{number}")
        estate.send(source, {"host": told}, at=since + number, states=states)
        estate.sweep(since + number)


def tops(estate: Estate) -> list[str]:
    return [row[0] for row in estate.rows(select(ci.c.id).where(ci.c.owner_ci_id.is_(None), ci.c.redirect_to.is_(None)).order_by(ci.c.number))]


def _unlike(seen: list[Any], expected: list[Any]) -> list[Any]:
    """What only one of two pictures holds."""
    return [
        [each for each in ours if each not in theirs]
        for one, other in zip(seen, expected, strict=True)
        for ours, theirs in ((one, other), (other, one))
        if one != other
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=REPORTS.filter(lambda each: len({report[0] for report in each}) > 1), after=REPORTS, is_accepted=st.booleans(), turn=st.booleans())
def test_an_unmerge_equals_a_course_in_which_the_merge_never_happened(
    store: Database, before: list[Any], after: list[Any], is_accepted: bool, turn: bool
) -> None:
    estate = emptied(store)
    send(estate, before, 1)
    if is_accepted:
        estate.accept_all(9)
    assume(len(tops(estate)) > 1)
    send(estate, after, 11)
    expected = picture(estate)
    told_apart = records(estate)

    estate = emptied(store)
    send(estate, before, 1)
    if is_accepted:
        estate.accept_all(9)
    left, right = tops(estate)[:2]
    made = estate.decide(merge_cis, *((left, [right]) if turn else (right, [left])), now=at(10))
    send(estate, after, 11)
    estate.decide(unmerge, made, now=at(20))
    assert sorted(records(estate).values()) == sorted(told_apart.values())
    assert _unlike(picture(estate), expected) == []
