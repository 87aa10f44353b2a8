"""Disks of a host, from `lsblk --json` (util-linux) with `COMMAND`."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

COMMAND = ("lsblk", "--json", "--bytes", "--nodeps", "--output", "NAME,TYPE,SIZE,ROTA,VENDOR,MODEL,SERIAL,WWN,REV")
_LEFT_OUT_PREFIXES = ("zram", "ram", "loop", "fd", "nbd", "drbd", "rbd")


class Disk(NamedTuple):
    """One disk; texts that the kernel does not know are empty."""

    name: str
    size_bytes: int | None = None
    is_rotational: bool | None = None
    vendor: str = ""
    model: str = ""
    serial: str = ""
    wwn: str = ""
    firmware: str = ""


def parse_lsblk(text: str) -> list[Disk]:
    """Disks by name, without RAM disks, loops and empty drives; none where the text is no such JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = document.get("blockdevices") if isinstance(document, dict) else None
    found = [_disk(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted((disk for disk in found if disk is not None), key=lambda disk: disk.name)


def _disk(row: dict[str, Any]) -> Disk | None:
    name, size = _text(row.get("name")), _integer(row.get("size"))
    if row.get("type") != "disk" or not name or not size or name.startswith(_LEFT_OUT_PREFIXES):
        return None
    rotational = row.get("rota")
    return Disk(
        name=name,
        size_bytes=size,
        # util-linux before 2.33 writes numbers as text: "1".
        is_rotational=None if rotational is None else rotational in (True, "1", 1),
        vendor=_text(row.get("vendor")),
        model=_text(row.get("model")),
        serial=_text(row.get("serial")),
        wwn=_text(row.get("wwn")),
        firmware=_text(row.get("rev")),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and value >= 0 else None
