"""Generated courses of reports with parts that come, go, move and return: the store is what the engine in memory makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.store.engine import Database, open_database
from tests.reconcile.estate import Estate as Oracle
from tests.store.sender import item, section
from tests.store.test_identity import emptied, state

HOSTS = {
    "agent/a/1": item("host", "server", attributes={"name": "a"}, machine_id="0" * 31 + "1", ssh_host_key=["SHA256:a"]),
    "ssh/a/1": item("host", "server", attributes={"name": "a"}, machine_id="0" * 31 + "1", ssh_host_key=["SHA256:a"]),
    "agent/b/1": item("host", "server", attributes={"name": "b"}, machine_id="0" * 31 + "2", ssh_host_key=["SHA256:b"]),
}


def part(slot: int, serial: str | None, alias: str) -> Any:
    """A disk in a slot, which may be known by its serial, or an interface where there is none."""
    if serial is None:
        return item(f"if:{slot}", "interface", owner="host", attributes={"name": f"eth{slot}", "kind": "ethernet", "alias": alias})
    return item(f"disk:{slot}", "disk", owner="host", attributes={"slot": str(slot), "model": alias, "vendor": "V"}, serial=serial)


PARTS = st.builds(part, st.integers(0, 2), st.sampled_from([None, None, "D1AAA", "D2BBB"]), st.sampled_from(["x", "y"]))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(HOSTS)),
        st.lists(PARTS, max_size=4, unique_by=(lambda each: each.ref, lambda each: each.identifiers.get("serial", each.ref))),
        st.booleans(),
        st.sampled_from(["", "", "accept"]),
    ),
    min_size=1,
    max_size=7,
)


@pytest.fixture(scope="module")
def store(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("generated") / "store.db"
    shutil.copyfile(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


def seen(told: list[Any]) -> list[Any]:
    """The store keeps the last known values of what is gone, and redirects a CI that lost its records; the engine in memory does neither."""
    cis = [(*who, presence, values if presence != "absent" else []) for *who, presence, values in told[0] if who[0]]
    return [cis, *told[1:]]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_parts_that_come_go_move_and_return_are_as_the_engine_says(store: Database, steps: list[Any]) -> None:
    oracle, estate = Oracle(), emptied(store)
    for source, host in HOSTS.items():
        oracle.report(source, host)
        estate.send(source, {"host": section(host)})
    for number, (source, parts, is_whole, decision) in enumerate(steps):
        minutes = 10 * number + 1
        # A part that a partial look finds in two places at once is where the last look saw it; which look that is, only the store knows.
        complete = is_whole or any("serial" in each.identifiers for each in parts)
        oracle.report(source, HOSTS[source], at=minutes)
        oracle.report(source, *parts, at=minutes, section="parts", complete=complete)
        full = section(*parts, complete=complete, digest=f"{number}")
        estate.send(source, {"host": section(HOSTS[source]), "parts": full}, at=minutes)
        if decision:
            for each in oracle.active():
                if each.state == "open" and oracle.differences[each.id].state == "open":
                    oracle.accept(each.id)
            estate.sweep(minutes)
            estate.accept_all(minutes)
        oracle.tick(minutes)
        estate.sweep(minutes)
        assert seen(state(estate)) == seen(oracle.state())
