"""Section `host`: the host itself, its names, hardware identity, operating system and what identifies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from muster.facts import dmi
from muster.facts.address import Address, is_reported
from muster.facts.cpuinfo import ProcessorFacts
from muster.facts.host_name import short_name
from muster.facts.link import Link
from muster.facts.link_kind import identifying_macs, names_identifying_link
from muster.facts.section._item import HOST_REF, build_item
from muster.facts.virtualisation import detect_virtualisation
from muster.wire.report import Item


class HostFacts(NamedTuple):
    """What `to_items` needs; texts that could not be read are empty, numbers None.

    `hostname` as the kernel has it, `machine_id` of /etc/machine-id, `dmi_files` file name -> text of /sys/class/dmi/id,
    `boot_time` in milliseconds UTC, `kernel` and `architecture` as uname -r and -m print them.
    """

    hostname: str
    fqdn: str = ""
    machine_id: str = ""
    boot_id: str = ""
    boot_time: int | None = None
    ssh_host_keys: Sequence[str] = ()
    dmi_files: Mapping[str, str] = {}
    os_release: Mapping[str, str] = {}
    kernel: str = ""
    architecture: str = ""
    processors: ProcessorFacts = ProcessorFacts((), 0, "", has_hypervisor_flag=False)
    memory_bytes: int | None = None
    hypervisor_type: str = ""
    time_zone: str = ""


def to_items(facts: HostFacts, links: Sequence[Link], addresses: Sequence[Address]) -> list[Item]:
    """The one item of the section, of class `server` or `virtual_machine`."""
    virtualisation = detect_virtualisation(
        facts.dmi_files, hypervisor_type=facts.hypervisor_type, has_hypervisor_flag=facts.processors.has_hypervisor_flag
    )
    macs = identifying_macs((link.name, link.mac) for link in links)
    ips = sorted({each.address for each in addresses if is_reported(each.address)})
    identifiers: dict[str, str | Sequence[str]] = {
        **dmi.to_identifiers(facts.dmi_files),
        "machine_id": facts.machine_id.strip().lower(),
        "hostname": facts.hostname.strip().lower(),
        "fqdn": facts.fqdn.strip().lower(),
        "ssh_host_key": sorted(facts.ssh_host_keys),
        "mac": macs,
        "permanent_mac": sorted({link.permanent_mac for link in links if link.permanent_mac and names_identifying_link(link.name)}),
        "ip": ips,
    }
    attributes = {
        **dmi.to_attributes(facts.dmi_files),
        "name": short_name(facts.hostname),
        "hostname": facts.hostname.strip(),
        "fqdn": facts.fqdn.strip().lower(),
        "ip": ips,
        "mac": macs,
        "os.name": facts.os_release.get("NAME", ""),
        "os.version": facts.os_release.get("VERSION_ID", ""),
        "os.id": facts.os_release.get("ID", ""),
        "os.kernel": facts.kernel.strip(),
        "architecture": facts.architecture.strip(),
        "boot_id": facts.boot_id.strip(),
        "boot_time": facts.boot_time,
        "time_zone": facts.time_zone.strip(),
        "virtualisation": virtualisation,
        "cpu.count": facts.processors.logical_count or None,
        "cpu.model": facts.processors.model,
        "memory_bytes": facts.memory_bytes,
    }
    ci_class = "server" if virtualisation == "none" else "virtual_machine"
    return [build_item(HOST_REF, ci_class, identifiers, attributes, owner=None)]
