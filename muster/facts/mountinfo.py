"""/proc/<pid>/mountinfo (proc(5)): what is mounted where, and which mounts are storage of this host."""

from __future__ import annotations

from typing import NamedTuple

_PSEUDO_TYPES = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fuse.gvfsd-fuse",
        "fuse.lxcfs",
        "fuse.portal",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "overlay",
        "proc",
        "procfs",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "squashfs",
        "sysfs",
        "tmpfs",
        "tracefs",
    ]
)
# Asking one of these for its size can block for ever when its server is gone.
REMOTE_TYPES = frozenset(
    [
        "9p",
        "afs",
        "ceph",
        "cifs",
        "coda",
        "fuse.glusterfs",
        "fuse.sshfs",
        "glusterfs",
        "gfs",
        "gfs2",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    ]
)
_HIDDEN_PREFIXES = ("/dev/", "/proc/", "/run/credentials/", "/run/docker/", "/run/user/", "/sys/", "/var/lib/containers/storage/", "/var/lib/docker/")


class Mount(NamedTuple):
    """One mount: `root` is the path inside the file system (other than `/` for bind mounts), `options` sorted, without duplicates."""

    mount_point: str
    device: str
    type: str
    options: tuple[str, ...]
    root: str = "/"
    device_number: str = ""


def parse_mountinfo(text: str) -> list[Mount]:
    """Every mount in the order of the file; of several on one mount point only the last, which is the one seen."""
    mounts: dict[str, Mount] = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if not separator or len(left) < 6 or len(right) < 2:
            continue
        mount_point = _unescape(left[4])
        options = sorted(set(left[5].split(",")))
        mounts.pop(mount_point, None)
        mounts[mount_point] = Mount(mount_point, _unescape(right[1]), right[0], tuple(options), _unescape(left[3]), left[2])
    return list(mounts.values())


def select_storage(mounts: list[Mount]) -> list[Mount]:
    """The mounts that hold data of this host: no kernel or temporary file systems, no layers of containers, no bind mounts."""
    seen: set[str] = set()
    found: list[Mount] = []
    for mount in sorted(mounts, key=lambda each: (len(each.mount_point), each.mount_point)):
        is_root = mount.mount_point == "/"
        if not is_root and (mount.type in _PSEUDO_TYPES or mount.mount_point.startswith(_HIDDEN_PREFIXES)):
            continue
        if mount.device.startswith("/dev/") and mount.device_number and mount.type != "btrfs":
            if mount.device_number in seen:
                continue
            seen.add(mount.device_number)
        found.append(mount)
    return sorted(found)


def _unescape(text: str) -> str:
    r"""Kernel escapes (`\040` for a space) to characters."""
    if "\\" not in text:
        return text
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
