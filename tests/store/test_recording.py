"""What somebody puts on record is recognised first: in either order of arrival there is one CI, and nothing doubtful is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from collector.store.decision import undo_decision
from collector.store.pin import PinWish, pin_value, release_pins
from collector.store.recorded import Patch
from collector.store.recording import record_ci
from collector.store.schema import ci, decision, identity_claim, pin, source, source_record
from muster.errors import ConflictError, InputError, NotFoundError
from tests.store.sender import Estate, item, section
from tests.store.test_decision import at

IMPORTED = {"name": "WEB01"}


def put_on_record(estate: Estate, minute: float = 0, *, ci_class: str = "server", identifiers: dict[str, Any] | None = None, **values: Any) -> Any:
    return estate.decide(record_ci, ci_class, Patch(values or IMPORTED), identifiers=identifiers or {"serial": "S1"}, zone="z1", now=at(minute))


def report(estate: Estate, minute: float = 1, *, name: str = "web01", **identifiers: Any) -> None:
    given = identifiers or {"serial": " s1 ", "fqdn": "web01.a.example"}
    host = item("h", "server", attributes={"vendor": "V", "name": name, "os.name": "Debian"}, **given)
    estate.send(f"agent/{name}/a1", {"host": section(host)}, at=minute)


@pytest.mark.parametrize("record_first", [True, False])
def test_record_and_report_of_one_server_are_one_ci_in_either_order(estate: Estate, *, record_first: bool) -> None:
    steps = [lambda: put_on_record(estate, 0 if record_first else 5), lambda: report(estate)]
    for step in steps if record_first else reversed(steps):
        step()
    assert [each[0] for each in estate.names()] == ["server"]
    assert estate.differences("open") == []
    name = estate.names()[0][1]
    assert estate.recorded(name) == {"name": "WEB01", "serial": "S1"}


def test_recognising_leaves_no_trace_of_its_own(estate: Estate) -> None:
    report(estate)
    before = [estate.rows(select(func.count()).select_from(table))[0][0] for table in (source, source_record, identity_claim)]
    put_on_record(estate, 5)
    assert [estate.rows(select(func.count()).select_from(table))[0][0] for table in (source, source_record, identity_claim)] == before


def test_identifier_that_is_no_attribute_identifies_all_the_same(estate: Estate) -> None:
    put_on_record(estate, identifiers={"dmi_uuid": "4c4c4544-0043-5910-8052-b4c04f4e3532"})
    report(estate, dmi_uuid="4C4C4544-0043-5910-8052-B4C04F4E3532", name="elsewhere")
    assert len(estate.names()) == 1


def test_placeholder_serial_makes_no_two_servers_one(estate: Estate) -> None:
    report(estate, serial="To be filled by O.E.M.", machine_id="a" * 32)
    put_on_record(estate, 5, identifiers={"serial": "To be filled by O.E.M."}, name="other")
    assert len(estate.names()) == 2


def test_what_points_at_two_is_refused_with_both(estate: Estate) -> None:
    report(estate, 1, name="web01", serial="S1", dmi_uuid="4c4c4544-0043-5910-8052-b4c04f4e3532")
    report(estate, 2, name="web02", serial="S2", dmi_uuid="11111111-2222-3333-8444-555555555556")
    with pytest.raises(ConflictError) as caught:
        put_on_record(estate, 5, identifiers={"serial": "S1", "dmi_uuid": "11111111-2222-3333-8444-555555555556"})
    assert caught.value.code == "undecided"
    assert len(estate.names()) == 2
    assert estate.rows(select(func.count()).select_from(decision)) == [(0,)]


def test_undoing_the_record_of_a_ci_that_nobody_saw_leaves_a_tombstone(estate: Estate) -> None:
    put_on_record(estate)
    estate.decide(undo_decision, estate.rows(select(decision.c.id))[0][0], now=at(2))
    assert estate.rows(select(ci.c.lifecycle, ci.c.is_recorded)) == [("disposed", False)]
    assert estate.differences() == []
    report(estate, 3)
    assert estate.rows(select(ci.c.is_recorded).where(ci.c.lifecycle == "live")) == [(False,)]


@pytest.mark.parametrize(
    ("ci_class", "identifiers", "path"),
    [
        ("sever", {}, "class"),
        ("interface", {}, "class"),
        ("server", {"serail": "S"}, "identifiers.serail"),
        ("server", {"serial": ["S"] * 101}, "identifiers.serial"),
    ],
)
def test_what_cannot_be_recorded_is_told_with_its_place(estate: Estate, ci_class: str, identifiers: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        put_on_record(estate, ci_class=ci_class, identifiers=identifiers or {"serial": "S1"})
    assert caught.value.path == path


def hold(estate: Estate, name: str, attribute: str, value: Any, minute: float) -> str:
    return str(estate.decide(pin_value, estate.id_of(name), PinWish(attribute, value, "moved", "kim"), now=at(minute)))


def test_pins_are_released_together_and_taken_back_together(estate: Estate) -> None:
    report(estate)
    hold(estate, "web01", "os.name", "Debian GNU/Linux", 2)
    hold(estate, "web01", "location", "R1", 3)
    held = [(estate.id_of("web01"), name) for name in ("os.name", "location")]
    made = estate.decide(release_pins, held, now=at(4), reason="audit")
    assert estate.rows(select(pin)) == []
    assert estate.effective("web01")["os.name"] == "Debian"
    estate.decide(undo_decision, made, now=at(5))
    assert sorted(each[0] for each in estate.rows(select(pin.c.attribute))) == ["location", "os.name"]
    with pytest.raises(NotFoundError):
        estate.decide(release_pins, [*held, (held[0][0], "vendor")], now=at(6))
    assert len(estate.rows(select(pin))) == 2


@pytest.mark.parametrize(("attribute", "value"), [("serial", "S9"), ("mac", ["52:54:00:00:00:01"]), ("cpu.count", "many"), ("owner", "kim")])
def test_identity_and_wrong_values_are_never_held(estate: Estate, attribute: str, value: Any) -> None:
    report(estate)
    with pytest.raises(InputError):
        hold(estate, "web01", attribute, value, 2)


def test_a_pin_holds_at_the_first_contact_already(estate: Estate) -> None:
    put_on_record(estate)
    hold(estate, "WEB01", "os.name", "Ubuntu", 0)
    report(estate)
    assert estate.effective(estate.names()[0][1])["os.name"] == "Ubuntu"
    assert estate.differences("open") == []
    assert estate.differences("pinned") == [("changed_attribute", estate.names()[0][1], "os.name", "pinned")]


def test_what_a_recorded_ci_is_first_seen_with_comes_on_record_and_later_parts_are_reviewed(estate: Estate) -> None:
    put_on_record(estate)
    host = item("h", "server", attributes={"name": "web01"}, serial="S1")
    packages = [item(name, "software_package", owner="h", manager="dpkg", name=name, architecture="amd64") for name in ("bash", "nginx")]
    estate.send("agent/web01/a1", {"host": section(host), "software": section(packages[0])}, at=1)
    assert estate.differences("open") == []
    assert estate.rows(select(decision.c.made_by).where(decision.c.kind == "accept")) == [("policy:first_contact",)]
    estate.send("agent/web01/a1", {"host": section(host), "software": section(*packages)}, at=2)
    assert estate.differences("open") == [("new_ci", "nginx", "", "open")]
