"""HTTP service discovery for Prometheus: the scrape targets that the CMDB knows, as one whole list.

Source: Prometheus documentation, `http_sd_config`. An empty list drops every target, so while the CMDB is not loaded there is an
error instead, on which Prometheus keeps the list it has. See docs/prometheus.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from muster.document import suggest
from muster.errors import InputError, UnavailableError
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiSummary, CmdbReader, ServiceView

CONTENT_TYPE = "application/json; charset=utf-8"
RETRY_AFTER_SECONDS = 10.0
_GONE = frozenset({"retired", "disposed"})


@dataclass(frozen=True)
class Job:
    """Which CIs a job scrapes: of this family (None: whatever can be reached), seen by this kind of source; `port` None: the address alone."""

    family: str | None
    source_kind: str | None
    port: int | None


JOBS: dict[str, Job] = {
    "node": Job("compute", "agent", 9100),
    "blackbox": Job(None, None, None),
    "snmp": Job(None, "snmp", None),
}


def render_targets(reader: CmdbReader, catalogue: ClassCatalogue, job: str, *, port: int | None = None) -> bytes:
    """The JSON list for one job. Raises InputError for an unknown job, UnavailableError (answer 503) until the CMDB is loaded."""
    chosen = JOBS.get(job)
    if chosen is None:
        raise InputError(f"unknown job {job!r}{suggest(job, list(JOBS))}", path="job")
    if not reader.overview().is_loaded:
        raise UnavailableError("the CMDB is not loaded yet; Prometheus keeps the targets it has", retry_after_seconds=RETRY_AFTER_SECONDS)
    services = services_by_ci(reader.list_services())
    found = [_to_target(ci, services.get(ci.id, []), port or chosen.port) for ci in _select(reader, catalogue, chosen)]
    return msgspec.json.encode([each for each in found if each is not None])


def services_by_ci(services: list[ServiceView]) -> dict[str, list[str]]:
    """The ids of the services that have a CI as a component, by the id of the CI; sorted."""
    found: dict[str, set[str]] = {}
    for service in services:
        for ci_id in _leaves(service.tree):
            found.setdefault(ci_id, set()).add(service.id)
    return {ci_id: sorted(names) for ci_id, names in found.items()}


def choose_address(columns: dict[str, Any], name: str) -> str | None:
    """The address that a scraper should use: the first IPv4 address that others can reach, then IPv6, then the full name."""
    values = columns.get("ip") or []
    addresses = sorted(
        (address for address in map(_parse_address, values if isinstance(values, list) else [values]) if address is not None),
        key=lambda address: (address.version, int(address)),
    )
    if addresses:
        return str(addresses[0]) if addresses[0].version == 4 else f"[{addresses[0]}]"
    return str(columns.get("fqdn") or columns.get("hostname") or name) or None


def _select(reader: CmdbReader, catalogue: ClassCatalogue, job: Job) -> Iterator[CiSummary]:
    names = [name for name in catalogue.names() if catalogue[name].reachability and job.family in {None, catalogue[name].family}]
    for ci in reader.iterate_cis(" OR ".join(f"class:{name}" for name in names)):
        is_seen_so = job.source_kind is None or job.source_kind in ci.source_kinds
        if ci.ci_class in names and is_seen_so and ci.lifecycle not in _GONE and ci.presence != "absent":
            yield ci


def _to_target(ci: CiSummary, services: list[str], port: int | None) -> dict[str, Any] | None:
    address = choose_address(ci.columns, ci.name)
    if address is None:
        return None
    labels = {
        "ci_id": ci.id,
        "class": ci.ci_class,
        "name": ci.name,
        "site": str(ci.columns.get("site") or ci.zone),
        "service": ",".join(services),
        "environment": str(ci.columns.get("environment") or ""),
        "criticality": str(ci.columns.get("criticality") or ""),
    }
    target = address if port is None else f"{address}:{port}"
    return {"targets": [target], "labels": {f"__meta_muster_{name}": value for name, value in labels.items()}}


def _parse_address(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return None
    is_usable = not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)
    return address if is_usable else None


def _leaves(node: dict[str, Any]) -> Iterator[str]:
    if node.get("ci_id"):
        yield str(node["ci_id"])
    for child in node.get("children", ()):
        yield from _leaves(child)
