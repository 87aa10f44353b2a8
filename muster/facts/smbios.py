"""Memory modules from the raw SMBIOS table (/sys/firmware/dmi/tables/DMI; DSP0134 7.18, structure type 17)."""

from __future__ import annotations

from typing import NamedTuple

TABLE = "/sys/firmware/dmi/tables/DMI"
_MEMORY_DEVICE = 17
_END_OF_TABLE = 127
_MAXIMUM_STRUCTURES = 4096
_UNKNOWN_SIZE, _EXTENDED_SIZE = 0xFFFF, 0x7FFF


class MemoryModule(NamedTuple):
    """One fitted module."""

    slot: str
    size_bytes: int
    vendor: str = ""
    model: str = ""
    serial: str = ""


def parse_memory_modules(table: bytes) -> list[MemoryModule]:
    """Fitted modules by slot; a table cut short gives those before the cut."""
    found: dict[str, MemoryModule] = {}
    at = 0
    for _ in range(_MAXIMUM_STRUCTURES):
        if at + 4 > len(table):
            break
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0 or kind == _END_OF_TABLE:
            break
        if kind == _MEMORY_DEVICE:
            module = _module(table[at : at + length], table[at + length : end].split(b"\0"))
            if module is not None:
                found[module.slot] = module
        at = end + 2
    return sorted(found.values())


def _module(fields: bytes, texts: list[bytes]) -> MemoryModule | None:
    size = _size_bytes(fields)
    locator, bank = _text(fields, texts, 0x10), _text(fields, texts, 0x11)
    slot = f"{bank}/{locator}" if bank and locator else locator or bank
    if not size or not slot:
        return None
    return MemoryModule(slot, size, _text(fields, texts, 0x17), _text(fields, texts, 0x1A), _text(fields, texts, 0x18))


def _size_bytes(fields: bytes) -> int:
    if len(fields) < 0x0E:
        return 0
    size = int.from_bytes(fields[0x0C:0x0E], "little")
    if size == _UNKNOWN_SIZE:
        return 0
    if size == _EXTENDED_SIZE:
        return (int.from_bytes(fields[0x1C:0x20], "little") & 0x7FFF_FFFF) * 1_048_576
    return (size & 0x7FFF) * (1024 if size & 0x8000 else 1_048_576)


def _text(fields: bytes, texts: list[bytes], offset: int) -> str:
    number = fields[offset] if offset < len(fields) else 0
    return texts[number - 1].decode("utf-8", "replace").strip() if 0 < number <= len(texts) else ""
