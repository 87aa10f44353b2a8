"""The settings of the collector process: names, defaults, meaning. The table in docs/install.md is checked against this struct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from collector.reconcile.settings import Settings as ReconciliationSettings
from muster.errors import ConfigurationError, quote
from muster.listen import is_loopback, parse_listen

ENVIRONMENT_PREFIX = "MUSTER_COLLECTOR_"


class CollectorSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may set; units are in the names."""

    listen: Annotated[str, Meta(description="address and port of the API and the pages")] = "127.0.0.1:8420"
    state_directory: Annotated[str, Meta(description="folder of what the collector keeps in files")] = "./var"
    database: Annotated[str, Meta(description="sqlite:///PATH or postgresql+psycopg://...; empty: muster.db in the state directory")] = ""
    services_directory: Annotated[str, Meta(description="folder of service documents (*.yaml); empty: only what the API applies")] = ""
    targets_directory: Annotated[str, Meta(description="folder of incident targets (*.yaml); empty: none")] = ""
    classes_directory: Annotated[str, Meta(description="folder of the site's own CI classes (*.toml); empty: only the shipped ones")] = ""
    policies_directory: Annotated[str, Meta(description="folder of review policies (*.yaml); empty: only what the API applies")] = ""
    changes_directory: Annotated[str, Meta(description="folder of approved changes (*.yaml); empty: only what the API applies")] = ""
    public_url: Annotated[str, Meta(description="address under which people reach the pages; empty: made from listen")] = ""
    tls_certificate: Annotated[str, Meta(description="PEM file of the server's certificate and its chain")] = ""
    tls_key: Annotated[str, Meta(description="PEM file of the certificate's private key")] = ""
    tls_authority: Annotated[str, Meta(description="PEM file of the own authority, given to sources at /v1/ca.pem")] = ""
    behind_proxy: Annotated[bool, Meta(description="a reverse proxy in front ends TLS, so plain HTTP may leave loopback")] = False
    metrics_open: Annotated[bool, Meta(description="/metrics and /v1/prometheus/targets need no token")] = False
    enrolment_approval: Annotated[bool, Meta(description="an enrolled source may report only once a person has approved it")] = False
    initial_discovery: Annotated[
        str, Meta(description="agent/NAME: its first host goes on record by itself while nothing is recorded; empty: none")
    ] = ""
    webhooks_to_loopback: Annotated[bool, Meta(description="incident targets may be on this machine (tests, a local Alertmanager)")] = False
    log_format: Annotated[Literal["auto", "json", "console"], Meta(description="auto: console on a terminal, else json")] = "auto"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="what is logged at least")] = "info"
    evaluation_seconds: Annotated[float, Meta(gt=0, description="services are evaluated at least this often")] = 15.0
    incident_clear_seconds: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="how long recovery lasts before an incident resolves; none: as its rule says")
    ] = None
    sweep_seconds: Annotated[float, Meta(gt=0, description="what expires with time is looked at this often")] = 15.0
    report_retention_days: Annotated[float, Meta(gt=0, description="how long reports stay as received")] = 30.0
    sample_retention_days: Annotated[float, Meta(gt=0, description="how long metric samples stay")] = 90.0
    observation_retention_days: Annotated[
        float, Meta(gt=0, description="how long all that sources said stays; older is thinned to one word a month")
    ] = 400.0
    health_retention_days: Annotated[float, Meta(gt=0, description="how long the daily figures of CMDB health stay")] = 1_100.0
    header_seconds: Annotated[float, Meta(gt=0, description="how long the headers of a connection's first request may take")] = 15.0
    body_seconds: Annotated[float, Meta(gt=0, description="how long the body of a request may take to arrive")] = 30.0
    reports_per_second: Annotated[float, Meta(ge=0, description="of one token, on average; more are answered 429; 0: no limit")] = 200.0
    body_memory_bytes: Annotated[int, Meta(ge=16_777_216, description="bodies in memory at once; more are answered 503")] = 268_435_456
    reconciliation: Annotated[ReconciliationSettings, Meta(description="numbers of reconciliation (docs/reconciliation.md)")] = msgspec.field(
        default_factory=ReconciliationSettings
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Port 0 takes a free one. Raises ConfigurationError."""
        return parse_listen(self.listen, example="127.0.0.1:8420")

    @property
    def has_tls(self) -> bool:
        return bool(self.tls_certificate)

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.address[0])

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{Path(self.state_directory) / 'muster.db'}"

    @property
    def url(self) -> str:
        """Where people find the pages, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host, port = self.address
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.has_tls else 'http'}://{shown}:{port}"

    @property
    def is_https(self) -> bool:
        """Whether browsers come by https, so that cookies may be bound to it."""
        return self.has_tls or self.url.startswith("https://")


def check_settings(settings: CollectorSettings) -> None:
    """Refuse at start what could only fail later, and plain HTTP where others could listen in. Raises ConfigurationError."""
    _ = settings.address
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise ConfigurationError("tls_certificate and tls_key belong together; set both or neither")
    for name in ("tls_certificate", "tls_key", "tls_authority"):
        file = getattr(settings, name)
        if file and not Path(file).is_file():
            raise ConfigurationError(f"{name} {quote(file)} is no file; check the path and its rights")
    for name in ("services_directory", "targets_directory", "classes_directory", "policies_directory", "changes_directory"):
        folder = getattr(settings, name)
        if folder and Path(folder).exists() and not Path(folder).is_dir():
            raise ConfigurationError(f"{name} {quote(folder)} is no folder")
    if not (settings.is_loopback or settings.has_tls or settings.behind_proxy):
        raise ConfigurationError(
            f"listen {quote(settings.listen)} would send tokens in plain text over the network; set tls_certificate and tls_key, "
            "or behind_proxy = true where a reverse proxy ends TLS, or listen on 127.0.0.1"
        )
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise ConfigurationError(f"public_url {quote(settings.public_url)} is no address; write for example https://muster.example.org")
