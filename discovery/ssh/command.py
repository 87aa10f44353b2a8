"""The one list of commands that discovery runs over SSH, published in docs/discovery.md so that an administrator can allow just these.

They read only. Those that need root to see everything run through `sudo -n` where the credential says so, and else show less.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

from muster.facts import dmi, link, listener, lsblk, python_distribution, rpm, smbios, ssh_host_key, systemctl


class Command(NamedTuple):
    """One command. `needs_root`: shows everything only to root; `is_required`: without its answer the host cannot be told from others;
    `instead_of`: run only where that command failed.
    """

    name: str
    arguments: tuple[str, ...]
    needs_root: bool = False
    is_required: bool = False
    instead_of: str = ""

    @property
    def text(self) -> str:
        """As the remote shell gets it, and as an administrator allows it."""
        return shlex.join(self.arguments)


def _cat(name: str, path: str, *, needs_root: bool = False, is_required: bool = False) -> Command:
    return Command(name, ("cat", path), needs_root, is_required)


def _sh(name: str, script: str) -> Command:
    return Command(name, ("sh", "-c", script))


COMMANDS = (
    _cat("hostname", "/proc/sys/kernel/hostname", is_required=True),
    _cat("hosts", "/etc/hosts"),
    _cat("machine_id", "/etc/machine-id"),
    _cat("boot_id", "/proc/sys/kernel/random/boot_id"),
    Command("boot_time", ("grep", "^btime ", "/proc/stat")),
    _sh("ssh_host_keys", f"cat {ssh_host_key.PATTERN}"),
    Command("dmi", ("grep", "-s", ".", *(f"{dmi.FOLDER}/{file}" for file in dmi.FILES)), needs_root=True),
    _cat("dmi_table", smbios.TABLE, needs_root=True),
    _sh("os_release", "cat /etc/os-release || cat /usr/lib/os-release"),
    Command("kernel", ("uname", "-r")),
    Command("architecture", ("uname", "-m")),
    _cat("cpuinfo", "/proc/cpuinfo"),
    _cat("meminfo", "/proc/meminfo"),
    _cat("hypervisor_type", "/sys/hypervisor/type"),
    Command("local_time", ("readlink", "/etc/localtime")),
    _cat("time_zone", "/etc/timezone"),
    Command("links", link.SYSFS_COMMAND),
    Command("addresses", link.IP_COMMAND),
    _cat("mounts", "/proc/self/mountinfo"),
    Command("sizes", ("df", "--all", "--local", "--block-size=1", "--output=size,target")),
    Command("disks", lsblk.COMMAND),
    _cat("passwd", "/etc/passwd"),
    _cat("group", "/etc/group"),
    _cat("dpkg", "/var/lib/dpkg/status"),
    Command("rpm", rpm.COMMAND),
    _sh("pip", "ls -d " + " ".join(f"{pattern}/*" for pattern in python_distribution.FOLDER_PATTERNS)),
    Command("listeners", listener.SS_COMMAND, needs_root=True),
    _sh("process_names", "cd /proc && grep -s . [0-9]*/comm [0-9]*/cgroup"),
    _sh("process_owners", "cd /proc && grep -s ^Uid: [0-9]*/status"),
    Command("executables", ("find", "/proc", "-maxdepth", "2", "-name", "exe", "-printf", "%P %l\\n"), needs_root=True),
    Command("unit_files", systemctl.UNIT_FILES_COMMAND),
    Command("offline_unit_files", systemctl.OFFLINE_UNIT_FILES_COMMAND, instead_of="unit_files"),
    Command("units", systemctl.UNITS_COMMAND),
)
