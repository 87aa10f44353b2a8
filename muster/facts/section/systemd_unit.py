"""Section `systemd_unit`: services, sockets and timers with their enabled and active states."""

from __future__ import annotations

from collections.abc import Sequence

from muster.facts.section._item import build_item
from muster.facts.systemctl import Unit
from muster.wire.report import Item


def to_items(units: Sequence[Unit]) -> list[Item]:
    """Items of class `systemd_unit`."""
    return [
        build_item(
            f"unit:{unit.name}",
            "systemd_unit",
            {"name": unit.name},
            {
                "name": unit.name,
                "description": unit.description,
                "enabled": unit.enabled,
                "active": unit.active,
                "sub_state": unit.sub_state,
            },
        )
        for unit in units
    ]
