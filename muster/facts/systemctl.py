"""systemd units: `systemctl list-unit-files` and `list-units`, which also work offline with `--root=/` (the first)."""

from __future__ import annotations

from typing import NamedTuple

UNIT_TYPES = ("service", "socket", "timer")
UNIT_FILES_COMMAND = ("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--full", f"--type={','.join(UNIT_TYPES)}")
# For a host on which systemd is installed and not running (a container, a chroot).
OFFLINE_UNIT_FILES_COMMAND = ("systemctl", "--root=/", *UNIT_FILES_COMMAND[1:])
UNITS_COMMAND = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full", f"--type={','.join(UNIT_TYPES)}")
_LEFT_OUT_STATES = ("alias", "transient")


class Unit(NamedTuple):
    """One unit; a text is empty where systemd does not tell (`active` when it is not running)."""

    name: str
    enabled: str = ""
    active: str = ""
    sub_state: str = ""
    description: str = ""


def parse_unit_files(text: str) -> dict[str, str]:
    """Enabled state by unit name, without templates and aliases."""
    return {name: state for name, state in _parse_states(text).items() if _is_kept(name) and state not in _LEFT_OUT_STATES}


def parse_units(text: str) -> dict[str, Unit]:
    """Loaded units by name, with active state, sub-state and description."""
    found: dict[str, Unit] = {}
    for line in text.splitlines():
        words = line.lstrip("●*↻×○ ").split(None, 4)
        if len(words) >= 4 and _is_kept(words[0]) and words[1] == "loaded":
            found[words[0]] = Unit(words[0], "", words[2], words[3], words[4].strip() if len(words) > 4 else "")
    return found


def join_units(unit_files_text: str, units_text: str) -> list[Unit]:
    """Units by name; with an empty `units_text` (systemd not running) only names and enabled states."""
    enabled, loaded = parse_unit_files(unit_files_text), parse_units(units_text)
    templates = _parse_states(unit_files_text)
    idle = Unit("", active="inactive", sub_state="dead") if loaded else Unit("")
    return [
        loaded.get(name, idle)._replace(name=name, enabled=enabled.get(name, _of_template(name, templates))) for name in sorted({*enabled, *loaded})
    ]


def _parse_states(text: str) -> dict[str, str]:
    rows = (line.split() for line in text.splitlines())
    return {words[0]: words[1] for words in rows if len(words) >= 2}


def _of_template(name: str, states: dict[str, str]) -> str:
    prefix, at, rest = name.partition("@")
    return states.get(f"{prefix}@.{rest.rpartition('.')[2]}", "") if at else ""


def _is_kept(name: str) -> bool:
    return name.endswith(tuple(f".{kind}" for kind in UNIT_TYPES)) and "@." not in name
