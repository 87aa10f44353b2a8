"""The server's own time zone by its name in the tz database."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones


@functools.cache
def server_zone() -> ZoneInfo:
    """What TZ or /etc/localtime names; UTC where neither does."""
    return ZoneInfo(read_zone_name(os.environ.get("TZ"), Path("/etc/localtime")))


def read_zone_name(variable: str | None, link: Path) -> str:
    """The name in the variable, else the end of the link's target that is one, else UTC."""
    known = available_timezones()
    if variable and variable.removeprefix(":") in known:
        return variable.removeprefix(":")
    parts = link.resolve().parts if link.exists() else ()
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if name in known), "UTC")
