"""What people write by hand is on record, found, guarded against a lost update, and taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from collector.store.decision import undo_decision
from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from collector.store.recording import record_ci
from collector.store.schema import ci, decision
from muster.clock import FakeClock
from muster.errors import ConflictError, InputError
from tests.store.sender import CATALOGUE, Estate, item, section
from tests.store.test_decision import at, record
from tests.store.test_ingest import HOST


def names(estate: Estate, query: str) -> list[str]:
    return [each.name for each in Reader(estate.database, CATALOGUE, clock=FakeClock(at(60))).list_cis(query).items]


def last_decision(estate: Estate) -> str:
    return str(estate.rows(select(decision.c.id).order_by(decision.c.at.desc(), decision.c.id.desc()))[0][0])


def test_recorded_attributes_and_tags_are_written_and_found(estate: Estate) -> None:
    record(estate)
    version = estate.rows(select(ci.c.version).where(ci.c.name == "web01"))[0][0]
    patch = Patch({"owner": "ada", "location": "R1"}, {"role": "web"}, "maintenance")
    after = estate.decide(patch_recorded, estate.id_of("web01"), patch, now=at(5), if_version=version)
    assert after > version
    assert estate.recorded("web01") | {"owner": "ada", "location": "R1"} == estate.recorded("web01")
    assert names(estate, "owner:ada tag.role:web lifecycle:maintenance") == ["web01"]
    with pytest.raises(ConflictError, match="at version") as caught:
        estate.decide(patch_recorded, estate.id_of("web01"), Patch({"owner": "bob"}), now=at(6), if_version=version)
    assert caught.value.current == after


def test_undoing_takes_attributes_tags_and_lifecycle_back(estate: Estate) -> None:
    record(estate)
    before = estate.recorded("web01")
    estate.decide(patch_recorded, estate.id_of("web01"), Patch({"owner": "ada"}, {"role": "web"}, "maintenance"), now=at(5))
    estate.decide(undo_decision, last_decision(estate), now=at(6))
    assert estate.recorded("web01") == before
    assert names(estate, "owner:ada") == names(estate, "tag.role:web") == []
    assert estate.rows(select(ci.c.lifecycle).where(ci.c.name == "web01")) == [("live",)]


def test_a_value_taken_off_the_record_is_off(estate: Estate) -> None:
    record(estate)
    estate.decide(patch_recorded, estate.id_of("web01"), Patch({"owner": "ada"}), now=at(5))
    estate.decide(patch_recorded, estate.id_of("web01"), Patch({"owner": None}), now=at(6))
    assert "owner" not in estate.recorded("web01")


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"onwer": "ada"}, "attributes.onwer"), ({"cpu.count": "many"}, "attributes.cpu.count"), ({"boot_id": "b"}, "attributes.boot_id")],
)
def test_what_cannot_be_recorded_is_refused_with_its_path(estate: Estate, changes: dict[str, object], path: str) -> None:
    record(estate)
    with pytest.raises(InputError) as caught:
        estate.decide(patch_recorded, estate.id_of("web01"), Patch(changes), now=at(5))
    assert caught.value.path == path


def test_what_differs_from_a_value_recorded_by_hand_is_a_difference(estate: Estate) -> None:
    record(estate)
    estate.decide(patch_recorded, estate.id_of("web01"), Patch({"os.kernel": "6.9"}), now=at(5))
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "open")]


def test_a_host_recorded_before_it_is_seen_meets_its_report(estate: Estate) -> None:
    made = estate.decide(record_ci, "server", Patch({"name": "web09", "serial": "S9XYZ", "vendor": "V"}), now=at(0), zone="z1")
    assert (made.presence, made.lifecycle, made.is_recorded) == ("unknown", "planned", True)
    seen = item("host", "server", attributes={"name": "WEB09", "vendor": "v"}, serial=" s9xyz ", hostname="web09")
    estate.send("agent/web09/a1", {"host": section(seen)}, at=1)
    assert estate.rows(select(ci.c.id, ci.c.presence)) == [(made.id, "seen")]
    assert estate.differences() == []


def test_what_no_person_records_by_itself_is_refused(estate: Estate) -> None:
    for ci_class, patch in (
        ("servre", Patch({"name": "x"})),
        ("interface", Patch({"name": "x"})),
        ("host", Patch({"name": "x"})),
        ("server", Patch()),
    ):
        with pytest.raises(InputError):
            estate.decide(record_ci, ci_class, patch, now=at(0))
    estate.send("agent/web01/a1", {"host": section(HOST)})
    assert estate.names() == [("server", "web01", None)]
