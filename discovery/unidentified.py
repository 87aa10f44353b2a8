"""A target that answers and lets neither SNMP nor SSH say what it is: an item of class `device`, never merged by its address.

It is what the sweep source reports, so that nothing that answers is lost. Its identifiers are what can be seen without a
credential: the address (a locator, which identifies nothing), on the same link the MAC address, the SSH host key, a name if a
person gave one. This machine itself is left out: the agent says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from discovery.finding import Finding
from muster.facts.address import is_reported
from muster.wire.digest import digest_section
from muster.wire.report import Endpoint, Item, Section

SECTION_PREFIX = "host:"


def derive_ref(finding: Finding, neighbours: Mapping[str, str]) -> str:
    """The native key: MAC address on the same link, else SSH host key, else, where nothing else is to be seen, the address."""
    mac = neighbours.get(finding.address)
    if mac:
        return f"sweep:mac:{mac}"
    if finding.ssh_host_key:
        return f"sweep:host-key:{finding.ssh_host_key.removeprefix('SHA256:')}"
    return f"sweep:address:{finding.address}"


def to_section(finding: Finding, ref: str, neighbours: Mapping[str, str], *, interval_seconds: int) -> tuple[str, Section]:
    """Name and section of the item; complete, since it is about this one thing."""
    item = _item(finding, ref, neighbours)
    return section_name(ref), Section(digest=digest_section([item]), complete=True, interval_seconds=interval_seconds, items=[item])


def to_empty_section(ref: str, *, interval_seconds: int) -> tuple[str, Section]:
    """The section once SNMP or SSH says what the thing is: the item that stood for it is gone."""
    return section_name(ref), Section(digest=digest_section([]), complete=True, interval_seconds=interval_seconds, items=[])


def section_name(ref: str) -> str:
    """`host:mac:…` of `sweep:mac:…`."""
    return SECTION_PREFIX + ref.partition(":")[2]


def own_endpoint(machine_id: str, hostname: str) -> Endpoint:
    """This machine as the subject of a state, by what an agent on it reports too."""
    named = {"machine_id": machine_id.strip(), "hostname": hostname.strip().lower()}
    return Endpoint(identifiers={kind: value for kind, value in named.items() if value})


def is_by_address(ref: str) -> bool:
    """Whether a ref says no more than an address."""
    return ref.startswith("sweep:address:")


def _item(finding: Finding, ref: str, neighbours: Mapping[str, str]) -> Item:
    mac = neighbours.get(finding.address)
    ips = [finding.address] if is_reported(finding.address) else []
    identifiers: dict[str, str | list[str]] = {"ip": ips} if ips else {}
    if mac:
        identifiers["mac"] = [mac]
    if finding.ssh_host_key:
        identifiers["ssh_host_key"] = [finding.ssh_host_key]
    if finding.name:
        identifiers["fqdn" if "." in finding.name else "hostname"] = finding.name
    answering = sorted(check for check, answer in finding.answers.items() if answer.is_up)
    attributes: dict[str, str | list[str | int | float | bool | None]] = {"name": finding.name or finding.address}
    if ips:
        attributes["ip"] = [*ips]
    if mac:
        attributes["mac"] = [mac]
    if answering:
        attributes["description"] = "answers " + ", ".join(answering)
    return Item(ref=ref, ci_class="device", identifiers=identifiers, attributes=dict(attributes))
