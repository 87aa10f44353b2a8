"""The output of the published commands as parts of a host's inventory, by the parsers and builders that the agent uses too. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from discovery.device import Part
from discovery.ssh.connection import CommandResult
from muster.facts import account, cpuinfo, dpkg, host_name, link, listener, lsblk, meminfo, mountinfo, os_release, proc_stat, rpm, smbios
from muster.facts.address import Address
from muster.facts.link import Link
from muster.facts.listener import Listener, ListenerProcess
from muster.facts.package import Package
from muster.facts.python_distribution import parse_dist_info
from muster.facts.section import account as account_section
from muster.facts.section import filesystem as filesystem_section
from muster.facts.section import hardware as hardware_section
from muster.facts.section import host as host_section
from muster.facts.section import listening_service as listening_section
from muster.facts.section import network as network_section
from muster.facts.section import package as package_section
from muster.facts.section import systemd_unit as unit_section
from muster.facts.section.host import HostFacts
from muster.facts.ssh_host_key import parse_public_keys
from muster.facts.systemctl import join_units

Results = Mapping[str, CommandResult]
_NOTHING = CommandResult(b"", "", None, "not asked")
_NOT_THERE = 127  # the shell's status of a command that does not exist
_ZONE_FOLDER = "zoneinfo/"


class HostReading:
    """What the commands printed, each asked for once."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self.links, self.addresses = _read_links(results)
        self.processors = cpuinfo.parse_cpuinfo(self.text("cpuinfo"))
        self.dmi_files = {path.rpartition("/")[2]: value for path, value in link.parse_grep_output(self.text("dmi")).items()}

    def result(self, name: str) -> CommandResult:
        """The result of a command; one that was not run has no output and a reason."""
        return self._results.get(name, _NOTHING)

    def text(self, name: str) -> str:
        """The output of a command, empty where it has none."""
        return self.result(name).text

    def is_whole(self, *names: str) -> bool:
        """Whether each of the commands ended by itself and said that all was well."""
        return all(self.result(name).exit_status == 0 for name in names)

    def is_cut(self, *names: str) -> bool:
        """Whether one of the commands was stopped before its end."""
        return any(self.result(name).exit_status is None for name in names)


def to_facts(reading: HostReading, host_key: str) -> HostFacts:
    """What the host section needs; `host_key` is the fingerprint that the connection verified."""
    text = reading.text
    keys = parse_public_keys([text("ssh_host_keys")])
    return HostFacts(
        hostname=text("hostname").strip(),
        fqdn=host_name.find_fqdn(text("hostname"), text("hosts")),
        machine_id=text("machine_id"),
        boot_id=text("boot_id"),
        boot_time=proc_stat.boot_time_ms(text("boot_time")),
        ssh_host_keys=keys or ([host_key] if host_key else []),
        dmi_files=reading.dmi_files,
        os_release=os_release.parse_os_release(text("os_release")),
        kernel=text("kernel"),
        architecture=text("architecture"),
        processors=reading.processors,
        memory_bytes=meminfo.parse_meminfo(text("meminfo")).get("MemTotal"),
        hypervisor_type=text("hypervisor_type"),
        time_zone=_time_zone(text("local_time"), text("time_zone")),
    )


def to_parts(reading: HostReading, host_key: str) -> dict[str, Part]:
    """The parts of a host's inventory by the names of the agent's sections; one that cannot be read says why."""
    builders: Mapping[str, Callable[[HostReading], Part]] = {
        "network": _network,
        "hardware": _hardware,
        "memory": _memory,
        "filesystem": _filesystem,
        "package": _package,
        "listening_service": _listening_service,
        "systemd_unit": _systemd_unit,
        "account": _account,
    }
    host = Part(host_section.to_items(to_facts(reading, host_key), reading.links, reading.addresses))
    return {"host": host, **{name: build(reading) for name, build in builders.items()}}


def _network(reading: HostReading) -> Part:
    items = network_section.to_items(reading.links, reading.addresses)
    # grep says 2 where one of the files is not there, which is usual: a loopback has no speed.
    is_complete = reading.is_whole("addresses") and not reading.is_cut("links")
    return Part(items, is_complete=is_complete) if items else _failed(reading, "links", "addresses")


def _hardware(reading: HostReading) -> Part:
    disks = lsblk.parse_lsblk(reading.text("disks"))
    items = hardware_section.to_items(reading.processors, disks)
    return Part(items, is_complete=reading.is_whole("cpuinfo", "disks")) if items else _failed(reading, "cpuinfo", "disks")


def _memory(reading: HostReading) -> Part:
    """Memory modules; a host without an SMBIOS table has none to show, one that hides it says nothing."""
    result = reading.result("dmi_table")
    if result.exit_status == 0:
        modules = smbios.parse_memory_modules(result.output)
        return Part(hardware_section.to_items(cpuinfo.ProcessorFacts((), 0, "", has_hypervisor_flag=False), (), modules))
    if "no such file" in result.error_text.lower():
        return Part([])
    return Part([], is_complete=False, status="skipped", reason=f"{smbios.TABLE}: {_why(result)}; root alone may read it (docs/discovery.md)")


def _filesystem(reading: HostReading) -> Part:
    mounts = mountinfo.parse_mountinfo(reading.text("mounts"))
    items = filesystem_section.to_items(mounts, _parse_sizes(reading.text("sizes")))
    return Part(items, is_complete=reading.is_whole("mounts")) if mounts else _failed(reading, "mounts")


def _package(reading: HostReading) -> Part:
    packages: list[Package] = []
    asked = ("dpkg", "rpm", "pip")
    if reading.result("dpkg").exit_status == 0:
        packages += dpkg.parse_dpkg_status(reading.text("dpkg"))
    if reading.result("rpm").exit_status == 0:
        packages += rpm.parse_rpm_query(reading.text("rpm"))
    # ls says 2 where one of the folders is not there.
    packages += parse_dist_info(reading.text("pip").splitlines())
    if not packages:
        return _failed(reading, *asked)
    return Part(package_section.to_items(packages), is_complete=not reading.is_cut(*asked))


def _listening_service(reading: HostReading) -> Part:
    if not reading.is_whole("listeners"):
        return _failed(reading, "listeners")
    listeners = listener.parse_ss(reading.text("listeners"))
    return Part(listening_section.to_items(listeners, _processes(reading, listeners)))


def _systemd_unit(reading: HostReading) -> Part:
    if reading.result("unit_files").exit_status == _NOT_THERE:
        return Part([], is_complete=False, status="skipped", reason="systemctl is not there")
    units_text = reading.text("units") if reading.is_whole("units") else ""
    files_text = reading.text("unit_files") if reading.is_whole("unit_files") else reading.text("offline_unit_files")
    units = join_units(files_text, units_text)
    return Part(unit_section.to_items(units)) if units else _failed(reading, "unit_files", "offline_unit_files")


def _account(reading: HostReading) -> Part:
    accounts = account.parse_accounts(reading.text("passwd"), reading.text("group"))
    return Part(account_section.to_items(accounts), is_complete=reading.is_whole("passwd", "group")) if accounts else _failed(reading, "passwd")


def _processes(reading: HostReading, listeners: Iterable[Listener]) -> dict[int, ListenerProcess]:
    names: dict[int, str] = {}
    cgroups: dict[int, list[str]] = {}
    for line in reading.text("process_names").splitlines():
        path, _, value = line.partition(":")
        pid, _, file = path.partition("/")
        if pid.isascii() and pid.isdigit():
            if file == "comm":
                names.setdefault(int(pid), listener.parse_comm(value))
            elif file == "cgroup":
                cgroups.setdefault(int(pid), []).append(value)
    executables = {_pid(words[0]): words[1] for line in reading.text("executables").splitlines() if len(words := line.split(" ", 1)) == 2}
    # `12/status:Uid: real effective saved filesystem` (proc(5))
    owners = {_pid(words[0]): words[2] for line in reading.text("process_owners").splitlines() if len(words := line.split()) > 2}
    users = account.account_names(reading.text("passwd"))
    return {
        pid: ListenerProcess(
            name=names.get(pid, ""),
            executable=executables.get(pid, ""),
            unit=listener.parse_unit("\n".join(cgroups.get(pid, []))),
            user=users.get(int(owners[pid]), owners[pid]) if owners.get(pid, "").isdigit() else "",
        )
        for pid in sorted({pid for each in listeners for pid in each.pids})
    }


def _pid(path: str) -> int:
    """The number that a path below /proc begins with; -1 where it begins with none."""
    text = path.partition("/")[0]
    return int(text) if text.isascii() and text.isdigit() else -1


def _read_links(results: Results) -> tuple[list[Link], list[Address]]:
    """Links from sysfs, as the agent reads them; from `ip` where sysfs showed none."""
    files = link.parse_grep_output(results.get("links", _NOTHING).text)
    ip_links, addresses = link.parse_ip_addresses(results.get("addresses", _NOTHING).text)
    return link.parse_sysfs_links(files) or ip_links, addresses


def _parse_sizes(text: str) -> dict[str, int]:
    """Bytes by mount point, of `df --output=size,target`; the first of several lines of one mount point is the hidden one."""
    found: dict[str, int] = {}
    for line in text.splitlines()[1:]:
        size, _, target = line.strip().partition(" ")
        if size.isascii() and size.isdigit() and target:
            found[target.strip()] = int(size)
    return found


def _time_zone(local_time: str, time_zone: str) -> str:
    """The zone's name, from where /etc/localtime points to, else as /etc/timezone has it."""
    return local_time.strip().partition(_ZONE_FOLDER)[2] or time_zone.strip()


def _failed(reading: HostReading, *names: str) -> Part:
    reasons = [f"{name}: {_why(reading.result(name))}" for name in names if reading.result(name).exit_status != 0]
    return Part([], is_complete=False, status="failed", reason="; ".join(reasons)[:1000] or "nothing was found")


def _why(result: CommandResult) -> str:
    return result.reason or result.error_text.partition("\n")[0][:200] or f"exit status {result.exit_status}"
