"""Space and inodes of mounted file systems, from /proc/<pid>/mountinfo (proc(5)) and statvfs(3). Linux."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from agent.host import MOUNT_FILES, Host
from agent.metric import Collector, Family, Sample
from muster.facts.mountinfo import REMOTE_TYPES, Mount, parse_mountinfo

_LABELS = ("device", "fstype", "mountpoint")
_SIZE = Family("node_filesystem_size_bytes", "Size of the file system.", "gauge", "bytes", _LABELS)
_FREE = Family("node_filesystem_free_bytes", "Free space, that kept for root included.", "gauge", "bytes", _LABELS)
_AVAILABLE = Family("node_filesystem_avail_bytes", "Free space that everyone may use.", "gauge", "bytes", _LABELS)
_FILES = Family("node_filesystem_files", "Inodes of the file system.", "gauge", "", _LABELS)
_FILES_FREE = Family("node_filesystem_files_free", "Free inodes.", "gauge", "", _LABELS)
_READ_ONLY = Family("node_filesystem_readonly", "1 where the file system is mounted read-only.", "gauge", "", _LABELS)
_ERROR = Family("node_filesystem_device_error", "1 where the file system could not be asked.", "gauge", "", _LABELS)

_LEFT_OUT_POINTS = re.compile(r"/(?:dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)(?:$|/)")
_LEFT_OUT_TYPES = frozenset([
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl", "hugetlbfs", "iso9660", "mqueue",
    "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs",
])  # fmt: skip


def select_mounts(mounts: list[Mount]) -> list[Mount]:
    """The mounts that node_exporter of Debian shows."""
    return [mount for mount in mounts if mount.type not in _LEFT_OUT_TYPES and not _LEFT_OUT_POINTS.match(mount.mount_point)]


@lru_cache(maxsize=1)
def _parse(content: bytes) -> tuple[Mount, ...]:
    """Mounts seldom change, and parsing them is half of what this collector costs."""
    return tuple(select_mounts(parse_mountinfo(content.decode("utf-8", "replace"))))


def read_filesystem(host: Host) -> Iterator[Sample]:
    """By mount; a remote file system is shown without sizes, because asking one whose server is gone blocks for ever."""
    for mount in _parse(next((content for file in MOUNT_FILES if (content := host.read_kept(file))), b"")):
        labels = (mount.device, mount.type, mount.mount_point)
        yield _READ_ONLY.name, labels, int("ro" in mount.options)
        if mount.type in REMOTE_TYPES:
            continue
        size = host.read_size(mount.mount_point)
        yield _ERROR.name, labels, int(size is None)
        if size is not None:
            yield _SIZE.name, labels, size.size_bytes
            yield _FREE.name, labels, size.free_bytes
            yield _AVAILABLE.name, labels, size.available_bytes
            yield _FILES.name, labels, size.inodes
            yield _FILES_FREE.name, labels, size.inodes_free


COLLECTOR = Collector(
    "filesystem",
    "Space and inodes of file systems",
    (_SIZE, _FREE, _AVAILABLE, _FILES, _FILES_FREE, _READ_ONLY, _ERROR),
    read_filesystem,
)
