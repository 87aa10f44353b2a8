"""Rows of the MIB modules become records, odd rows too: missing columns, used-up names, wrong types, wrapped counters."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import discovery.mibs
from discovery.mibs import bridge, cdp, entity, framework, host_resources, interface, ip, lldp, q_bridge
from discovery.mibs._mib import Answers, Mib, Row
from discovery.snmp.device import load_mibs
from discovery.snmp.varbind import Oid, Value, Varbind, render_oid
from muster.plugins import load_plugins

ANY_VALUE: st.SearchStrategy[Value] = st.one_of(
    st.none(), st.integers(-(2**40), 2**64), st.binary(max_size=24), st.lists(st.integers(0, 300), max_size=24).map(tuple)
)
INDEXES = st.lists(st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)), min_size=1, max_size=20).map(tuple)


@pytest.mark.parametrize("name", sorted(load_mibs()))
@given(data=st.data())
def test_no_answer_makes_a_module_raise(name: str, data: st.DataObject) -> None:
    mib = load_mibs()[name]
    scalars = {key: data.draw(ANY_VALUE) for key in mib.scalars}
    tables = {
        key: dict(sorted(data.draw(st.dictionaries(INDEXES, st.dictionaries(st.sampled_from(sorted(table.columns)), ANY_VALUE), max_size=4)).items()))
        for key, table in mib.tables.items()
    }
    assert mib.parse_rows(Answers(scalars, tables)) is not None
    mib.parse_rows(Answers())


def test_modules_are_found_by_their_constant_and_no_oid_is_declared_twice() -> None:
    mibs = load_plugins(discovery.mibs, "MIB", Mib)
    oids = [render_oid(oid) for mib in mibs.values() for table in mib.tables.values() for oid in table.column_oids()]
    oids += [render_oid(oid) for mib in mibs.values() for oid in mib.scalars.values()]
    assert len(oids) == len(set(oids))
    assert {"snmpv2", "interface", "ip", "entity", "lldp", "host_resources", "bridge", "framework"} <= {
        name for name, mib in mibs.items() if mib.is_standard
    }


def test_rows_are_cut_from_varbinds_by_column() -> None:
    table = interface.MIB.tables["ifXTable"]
    varbinds = [
        Varbind((*table.entry, 1, 7), 4, b"eth0"), Varbind((*table.entry, 18, 7), 4, b"uplink"), Varbind((*table.entry, 99, 7), 4, b"unknown column"),
        Varbind((*table.entry, 1), 4, b"no index"), Varbind((1, 3, 6, 1), 4, b"elsewhere"), Varbind((*table.entry, 1, 3), 4, b"eth9"),
    ]  # fmt: skip
    assert table.parse(varbinds) == {(3,): {"ifName": b"eth9"}, (7,): {"ifName": b"eth0", "ifAlias": b"uplink"}}


def interfaces(rows: dict[int, Row]) -> tuple[interface.Interface, ...]:
    return interface.parse_rows(Answers({}, {"ifXTable": {(index,): row for index, row in rows.items()}}))


def test_port_is_named_by_ifname_else_description_else_alias() -> None:
    rows: dict[int, Row] = {1: {"ifName": b"Gi1", "ifDescr": b"GigabitEthernet1"}, 2: {"ifDescr": b"LOOPBACK"}, 3: {"ifAlias": b"spare"}, 4: {}}
    assert [each.name for each in interfaces(rows)] == ["Gi1", "LOOPBACK", "spare", "unnamed"]


def test_a_name_that_two_ports_have_is_told_apart_without_the_index() -> None:
    rows: dict[int, Row] = {5: {"ifName": b"vlan"}, 9: {"ifName": b"vlan"}, 11: {"ifName": b"x", "ifDescr": b"first"}, 12: {"ifName": b"x"}}
    assert [each.name for each in interfaces(rows)] == ["vlan", "vlan #2", "x first", "x"]


@given(st.dictionaries(st.integers(1, 99), st.fixed_dictionaries({}, optional={"ifName": st.binary(max_size=2), "ifDescr": st.binary(max_size=2)})))
def test_names_of_ports_are_unique(rows: dict[int, Row]) -> None:
    names = [each.name for each in interfaces(rows)]
    assert len(set(names)) == len(names) == len(rows)


@pytest.mark.parametrize(
    ("row", "speed"),
    [
        ({"ifHighSpeed": 10_000, "ifSpeed": 4_294_967_295}, 10_000_000_000), ({"ifHighSpeed": 0, "ifSpeed": 64_000}, 64_000),
        ({"ifSpeed": 4_294_967_295}, None), ({"ifSpeed": 0, "ifHighSpeed": 0}, None), ({}, None),
        ({"ifHighSpeed": 1073, "ifSpeed": 1_073_741_824}, 1_073_000_000),
    ],
)  # fmt: skip
def test_speed_is_ifhighspeed_where_it_says_something(row: Row, speed: int | None) -> None:
    assert interfaces({1: row})[0].speed_bits_per_second == speed


def test_wide_counters_go_before_narrow_ones() -> None:
    found = interfaces({1: {"ifHCInOctets": 2**40, "ifInOctets": 17, "ifInErrors": 3}})[0]
    assert (found.counters["in_octets"], found.counters["in_errors"], found.wide) == (2**40, 3, {"in_octets"})


@given(st.ip_addresses(), st.booleans())
def test_address_index_is_read_with_and_without_its_length(address: ipaddress.IPv4Address | ipaddress.IPv6Address, with_length: bool) -> None:
    octets = tuple(address.packed)
    index: Oid = (1 if address.version == 4 else 2, *((len(octets),) if with_length else ()), *octets)
    # Without the length an address may begin with what looks like it.
    if with_length or octets[0] != len(octets) - 1:
        assert ip.parse_address_index(index) == str(address)


def test_addresses_of_all_tables_are_one_list() -> None:
    answers = Answers(
        {},
        {
            "ipAddressTable": {(1, 4, 10, 0, 0, 1): {"ipAddressIfIndex": 2, "ipAddressPrefix": (0, 0)}},
            "ipAddrTable": {(10, 0, 0, 1): {"ipAdEntIfIndex": 2, "ipAdEntNetMask": bytes([255, 255, 255, 0])}},
            "ipv6AddrTable": {(3, 32, 1, *[0] * 13, 5): {"ipv6AddrPfxLength": 64}},
        },
    )
    assert ip.parse_rows(answers) == (ip.DeviceAddress(2, "10.0.0.1", 24), ip.DeviceAddress(3, "2001::5", 64))


def test_slots_name_a_part_in_its_parent() -> None:
    parts = [
        entity.Entity(1, "", kind="chassis", name="Chassis"), entity.Entity(2, "", name="Slot", parent_index=1, position=1),
        entity.Entity(3, "", name="Slot", parent_index=1, position=2), entity.Entity(4, "", name="PSU", parent_index=2),
        entity.Entity(5, "", name="PSU", parent_index=3), entity.Entity(6, "", description="Fan", parent_index=99),
    ]  # fmt: skip
    assert [each.slot for each in entity.name_slots(parts)] == [
        "Chassis", "Chassis/Slot 1", "Chassis/Slot 2", "Chassis/Slot 1/PSU", "Chassis/Slot 2/PSU", "Fan",
    ]  # fmt: skip


@given(
    st.lists(
        st.builds(entity.Entity, st.integers(1, 9), st.just(""), name=st.sampled_from(["", "A", "B"]), parent_index=st.integers(0, 9)),
        unique_by=lambda each: each.physical_index,
    )
)
def test_slots_are_unique_even_where_parents_go_in_circles(parts: list[entity.Entity]) -> None:
    slots = [each.slot for each in entity.name_slots(parts)]
    assert len(set(slots)) == len(slots) == len(parts)


@pytest.mark.parametrize(
    ("sensor", "value"),
    [
        ({"entPhySensorType": 8, "entPhySensorScale": 9, "entPhySensorPrecision": 1, "entPhySensorValue": 365}, 36.5),
        ({"entPhySensorType": 4, "entPhySensorScale": 8, "entPhySensorPrecision": 0, "entPhySensorValue": 3311}, 3.311),
        ({"entPhySensorType": 8, "entPhySensorValue": 41, "entPhySensorOperStatus": 3}, None), ({"entPhySensorType": 8}, None),
    ],
)  # fmt: skip
def test_sensor_is_read_in_base_units(sensor: Row, value: float | None) -> None:
    found = entity.parse_rows(Answers({}, {"entPhysicalTable": {(1,): {"entPhysicalClass": 8}}, "entPhySensorTable": {(1,): sensor}}))
    assert found[0].sensor_value == (None if value is None else pytest.approx(value))


def test_engine_id_is_read_from_octets_and_from_text() -> None:
    octets = bytes.fromhex("80001f78804074f1207192efb5")
    assert framework.parse_engine_id(octets) == framework.parse_engine_id(b"80 00 1F 78 80 40 74 F1 20 71 92 EF B5") == octets.hex()
    assert framework.parse_engine_id(b"abc") == framework.parse_engine_id(None) == ""


def test_lldp_identifiers_are_read_by_their_subtypes() -> None:
    rows = {
        (0, 7, 1): {"lldpRemChassisIdSubtype": 4, "lldpRemChassisId": b"64:D1:54:F2:A4:16", "lldpRemPortIdSubtype": 3,
                    "lldpRemPortId": bytes.fromhex("64d154f2a417")},
        (0, 8, 1): {"lldpRemChassisIdSubtype": 5, "lldpRemChassisId": b"\x01\x0a\x00\x00\x01", "lldpRemPortIdSubtype": 5, "lldpRemPortId": b"eth0"},
        (9,): {"lldpRemSysName": b"odd"},
    }  # fmt: skip
    found = lldp.parse_rows(Answers({}, {"lldpRemTable": dict(sorted(rows.items())), "lldpRemManAddrTable": {(0, 8, 1, 1, 4, 10, 0, 0, 9): {}}}))
    fields = ("local_number", "chassis_mac", "chassis_address", "port_mac", "port_text", "addresses")
    assert [tuple(getattr(each, name) for name in fields) for each in found.neighbours] == [
        (7, "64:d1:54:f2:a4:16", "", "64:d1:54:f2:a4:17", "", ()), (8, "", "10.0.0.1", "", "eth0", ("10.0.0.9",)), (None, "", "", "", "", ()),
    ]  # fmt: skip


def test_nx_os_gives_the_serial_number_in_the_device_identifier() -> None:
    rows = {(1, 1): {"cdpCacheDeviceId": b"core-1(FOX1234ABCD)"}, (2, 1): {"cdpCacheDeviceId": b"access (old)"}}
    found = cdp.parse_rows(Answers({}, {"cdpCacheTable": rows}))
    assert [(each.system_name, each.serial) for each in found] == [("core-1", "FOX1234ABCD"), ("access (old)", "")]


@pytest.mark.parametrize(
    ("description", "name"),
    [
        (b"C:\\ Label:  Serial Number 10f82425", "C:\\"), (b"D:\\ Label:Daten  Serial Number 3c1f", "D:\\"), (b"/", "/"),
        (b"/dev/ad1s1d, mounted on: /var/tmp", "/var/tmp"), (b"Physical Memory", "Physical Memory"),
    ],
)  # fmt: skip
def test_storage_is_named_by_its_mount_point(description: bytes, name: str) -> None:
    row: Row = {"hrStorageDescr": description, "hrStorageAllocationUnits": 4096, "hrStorageSize": -1, "hrStorageUsed": 10}
    found = host_resources.parse_rows(Answers({}, {"hrStorageTable": {(1,): row}})).storages[0]
    assert (found.name, found.size_bytes, found.used_bytes) == (name, (2**32 - 1) * 4096, 40_960)


def test_bridge_ports_and_vlans_need_sane_numbers() -> None:
    ports = {(1,): {"dot1dBasePortIfIndex": 1001}, (2, 2): {"dot1dBasePortIfIndex": 5}, (3,): {"dot1dBasePortIfIndex": b"x"}}
    assert bridge.parse_rows(Answers({"dot1dBaseBridgeAddress": bytes(6)}, {"dot1dBasePortTable": ports})) == bridge.Bridge("", {1: 1001})
    vlans: dict[Oid, Row] = {(0,): {}, (7,): {"dot1qVlanStaticName": b"voice"}, (4095,): {}}
    assert q_bridge.parse_rows(Answers({}, {"dot1qVlanStaticTable": vlans})) == (q_bridge.Vlan(7, "voice"),)
