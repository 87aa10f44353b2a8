"""Mounted file systems that hold data, from /proc/<pid>/mountinfo and statvfs(3). Linux."""

from __future__ import annotations

from agent.host import MOUNT_FILES, Host
from agent.section import Content, Section, failed
from muster.facts.mountinfo import REMOTE_TYPES, parse_mountinfo, select_storage
from muster.facts.section.filesystem import to_items


def read_filesystem(host: Host) -> Content:
    """Sizes of remote ones are not asked: that blocks for ever when their server is gone."""
    text = next((found for file in MOUNT_FILES if (found := host.read_text(file))), None)
    if text is None:
        return failed(f"{MOUNT_FILES[-1]} cannot be read")
    mounts = parse_mountinfo(text)
    asked = [mount.mount_point for mount in select_storage(mounts) if mount.type not in REMOTE_TYPES]
    sizes = {point: size.size_bytes for point in asked if (size := host.read_size(point)) is not None}
    return Content(to_items(mounts, sizes))


# Mounts of the host show in the sandbox's table too, so one of the two files is enough to watch.
SECTION = Section("filesystem", "Mounted file systems", read_filesystem, MOUNT_FILES[-1:])
