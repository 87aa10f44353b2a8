"""What each source sees of a machine: agents on hosts, SSH and SNMP from outside, the manager of guests. Reports as sent on the wire.

The truth stands in `description`, which identifies nothing and is never compared: by it a record is held against what it really is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench._estate.machine import Machine, World
from muster.wire.digest import digest_section
from muster.wire.report import Item, RelationClaim, Report, Section, Source

DAY_MS = 86_400_000
INTERVAL_SECONDS = 86_400


@dataclass(frozen=True)
class SourceName:
    kind: str
    name: str
    instance: str
    zone: str


@dataclass
class Sight:
    """What all sources sent last, so that an unchanged section goes as its digest alone."""

    sequences: dict[SourceName, int] = field(default_factory=dict)
    digests: dict[tuple[SourceName, str], str] = field(default_factory=dict)

    def report(self, source: SourceName, sections: Mapping[str, tuple[list[Item], list[RelationClaim]]], at: int, *, complete: bool = True) -> Report:
        """The report of these sections, observed at `at`."""
        self.sequences[source] = self.sequences.get(source, 0) + 1
        told: dict[str, Section] = {}
        for name, (items, relations) in sections.items():
            digest = digest_section(items, relations)
            is_known = self.digests.get((source, name)) == digest
            body: dict[str, Any] = {} if is_known else {"items": items, "relations": relations}
            told[name] = Section(complete=complete, interval_seconds=INTERVAL_SECONDS, digest=digest, **body)
            self.digests[source, name] = digest
        kind: Any = source.kind
        return Report(source=Source(kind, source.name, source.instance, source.zone), sequence=self.sequences[source], observed_at=at, sections=told)

    def forget(self, source: SourceName) -> None:
        """A source that starts anew sends everything again."""
        self.digests = {key: value for key, value in self.digests.items() if key[0] != source}


def agent_report(sight: Sight, machine: Machine, at: int) -> tuple[SourceName, Report]:
    """By the agent on the host: all that root can read."""
    identifiers = {
        "serial": machine.serials[0] if machine.serials else "", "dmi_uuid": machine.uuid, "machine_id": machine.machine_id,
        "ssh_host_key": [machine.host_key], "fqdn": machine.fqdn, "hostname": machine.name, "ip": [machine.address],
        "mac": _macs(machine), "permanent_mac": _macs(machine),
    }  # fmt: skip
    attributes = _facts(machine) | {"boot_id": f"{machine.truth}-{machine.boot}", "boot_time": machine.booted_at, "os.name": "Debian GNU/Linux"}
    host = Item("host", _class(machine), {name: value for name, value in identifiers.items() if value}, attributes)
    packages = [
        Item(f"pkg:{name}", "software_package", {"manager": "dpkg", "name": name, "architecture": "amd64"}, {"version": version}, "host")
        for name, version in machine.packages.items()
    ]
    links = [
        Item(f"if:{at}", "interface", {"name": f"eth{at}"}, {"kind": "ethernet", "mac": mac, "permanent_mac": mac}, "host")
        for at, mac in enumerate(machine.macs)
    ]
    source = SourceName("agent", machine.agent_name, machine.agent, machine.zone)
    return source, sight.report(source, {"host": ([host], []), "software": (packages, []), "interfaces": (links, [])}, at)


def ssh_report(sight: Sight, machine: Machine, at: int) -> tuple[SourceName, Report]:
    """From outside, without root: no serial number, no UUID."""
    identifiers = {
        "machine_id": machine.machine_id,
        "ssh_host_key": [machine.host_key],
        "hostname": machine.name,
        "fqdn": machine.fqdn,
        "mac": machine.macs,
        "ip": [machine.address],
    }
    item = Item(f"target:{machine.truth}", _class(machine), identifiers, _facts(machine, is_root=False))
    source = SourceName("ssh", f"poller-{machine.zone}", "p1", machine.zone)
    return source, sight.report(source, {f"ssh-{machine.truth}": ([item], [])}, at)


def snmp_report(sight: Sight, machine: Machine, at: int) -> tuple[SourceName, Report]:
    """By polling: names, MAC addresses, and of devices the serial numbers of all members."""
    identifiers: dict[str, Any] = {"sysname": machine.name, "mac": machine.macs, "ip": [machine.address]}
    if machine.kind in ("switch", "printer"):
        identifiers |= {"serial": machine.serials, "chassis_id": machine.macs[0]}
    ci_class = {"switch": "network_device", "printer": "printer"}.get(machine.kind, "device")
    item = Item(f"target:{machine.address}", ci_class, identifiers, _facts(machine, is_root=machine.kind in ("switch", "printer")))
    source = SourceName("snmp", f"poller-{machine.zone}", "p1", machine.zone)
    return source, sight.report(source, {f"snmp-{machine.address}": ([item], [])}, at)


def manager_report(sight: Sight, world: World, zone: str, at: int) -> tuple[SourceName, Report] | None:
    """By the manager of guests: its hypervisors, its guests, and which runs where."""
    hosts = [each for each in world.of("hypervisor") if each.zone == zone]
    guests = [each for each in world.of("guest") if each.zone == zone and "hypervisor" in each.sources]
    if not hosts:
        return None
    items = [
        Item(each.truth, "hypervisor", {"serial": each.serials[0], "dmi_uuid": each.uuid, "mac": each.macs, "fqdn": each.fqdn}, _facts(each))
        for each in hosts
    ]
    items += [
        Item(
            each.truth,
            "virtual_machine",
            {"hypervisor_uuid": f"vc-{each.truth}", "dmi_uuid": swap_uuid(each.uuid), "mac": each.macs, "hostname": each.name},
            {"name": each.name, "description": each.truth},
        )
        for each in guests
    ]
    relations = [RelationClaim("runs_on", each.truth, each.host) for each in guests]
    source = SourceName("hypervisor", f"manager-{zone}", "1", zone)
    return source, sight.report(source, {"inventory": (items, relations)}, at)


def swap_uuid(text: str) -> str:
    """A UUID as managers tell it that read the first three fields of SMBIOS in the other byte order (DSP0134 7.2.1)."""
    return str(uuid.UUID(bytes=uuid.UUID(text).bytes_le))


def _class(machine: Machine) -> str:
    return {"guest": "virtual_machine", "hypervisor": "hypervisor"}.get(machine.kind, "server")


def _macs(machine: Machine) -> list[str]:
    return [*machine.macs, *([machine.dock] if machine.dock else [])]


def _facts(machine: Machine, *, is_root: bool = True) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": machine.name, "description": machine.truth}
    if is_root and machine.vendor:
        facts |= {"vendor": machine.vendor, "model": machine.model}
    if is_root and machine.serials and machine.kind != "switch":
        facts["serial"] = machine.serials[0]
    return facts


def daily_reports(sight: Sight, world: World, day_at: int, *, silent_zones: Iterable[str] = ()) -> list[tuple[SourceName, Report]]:
    """All that is sent on a day, in the order of its sending; zones whose collector is down send nothing."""
    sent: list[tuple[SourceName, Report]] = []
    silent = set(silent_zones)
    for at, machine in enumerate(list(world.machines.values())):
        if not machine.is_on or machine.zone in silent:
            continue
        when = day_at + at * 1000 % (DAY_MS // 2)
        if "agent" in machine.sources:
            sent.append(agent_report(sight, machine, when))
        if "ssh" in machine.sources:
            sent.append(ssh_report(sight, machine, when + 500))
        if "snmp" in machine.sources:
            sent.append(snmp_report(sight, machine, when + 700))
    for zone in sorted({each.zone for each in world.machines.values()} - silent):
        told = manager_report(sight, world, zone, day_at + DAY_MS // 2)
        sent += [told] if told is not None else []
    return sorted(sent, key=lambda each: each[1].observed_at)
