"""Recorded devices, served over real UDP and discovered with the real client, against the facts that stand beside each recording."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.reconcile.validate import validate_item
from discovery.mibs.entity import Entity
from discovery.snmp.credential import Community
from discovery.snmp.device import DeviceFacts, to_samples, to_sections
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from muster.facts.link_kind import render_mac
from muster.model.ci_class import load_catalogue
from muster.model.junk import shipped_junk
from muster.model.normaliser import normalise
from muster.wire.report import Endpoint, Item, RelationClaim, SampleBlock
from tests.conftest import ROOT
from tests.discovery.profiles.conftest import NAMES
from tests.support.snmp_device import discover, recording_names
from tests.support.snmp_responder import SnmpResponder, load_recordings

CLASSES = {
    "apc_smtl1000-nmc3": "ups", "jetdirect_m130nw": "printer", "linux_icecast": "server", "windows_svr_2019_1809": "server",
}  # fmt: skip
# Where Muster says another thing than the expectation, with the reason: (recording, fact) -> what Muster says.
MODELS = {
    "apc_smtl1000-nmc3": "Smart-UPS 1000",  # the expectation adds the firmware to the model; it is the firmware of the chassis
    "jetdirect_m130nw": "LaserJet MFP M130nw",  # the model of the device id, not the series that it is of
    "linux_icecast": None,  # 'Generic x86 64-bit' is an architecture, and no model
    "windows_svr_2019_1809": None,  # likewise 'Intel x64'
}
VERSIONS = {
    "linux_icecast": None,  # the kernel's version is os.kernel
    "vrp_5720": "5.170 (V200R010C00SPC600)",  # without the patch state
}


def expected(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.expected.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]  # an object


def items_of(facts: DeviceFacts) -> list[Item]:
    return [item for section in to_sections(facts).values() for item in section.items or ()]


def host_of(facts: DeviceFacts) -> Item:
    return next(item for item in items_of(facts) if item.owner is None)


def one_space(text: str | None) -> str:
    return " ".join((text or "").split())


def test_the_folder_holds_what_is_tested_here(recordings: Path) -> None:
    assert set(NAMES) <= set(recording_names(recordings))
    assert not recordings.resolve().is_relative_to(ROOT), "recordings are read from beside the repository, never copied into it"


@pytest.mark.parametrize("name", NAMES)
def test_system_group_is_what_the_device_says(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    host, system = host_of(discovered[name]), expected(recordings, name)["system"]
    assert {
        "sysName": host.attributes["hostname"],
        "sysObjectID": f".{host.attributes['snmp.object_id']}",
        "sysDescr": one_space(str(host.attributes["description"])),
        "sysContact": host.attributes["contact"],
        "location": host.attributes["location"],
    } == {**system, "sysDescr": one_space(system["sysDescr"])}


@pytest.mark.parametrize("name", NAMES)
def test_model_version_serial_and_class_come_from_the_profile(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    host, os = host_of(discovered[name]), expected(recordings, name)["os"]
    read = host.attributes.get
    assert (read("model"), read("os.version"), read("serial"), host.ci_class) == (
        MODELS.get(name, os["hardware"]),
        VERSIONS.get(name, os["version"]),
        os["serial"],
        CLASSES.get(name, "network_device"),
    )


def test_linux_kernel_and_architecture_stand_apart(discovered: Mapping[str, DeviceFacts], recordings: Path) -> None:
    host = host_of(discovered["linux_icecast"])
    assert host.attributes["os.kernel"] == expected(recordings, "linux_icecast")["os"]["version"]
    assert (host.attributes["architecture"], host.attributes["cpu.count"]) == ("x86_64", 1)
    assert host.attributes["memory_bytes"] == 861_364_224


def test_firmware_of_a_ups_is_on_its_chassis(discovered: Mapping[str, DeviceFacts]) -> None:
    parts = [item.attributes for item in items_of(discovered["apc_smtl1000-nmc3"]) if item.ci_class == "chassis_module"]
    assert [(part["firmware"], part["serial"]) for part in parts] == [("UPS 16.0 (ID1047)", "AS2233161027")]


@pytest.mark.parametrize("name", NAMES)
def test_every_expected_port_is_an_interface_item(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    found = {item.attributes["index"]: item.attributes for item in items_of(discovered[name]) if item.ci_class == "interface"}
    names = [port["ifName"] for port in expected(recordings, name)["ports"]]
    wrong = []
    for port in expected(recordings, name)["ports"]:
        item = found.get(port["ifIndex"], {})
        # The expectation repeats the name or description where the device gives no alias, and 0 where it gives no speed.
        alias = item.get("alias") or (port["ifAlias"] if port["ifAlias"] in {port["ifName"], port["ifDescr"]} else None)
        got = (str(item.get("name")).partition(" #")[0], alias, item.get("speed_bits_per_second"), item.get("mac"))
        mac = render_mac(port.get("ifPhysAddress") or "")
        want = (port["ifName"], port["ifAlias"], port.get("ifSpeed") or None, None if mac == "00:00:00:00:00:00" else mac)
        if got != want:
            wrong.append((port["ifIndex"], got, want))
        if names.count(port["ifName"]) == 1 and item.get("name") != port["ifName"]:
            wrong.append((port["ifIndex"], item.get("name"), port["ifName"]))
    assert wrong == []
    assert len(found) >= len(names) > 0


@pytest.mark.parametrize("name", [each for each in NAMES if each != "junos_qfx5100"])
def test_every_physical_part_is_read(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    kinds = {"powerSupply": "power_supply", "cpu": "processor"}
    entities = {each.physical_index: each for each in discovered[name].entities}
    rows = expected(recordings, name).get("entPhysical", [])
    wrong = []
    for row in rows:
        entity = entities[row["entPhysicalIndex"]]
        text = {key: one_space(value) for key, value in row.items() if isinstance(value, str)}
        got = {
            "name": entity.name, "serial": entity.serial, "kind": entity.kind, "parent": entity.parent_index, "software": entity.software_version,
            "hardware": entity.hardware_version, "vendor": entity.vendor,
        }  # fmt: skip
        want = {
            "name": text.get("entPhysicalName", ""), "serial": text.get("entPhysicalSerialNum", ""),
            "kind": kinds.get(row["entPhysicalClass"], row["entPhysicalClass"]), "parent": row["entPhysicalContainedIn"],
            "software": text.get("entPhysicalSoftwareRev", ""), "hardware": text.get("entPhysicalHardwareRev", ""),
            "vendor": text.get("entPhysicalMfgName", ""),
        }  # fmt: skip
        # Of a port that holds an optical module the expectation describes the module from vendor tables that Muster does not read.
        if (name, row["entPhysicalClass"]) != ("vrp_5720", "port"):
            got |= {"description": entity.description, "model": entity.model}
            want |= {"description": text.get("entPhysicalDescr", ""), "model": text.get("entPhysicalModelName", "")}
        if {key: one_space(value) if isinstance(value, str) else value for key, value in got.items()} != want:
            wrong.append((got, want))
    assert wrong == []


def test_juniper_parts_come_from_its_own_tables(discovered: Mapping[str, DeviceFacts], recordings: Path) -> None:
    def key(description: str, model: str, serial: str) -> tuple[str, str, str]:
        return description, "" if model == "BUILTIN" else model, "" if serial == "BUILTIN" else serial

    entities: tuple[Entity, ...] = discovered["junos_qfx5100"].entities
    rows = expected(recordings, "junos_qfx5100")["entPhysical"]
    wanted = [(row.get("entPhysicalDescr") or "", row.get("entPhysicalModelName") or "", row.get("entPhysicalSerialNum") or "", row) for row in rows]
    # A container's model in the expectation is the name of its OID, which no table holds.
    parts = sorted(key(*each[:3]) for each in wanted if each[3]["entPhysicalIndex"] >= 1_000_000)
    assert sorted(key(each.description, each.model, each.serial) for each in entities if each.kind not in {"chassis", "container"}) == parts
    frames = sorted(each[0] for each in wanted if each[3]["entPhysicalIndex"] < 1_000_000)
    assert sorted(each.description for each in entities if each.kind in {"chassis", "container"}) == frames


@pytest.mark.parametrize("name", NAMES)
def test_every_part_with_a_serial_number_is_an_item(discovered: Mapping[str, DeviceFacts], name: str) -> None:
    items = [item for item in items_of(discovered[name]) if item.ci_class in {"chassis_module", "power_supply"}]
    with_serial = [each for each in discovered[name].entities if each.serial and each.kind != "sensor"]
    assert sorted(str(item.attributes["serial"]) for item in items if "serial" in item.attributes) == sorted(each.serial for each in with_serial)
    assert len({item.ref for item in items}) == len(items)


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_hang_on_the_right_port(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    facts = discovered[name]
    known = {(each.local_port, each.system_name, each.remote_port_id.replace(":", "").lower()) for each in facts.neighbours}
    missing = []
    for link in expected(recordings, name).get("links", []):
        port = link["remote_port"].split(" (")[0]
        key = (link["ifName"], link["remote_hostname"], port.replace(":", "").lower())
        if key not in known and not any(each[0] == key[0] and each[2] == key[2] for each in known):
            missing.append(key)
    assert missing == []


def test_a_neighbour_is_a_relation_that_waits_for_the_other_end(discovered: Mapping[str, DeviceFacts]) -> None:
    sections = to_sections(discovered["vrp_5720"])
    relations = next(section.relations or [] for name, section in sections.items() if name.startswith("neighbour:"))
    host = host_of(discovered["vrp_5720"]).ref
    end = Endpoint(identifiers={"chassis_id": "14:a0:f8:cf:af:39", "sysname": "LNS-Huawei", "name": "GigabitEthernet0/0/7"}, ci_class="interface")
    assert RelationClaim("connected_to", f"{host}/if:GigabitEthernet0/0/14", end) in relations
    refs = {item.ref for item in items_of(discovered["vrp_5720"])}
    assert all(each.from_end in refs for each in relations)


@pytest.mark.parametrize("name", NAMES)
def test_addresses_are_bound_to_their_interfaces(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    facts = discovered[name]
    found = {(each.address, each.prefix_length, each.interface_index) for each in facts.addresses}
    wanted = expected(recordings, name)
    v4 = {(each["ipv4_address"], each["ipv4_prefixlen"], each["ifIndex"]) for each in wanted.get("ipv4_addresses", [])}
    v6 = {(str(ipaddress.ip_address(each["ipv6_address"])), each["ipv6_prefixlen"], each["ifIndex"]) for each in wanted.get("ipv6_addresses", [])}
    assert v4 | v6 <= found


@pytest.mark.parametrize("name", ["ios_2960x", "nxos_n3k-3064pq", "junos_qfx5100", "procurve_e2910", "vrp_5720"])
def test_vlans_have_their_numbers(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    numbers = {item.attributes["number"] for item in items_of(discovered[name]) if item.ci_class == "vlan"}
    assert numbers == {each["vlan_vlan"] for each in expected(recordings, name)["vlans"]}


@pytest.mark.parametrize("name", ["arubaos-cx_10.06", "junos_qfx5100", "linux_icecast", "routeros_crs317", "windows_svr_2019_1809"])
def test_storage_has_its_size(discovered: Mapping[str, DeviceFacts], recordings: Path, name: str) -> None:
    sizes = {each.number: (each.size_bytes, each.used_bytes) for each in discovered[name].host.storages}
    for each in expected(recordings, name)["storage"]:
        assert sizes[int(each["storage_index"])] == (each["storage_size"], each["storage_used"])


@pytest.mark.parametrize("name", NAMES)
def test_every_item_is_taken_whole_by_the_collector(discovered: Mapping[str, DeviceFacts], name: str) -> None:
    catalogue, items = load_catalogue(), items_of(discovered[name])
    owners = {item.ref: item.owner for item in items}
    refused = [each for item in items for each in validate_item(catalogue, item, item.ref, owners).rejections]
    assert refused == []
    assert len(owners) == len(items), "every ref is used once"


@pytest.mark.parametrize("name", NAMES)
def test_placeholders_do_not_identify(discovered: Mapping[str, DeviceFacts], name: str) -> None:
    host = host_of(discovered[name])
    judged = {
        (kind, value): shipped_junk().judge(kind, normalise(kind, value) or "", value)
        for kind, values in host.identifiers.items()
        for value in (values if isinstance(values, list) else [values])
    }
    assert {key: reason for key, reason in judged.items() if reason} == {}
    assert not any("<private>" in str(values) for values in host.identifiers.values())
    assert host.ref.split(":")[1] in {"engine", "serial", "mac"}


def test_the_own_codec_and_pysnmp_read_the_same_of_every_device(discovered: Mapping[str, DeviceFacts], recordings: Path) -> None:
    responder = SnmpResponder(load_recordings(recordings)).start()

    async def discover_all() -> dict[str, DeviceFacts]:
        return {name: await discover(responder.port, Community(name), make_transport=PysnmpTransport) for name in NAMES}

    try:
        assert asyncio.run(discover_all()) == discovered
    finally:
        responder.stop()


def test_a_stack_is_known_by_the_serial_numbers_of_its_members(discovered: Mapping[str, DeviceFacts]) -> None:
    host = host_of(discovered["ios_2960x"])
    assert host.identifiers["serial"] == ["FCW1929B68S", "FCW1929B6BP", "FCW1931A06Z"]


@pytest.mark.parametrize("name", NAMES)
def test_whole_answers_make_complete_sections_and_the_same_ones_again(discovered: Mapping[str, DeviceFacts], name: str) -> None:
    sections = to_sections(discovered[name])
    assert {kind.partition(":")[0] for kind in sections} == {"host", "network", "hardware", "filesystem", "neighbour"}
    assert [section.reason for section in sections.values() if not section.complete] == []
    assert sections == to_sections(discovered[name])
    assert all(len(kind) <= 128 for kind in sections)


def test_samples_are_one_block_over_one_table(discovered: Mapping[str, DeviceFacts]) -> None:
    made = to_samples(discovered["nxos_n3k-3064pq"], at=1_772_359_200_000)
    assert made is not None
    table, block = made
    assert isinstance(block, SampleBlock)
    assert len(block.values) == len(table) > 54 * 6
    assert len({(each.name, tuple(sorted(each.labels.items())), each.subject) for each in table}) == len(table)
    octets = next(at for at, each in enumerate(table) if each.name == "snmp_interface_receive_bytes_total" and each.labels["interface"] == "mgmt0")
    assert (table[octets].kind, table[octets].subject) == ("counter", f"{host_of(discovered['nxos_n3k-3064pq']).ref}/if:mgmt0")
