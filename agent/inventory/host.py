"""The host itself: its names, hardware identity, operating system, and what identifies it. Linux; DMI where the machine has it."""

from __future__ import annotations

from agent.host import Host
from agent.inventory._link import read_addresses, read_links
from agent.section import Content, Section
from muster.facts import dmi
from muster.facts.cpuinfo import parse_cpuinfo
from muster.facts.host_name import find_fqdn
from muster.facts.meminfo import parse_meminfo
from muster.facts.os_release import parse_os_release
from muster.facts.proc_stat import boot_time_ms
from muster.facts.section.host import HostFacts, to_items
from muster.facts.ssh_host_key import PATTERN, parse_public_keys

_RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")
_ZONE_FOLDER = "zoneinfo/"


def read_time_zone(host: Host) -> str:
    """The zone's name, from where /etc/localtime points to, else as /etc/timezone has it; empty where neither tells."""
    return host.read_link("/etc/localtime").partition(_ZONE_FOLDER)[2] or _text(host, "/etc/timezone").strip()


def read_facts(host: Host) -> HostFacts:
    """Everything of the host item but its links and addresses."""
    hostname = _text(host, "/proc/sys/kernel/hostname").strip()
    names = host.read_kernel_names()
    release = next((text for file in _RELEASE_FILES if (text := _text(host, file))), "")
    return HostFacts(
        hostname=hostname,
        fqdn=find_fqdn(hostname, _text(host, "/etc/hosts")),
        machine_id=_text(host, "/etc/machine-id"),
        boot_id=_text(host, "/proc/sys/kernel/random/boot_id"),
        boot_time=boot_time_ms(_text(host, "/proc/stat")),
        ssh_host_keys=parse_public_keys(_text(host, path) for path in host.match(PATTERN)),
        dmi_files={file: _text(host, f"{dmi.FOLDER}/{file}") for file in dmi.FILES},
        os_release=parse_os_release(release),
        kernel=names.release,
        architecture=names.machine,
        processors=parse_cpuinfo(_text(host, "/proc/cpuinfo")),
        memory_bytes=parse_meminfo(_text(host, "/proc/meminfo")).get("MemTotal"),
        hypervisor_type=_text(host, "/sys/hypervisor/type"),
        time_zone=read_time_zone(host),
    )


def read_host(host: Host) -> Content:
    """The one item; unsure addresses are told in the reason, the item stands all the same."""
    addresses, reason = read_addresses(host)
    return Content(to_items(read_facts(host), read_links(host), addresses), reason=reason)


def _text(host: Host, path: str) -> str:
    return host.read_text(path) or ""


SECTION = Section(
    "host",
    "The host: names, hardware identity, operating system, identifiers",
    read_host,
    ("/proc/sys/kernel/hostname", "/etc/hosts", "/etc/machine-id", "/etc/os-release", "/etc/localtime", "/etc/timezone", "/etc/ssh", PATTERN),
)
