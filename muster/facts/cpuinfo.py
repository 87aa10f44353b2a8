"""/proc/cpuinfo: processors by package, and whether a hypervisor shows itself."""

from __future__ import annotations

from typing import NamedTuple

_MODEL_KEYS = ("model name", "cpu model", "cpu", "Processor", "machine")


class Processor(NamedTuple):
    """One processor package; `slot` is its `physical id`, counts None where the kernel does not tell."""

    slot: str
    vendor: str
    model: str
    core_count: int | None
    thread_count: int


class ProcessorFacts(NamedTuple):
    """Packages in the order of slots, the number of logical processors, and whether the `hypervisor` flag is set."""

    packages: tuple[Processor, ...]
    logical_count: int
    model: str
    has_hypervisor_flag: bool


def parse_cpuinfo(text: str) -> ProcessorFacts:
    """Packages and logical processors; an empty text gives none."""
    blocks = [_fields(block) for block in text.split("\n\n")]
    logical = [block for block in blocks if block.get("processor", "").isdigit()]
    grouped: dict[str, list[dict[str, str]]] = {}
    for block in logical:
        grouped.setdefault(block.get("physical id", "0"), []).append(block)
    packages = tuple(_package(slot, members) for slot, members in sorted(grouped.items(), key=lambda pair: (len(pair[0]), pair[0])))
    flags = logical[0].get("flags", "").split() if logical else []
    model = packages[0].model if packages else ""
    return ProcessorFacts(packages, len(logical), model, "hypervisor" in flags)


def _package(slot: str, members: list[dict[str, str]]) -> Processor:
    first = members[0]
    cores = first.get("cpu cores", "")
    model = next((first[key] for key in _MODEL_KEYS if first.get(key)), "")
    vendor = first.get("vendor_id") or first.get("CPU implementer", "")
    return Processor(slot, vendor, model, int(cores) if cores.isascii() and cores.isdigit() else None, len(members))


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): " ".join(value.split()) for name, colon, value in pairs if colon}
