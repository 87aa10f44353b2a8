"""A device's counters and gauges as samples of a report: one table of series and its values at one instant. Pure.

Names begin with `snmp_`, in base units, so that they never meet those of an agent on the same host.
"""

from __future__ import annotations

from discovery.mibs.entity import SENSOR_UNITS
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.identity import host_ref
from discovery.snmp.section import fit_ref, interface_ref
from muster.wire.digest import digest_table
from muster.wire.report import SampleBlock, SeriesDefinition

_COUNTER_NAMES = {
    "in_octets": ("snmp_interface_receive_bytes_total", "bytes"),
    "out_octets": ("snmp_interface_transmit_bytes_total", "bytes"),
    "in_unicast": ("snmp_interface_receive_unicast_packets_total", "packets"),
    "out_unicast": ("snmp_interface_transmit_unicast_packets_total", "packets"),
    "in_errors": ("snmp_interface_receive_errors_total", "packets"),
    "out_errors": ("snmp_interface_transmit_errors_total", "packets"),
    "in_discards": ("snmp_interface_receive_discards_total", "packets"),
    "out_discards": ("snmp_interface_transmit_discards_total", "packets"),
}
_LABEL_LIMIT = 1024
_Samples = list[tuple[SeriesDefinition, float | int]]


def to_samples(facts: DeviceFacts, *, at: int) -> tuple[list[SeriesDefinition], SampleBlock] | None:
    """The table of series and one block of values at `at` (milliseconds UTC); None where the device gave no number."""
    host = host_ref(facts)
    samples = [*_device(facts, host), *_interfaces(facts, host), *_storages(facts, host), *_sensors(facts, host)]
    if not samples:
        return None
    table = [series for series, _ in samples]
    return table, SampleBlock(table=digest_table(table), times=[at], values=[[value] for _, value in samples])


def _series(name: str, subject: str, unit: str, *, kind: str = "gauge", **labels: str) -> SeriesDefinition:
    return SeriesDefinition(
        name=name,
        labels={key: text[:_LABEL_LIMIT] for key, text in labels.items()},
        unit=unit,
        kind="counter" if kind == "counter" else "gauge",
        subject=fit_ref(subject),
    )


def _device(facts: DeviceFacts, host: str) -> _Samples:
    found: _Samples = []
    uptime = facts.host.uptime_centiseconds if facts.host.uptime_centiseconds is not None else facts.system.uptime_centiseconds
    if uptime is not None:
        found.append((_series("snmp_uptime_seconds", host, "seconds"), uptime / 100))
    for minutes, load in sorted(facts.ucd.loads.items()):
        found.append((_series(f"snmp_load{minutes}", host, ""), load))
    if facts.ucd.memory_available_bytes is not None:
        found.append((_series("snmp_memory_available_bytes", host, "bytes"), facts.ucd.memory_available_bytes))
    for number, each in enumerate(facts.host.processors):
        if each.load_ratio is not None:
            found.append((_series("snmp_processor_load_ratio", host, "ratio", processor=str(number)), each.load_ratio))
    return found


def _interfaces(facts: DeviceFacts, host: str) -> _Samples:
    """Counters that only count to 2^32 on a link of 100 Mbit/s or more wrap within minutes and are left out."""
    found: _Samples = []
    for each in facts.interfaces:
        is_fast = (each.speed_bits_per_second or 0) >= 100_000_000
        for key, value in each.counters.items():
            name, unit = _COUNTER_NAMES[key]
            if unit == "bytes" and is_fast and key not in each.wide:
                continue
            found.append((_series(name, interface_ref(host, each.name), unit, kind="counter", interface=each.name), value))
    return found


def _storages(facts: DeviceFacts, host: str) -> _Samples:
    found: _Samples = []
    seen: set[str] = set()
    for each in facts.host.storages:
        if each.name in seen:
            continue
        seen.add(each.name)
        for name, value in (("snmp_storage_size_bytes", each.size_bytes), ("snmp_storage_used_bytes", each.used_bytes)):
            if value is not None:
                found.append((_series(name, host, "bytes", storage=each.name, kind="gauge"), value))
    return found


def _sensors(facts: DeviceFacts, host: str) -> _Samples:
    return [
        (
            _series(f"snmp_sensor_{SENSOR_UNITS[each.sensor_kind]}", f"{host}/sensor:{each.slot}", SENSOR_UNITS[each.sensor_kind], sensor=each.slot),
            each.sensor_value,
        )
        for each in facts.entities
        if each.sensor_value is not None and each.sensor_kind
    ]
