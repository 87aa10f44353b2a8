"""Facts of a device as sections: refs from what the device is, partial tables said, ports by name, neighbours once."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.mibs.bridge import Bridge
from discovery.mibs.cdp import CdpNeighbour
from discovery.mibs.entity import Entity
from discovery.mibs.framework import Engine
from discovery.mibs.host_resources import HostResources, Storage
from discovery.mibs.interface import Interface
from discovery.mibs.ip import DeviceAddress
from discovery.mibs.lldp import Lldp, RemotePort
from discovery.mibs.snmpv2 import System
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.identity import chassis_id, host_macs, host_ref, host_serials
from discovery.snmp.neighbour import Neighbour, join_neighbours
from discovery.snmp.profile import GENERIC
from discovery.snmp.sample import to_samples
from discovery.snmp.section import to_sections
from muster.facts.link_kind import identifying_macs
from muster.wire.report import Item, Section

SERVER = msgspec.structs.replace(GENERIC, ci_class="server")
BASE = DeviceFacts("10.0.0.9", System(name="sw1.example.org", object_id="1.3.6.1.4.1.9.1.1"))
PORTS = (Interface(10, "Gi0/1", "GigabitEthernet0/1", type=6, mac="ac:7e:8a:00:00:01"), Interface(11, "Gi0/2", type=6, mac="ac:7e:8a:00:00:02"))


def section(facts: DeviceFacts, kind: str) -> Section:
    return next(found for name, found in to_sections(facts).items() if name.startswith(f"{kind}:"))


def items(facts: DeviceFacts, kind: str) -> list[Item]:
    return section(facts, kind).items or []


@pytest.mark.parametrize(
    ("facts", "ref"),
    [
        (replace(BASE, engine=Engine("80001f8880aabb0001"), texts={"serial": "FCW1"}), "snmp:engine:80001f8880aabb0001"),
        (replace(BASE, engine=Engine("8000000001020304"), texts={"serial": "FCW1929B68S"}), "snmp:serial:any:FCW1929B68S"),
        (replace(BASE, texts={"serial": "<private>"}, bridge_mac="ac:7e:8a:19:bf:00"), "snmp:mac:ac:7e:8a:19:bf:00"),
        (replace(BASE, interfaces=PORTS), "snmp:mac:ac:7e:8a:00:00:01"),
        (BASE, "snmp:address:10.0.0.9:1.3.6.1.4.1.9.1.1"),
        (replace(BASE, texts={"serial": "To be filled by O.E.M."}), "snmp:address:10.0.0.9:1.3.6.1.4.1.9.1.1"),
    ],
)
def test_ref_comes_from_what_the_device_is(facts: DeviceFacts, ref: str) -> None:
    assert host_ref(facts) == ref


@given(st.text(min_size=1, max_size=400), st.text(max_size=300))
def test_refs_and_names_of_sections_stay_within_the_limits_of_the_wire(serial: str, port: str) -> None:
    facts = replace(BASE, texts={"serial": serial}, interfaces=(Interface(1, port or "x", type=6),))
    sections = to_sections(facts)
    assert all(1 <= len(name) <= 128 for name in sections)
    assert all(len(item.ref) <= 512 for found in sections.values() for item in found.items or ())


def test_moving_to_another_address_keeps_the_ref() -> None:
    device = replace(BASE, texts={"serial": "FCW1929B68S"})
    assert host_ref(device) == host_ref(replace(device, address="10.9.9.9"))


def test_serials_of_a_stack_are_those_of_its_members() -> None:
    members = (Entity(2, "1", kind="chassis", serial="FOC2"), Entity(3, "2", kind="chassis", serial="FOC1"), Entity(4, "3", kind="chassis"))
    assert host_serials(replace(BASE, chassis=members, texts={"serial": "FOC2"})) == ["FOC1", "FOC2"]


def test_a_locally_administered_chassis_id_is_no_key_by_itself() -> None:
    assert chassis_id(replace(BASE, lldp_chassis_mac="52:54:00:12:34:56")) == ""
    assert chassis_id(replace(BASE, lldp_chassis_mac="52:54:00:12:34:56", bridge_mac="ac:7e:8a:19:bf:00")) == "ac:7e:8a:19:bf:00"


def test_a_linux_host_has_the_macs_that_its_agent_reports() -> None:
    links = {"lo": "", "eth0": "52:54:00:12:34:56", "docker0": "02:42:ac:11:00:01", "eth0.7": "52:54:00:12:34:56", "wlan0": "a0:88:b4:00:00:01"}
    interfaces = tuple(Interface(at, name, type=6, mac=mac) for at, (name, mac) in enumerate(links.items(), 1))
    assert host_macs(replace(BASE, profile=SERVER, interfaces=interfaces)) == identifying_macs(links.items())


def test_a_switch_is_not_known_by_the_addresses_of_its_vlans() -> None:
    vlan = Interface(20, "Vl1", type=53, mac="ac:7e:8a:00:00:40")
    assert host_macs(replace(BASE, interfaces=(*PORTS, vlan))) == ["ac:7e:8a:00:00:01", "ac:7e:8a:00:00:02"]


def test_ports_are_keyed_by_name_whatever_their_index() -> None:
    moved = tuple(each._replace(if_index=each.if_index + 100) for each in PORTS)
    before, after = items(replace(BASE, interfaces=PORTS), "network"), items(replace(BASE, interfaces=moved), "network")
    assert [(item.ref, item.identifiers) for item in before] == [(item.ref, item.identifiers) for item in after]
    assert before[0].attributes["index"] != after[0].attributes["index"]


def test_addresses_stand_on_their_interface_and_by_themselves() -> None:
    addresses = (DeviceAddress(10, "10.0.0.9", 24), DeviceAddress(10, "fe80::1", 64), DeviceAddress(99, "10.9.9.9", 24))
    found = items(replace(BASE, interfaces=PORTS, addresses=addresses), "network")
    assert found[0].attributes["addresses"] == ["10.0.0.9/24", "fe80::1/64"]
    assert [item.attributes for item in found if item.ci_class == "ip_address"] == [
        {"address": "10.0.0.9", "prefix_length": 24, "interface": "Gi0/1"},
    ]  # fmt: skip


def test_a_partial_table_makes_its_section_incomplete_with_the_reason() -> None:
    facts = replace(BASE, interfaces=PORTS, faults={"interface": "IF-MIB: took longer than 120 s"})
    states = {name.partition(":")[0]: (found.complete, found.reason) for name, found in to_sections(facts).items()}
    partial = (False, "IF-MIB: took longer than 120 s")
    assert states == {"host": (True, None), "network": partial, "hardware": (True, None), "filesystem": (True, None), "neighbour": partial}


def test_a_device_without_any_interface_hides_them() -> None:
    assert (section(BASE, "network").complete, section(BASE, "network").reason) == (False, "the device shows no interfaces")


def test_file_systems_of_the_kernel_are_left_out() -> None:
    storages = tuple(
        Storage(at, name, "fixed_disk", 10, 5) for at, name in enumerate(["/", "/run", "/sys/fs/cgroup", "/running", "/dev/shm", "C:\\"])
    )
    facts = replace(BASE, host=HostResources(storages=(*storages, Storage(9, "Physical memory", "memory", 10, 5))))
    assert [item.attributes["mount_point"] for item in items(facts, "filesystem")] == ["/", "/running", "C:\\"]


def test_one_neighbour_heard_by_two_protocols_is_one() -> None:
    heard = RemotePort(7, chassis_mac="18:e7:28:92:28:78", port_text="Ethernet1/49", system_name="core-1.example.org")
    other = CdpNeighbour(11, system_name="phone-3", port="Port 1")
    found, unplaced = join_neighbours(
        Lldp(local_ports={7: ("Gi0/1", "")}, neighbours=(heard, heard._replace(local_number=None))),
        [CdpNeighbour(10, system_name="core-1", port="Ethernet1/49"), other, CdpNeighbour(999)],
        PORTS,
        Bridge(),
    )
    assert [(each.protocol, each.local_port, each.system_name) for each in found] == [
        ("cdp", "Gi0/2", "phone-3"), ("lldp", "Gi0/1", "core-1.example.org"),
    ]  # fmt: skip
    assert unplaced == 2


@pytest.mark.parametrize(
    ("local", "ports", "name"),
    [
        ({7: ("Gi0/1", "")}, {}, "Gi0/1"), ({7: ("", "GigabitEthernet0/1")}, {}, "Gi0/1"), ({7: ("ac:7e:8a:00:00:02", "")}, {}, "Gi0/2"),
        ({7: ("11", "")}, {}, "Gi0/2"), ({}, {7: 10}, "Gi0/1"), ({}, {}, None), ({7: ("unknown", "")}, {7: 11}, "Gi0/2"),
    ],
)  # fmt: skip
def test_lldp_port_number_goes_through_the_port_table_then_the_bridge(
    local: dict[int, tuple[str, str]], ports: dict[int, int], name: str | None
) -> None:
    found, _ = join_neighbours(Lldp(local_ports=local, neighbours=(RemotePort(7, system_name="a"),)), [], PORTS, Bridge(port_indexes=ports))
    assert [each.local_port for each in found] == ([name] if name else [])


def test_a_port_number_of_the_neighbours_own_making_gives_way_to_its_description() -> None:
    heard = (
        RemotePort(10, system_name="junos", port_text="2150", port_description="xe-1/0/0"),
        RemotePort(11, system_name="plain", port_text="41", port_description="41"),
    )
    found, _ = join_neighbours(Lldp(neighbours=heard), [], PORTS, Bridge())
    assert [(each.remote_port, each.remote_port_id) for each in found] == [("xe-1/0/0", "2150"), ("41", "41")]


def test_a_port_heard_by_cdp_is_named_as_its_device_names_it() -> None:
    entries = [CdpNeighbour(10, system_name="a", port="TenGigabitEthernet1/1/4"), CdpNeighbour(11, system_name="b", port="mgmt0")]
    found, _ = join_neighbours(Lldp(), entries, PORTS, Bridge())
    assert [(each.remote_port, each.remote_port_id) for each in found] == [("Te1/1/4", "TenGigabitEthernet1/1/4"), ("mgmt0", "mgmt0")]


def test_the_last_neighbour_that_leaves_ends_its_relation() -> None:
    """No relations would say nothing of them; an empty list says that there are none."""
    assert (section(replace(BASE, interfaces=PORTS), "neighbour").relations, section(BASE, "host").relations) == ([], None)


def test_a_neighbour_without_any_name_is_no_relation() -> None:
    nameless = (Neighbour("lldp", "Gi0/1", remote_port="eth0"), Neighbour("lldp", "Gi0/2", system_name="localhost", remote_port="eth0"))
    assert section(replace(BASE, interfaces=PORTS, neighbours=nameless), "neighbour").relations == []


def test_octets_counted_in_32_bits_on_a_fast_link_are_no_sample() -> None:
    slow = Interface(1, "a", speed_bits_per_second=10_000_000, counters={"in_octets": 5})
    fast = Interface(2, "b", speed_bits_per_second=1_000_000_000, counters={"in_octets": 5, "in_errors": 1})
    wide = fast._replace(if_index=3, name="c", wide=frozenset({"in_octets"}))
    made = to_samples(replace(BASE, interfaces=(slow, fast, wide)), at=0)
    assert made is not None
    assert [(each.name, each.labels["interface"]) for each in made[0]] == [
        ("snmp_interface_receive_bytes_total", "a"), ("snmp_interface_receive_errors_total", "b"), ("snmp_interface_receive_bytes_total", "c"),
        ("snmp_interface_receive_errors_total", "c"),
    ]  # fmt: skip
    assert to_samples(BASE, at=0) is None


@given(st.permutations(PORTS))
def test_sections_do_not_depend_on_the_order_of_rows(ports: list[Interface]) -> None:
    assert {name: each.digest for name, each in to_sections(replace(BASE, interfaces=tuple(ports))).items()} == {
        name: each.digest for name, each in to_sections(replace(BASE, interfaces=PORTS)).items()
    }
