"""A believable estate in a store: hosts, a switch, services with a month behind them, an outage, differences, metrics, a hostile name.

Everything comes in as reports through the real ingest and is evaluated by the real engine. `NOW` is the estate's own now: pages are
served by a clock that stands there. Used by the tests of the pages and by `scripts/screenshots.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collector.evaluation import Evaluation, EvaluationSettings, Surroundings
from collector.incidents.target_document import ConfiguredTarget
from collector.reconcile.authorise import Policy, PolicySet
from collector.service_figure import ServiceEngine
from collector.services.availability import compute
from collector.services.catalogue import check_document
from collector.services.holiday import closed_dates
from collector.store import account, outbox, session
from collector.store.baseline import BaselineWish, save_baseline
from collector.store.engine import Database
from collector.store.health_day import save_day
from collector.store.incident import acknowledge_incident
from collector.store.ingest import Context, Envelope, receive_report
from collector.store.reader import Reader
from collector.store.scope import Scope
from collector.store.service import apply_services
from collector.store.source import Grant
from collector.store.verification import Plan, plan_verification, sign_off, start_verification
from collector.store.writer import Writer
from exporters.incidents.webhook import TARGET as WEBHOOK
from muster.clock import FakeClock
from muster.cmdb_health import HealthFigure
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report
from muster.wire.digest import digest_section
from muster.wire.report import (
    CONTENT_TYPE_MSGPACK,
    Endpoint,
    Item,
    RelationClaim,
    Report,
    SampleBlock,
    Section,
    SeriesDefinition,
    Source,
    StateReport,
)

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOW = 1_772_535_300_000  # Tuesday 2026-03-03T10:55:00Z, 11:55 in Berlin
BEGIN = NOW - 45 * DAY
ZONE = "berlin"
HOSTILE = "<script>alert('x')</script>"
SAMPLES_EVERY, SAMPLES_FOR = 2 * MINUTE, 8 * HOUR
GIB = 2**30


@dataclass(frozen=True)
class Host:
    """One server of the estate."""

    name: str
    number: int
    role: str
    model: str = "PowerEdge R650"
    memory_gib: int = 64
    cpus: int = 32
    kernel: str = "6.1.0-18-amd64"
    packages: tuple[tuple[str, str], ...] = ()
    listeners: tuple[tuple[str, int], ...] = ()

    @property
    def address(self) -> str:
        return f"10.20.1.{self.number}"

    @property
    def mac(self) -> str:
        return f"b0:7b:25:c4:10:{self.number:02x}"

    @property
    def serial(self) -> str:
        return f"9XK{self.number}G{self.number + 3}3"


WEB = (("nginx", "1.22.1-9+deb12u1"), ("openssl", "3.0.15-1~deb12u1"), ("python3", "3.11.2-1+b1"))
DATABASE = (("postgresql-15", "15.10-0+deb12u1"), ("pgbouncer", "1.18.0-1+b1"))
COMMON = (
    ("bash", "5.2.15-2+b7"), ("openssh-server", "1:9.2p1-2+deb12u4"), ("systemd", "252.33-1~deb12u1"), ("curl", "7.88.1-10+deb12u8"),
    ("linux-image-amd64", "6.1.124-1"), ("sudo", "1.9.13p3-1+deb12u1"), ("tzdata", "2024b-0+deb12u1"), ("ca-certificates", "20230311"),
)  # fmt: skip
HOSTS = (
    Host("web-01", 11, "web", packages=WEB, listeners=(("nginx", 443), ("nginx", 80))),
    Host("web-02", 12, "web", packages=WEB, listeners=(("nginx", 443), ("nginx", 80))),
    Host("web-03", 13, "web", packages=WEB, listeners=(("nginx", 443), ("nginx", 80))),
    Host("db-01", 21, "database", "PowerEdge R750", 256, 64, packages=DATABASE, listeners=(("postgres", 5432),)),
    Host("db-02", 22, "database", "PowerEdge R750", 256, 64, packages=DATABASE, listeners=(("postgres", 5432),)),
    Host("pay-01", 31, "payment", packages=(("openjdk-17-jre-headless", "17.0.13+11-2"),), listeners=(("java", 8443),)),
    Host("mail-01", 41, "mail", "ProLiant DL360", 32, 16, packages=(("postfix", "3.7.11-0+deb12u1"),), listeners=(("master", 25),)),
    Host("build-01", 51, "build", "ProLiant DL380", 128, 48, packages=(("docker-ce", "5:27.4.1-1"),)),
)
SERVICES = {
    "shop": """
id: shop
name: {en: Shop, zh-Hans: 商城}
owner: kim@example.org
customer: Retail
stage: catalogue
time_zone: Europe/Berlin
service_hours: {weekly: [{days: [mon, tue, wed, thu, fri, sat], from: "07:00", to: "22:00"}]}
components: {all: [{ci: db-01}, {ci: db-02}, {at_least: 2, of: [{ci: web-01}, {ci: web-02}, {ci: web-03}]}, {service: payments}]}
policies: {unknown: exclude, degraded: up, planned: exclude, silent: unknown}
targets: [{sla: gold, effective_from: 2026-01-01, availability: "0.999", period: month, mtrs: 30m}]
""",
    "payments": """
id: payments
name: {en: Payments, zh-Hans: 支付}
owner: lin@example.org
customer: Retail
stage: catalogue
time_zone: Europe/Berlin
components: {all: [{ci: pay-01}, {ci: db-01}]}
policies: {unknown: exclude, degraded: up, planned: exclude, silent: unknown}
targets: [{sla: platinum, effective_from: 2026-01-01, availability: "0.9995", period: month}]
""",
    "mail": """
id: mail
name: {en: Mail, zh-Hans: 邮件}
owner: sam@example.org
customer: Staff
stage: catalogue
time_zone: Europe/Berlin
components: {all: [{ci: mail-01}]}
policies: {unknown: exclude, degraded: up, planned: exclude, silent: unknown}
targets: [{sla: silver, effective_from: 2026-01-01, availability: "0.995", period: month}]
""",
    "build": """
id: build
name: {en: Build farm, zh-Hans: 构建农场}
owner: kim@example.org
customer: Engineering
stage: catalogue
time_zone: Europe/Berlin
service_hours: {weekly: [{days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00"}]}
components: {all: [{ci: build-01}]}
policies: {unknown: exclude, degraded: up, planned: exclude, silent: unknown}
targets: [{sla: bronze, effective_from: 2026-01-01, availability: "0.98", period: month}]
""",
}
# host → [(from, to, state, reason)] in milliseconds before NOW.
OUTAGES: Mapping[str, list[tuple[int, int, str, str]]] = {
    "db-02": [(22 * MINUTE, 0, "down", "no answer to 3 pings"), (12 * DAY + 2 * HOUR, 12 * DAY + 109 * MINUTE, "down", "no answer to 3 pings")],
    "pay-01": [(6 * DAY + 3 * HOUR, 6 * DAY + 3 * HOUR - 4 * MINUTE, "down", "no answer to 3 pings")],
    "mail-01": [(3 * HOUR, 0, "degraded", "2 of 3 pings lost"), (20 * DAY, 20 * DAY - 95 * MINUTE, "down", "no answer to 3 pings")],
    "build-01": [(9 * DAY + 20 * MINUTE, 9 * DAY, "down", "no answer to 3 pings")],
}


@dataclass
class Filled:
    """What tests need to know of a filled store."""

    database: Database
    clock: FakeClock
    context: Context
    engine: ServiceEngine
    secrets: dict[str, str] = field(default_factory=dict)


class Sender:
    """Sources that report at instants of their own."""

    def __init__(self, database: Database, context: Context) -> None:
        self._database = database
        self.context = context
        self._sequences: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], dict[str, Section]] = {}

    def confirm(self, kind: str, name: str, at: int, **more: Any) -> None:
        """All sections of a source as they were: their digests alone."""
        same = {key: msgspec.structs.replace(each, items=None, relations=None) for key, each in self._last.get((kind, name), {}).items()}
        self.send(kind, name, at, same, **more)

    def send(self, kind: str, name: str, at: int, sections: Mapping[str, Section] | None = None, **more: Any) -> None:
        number = self._sequences[kind, name] = self._sequences.get((kind, name), 0) + 1
        sent_at = more.pop("sent_at", None)
        self._last.setdefault((kind, name), {}).update({key: each for key, each in (sections or {}).items() if each.items is not None})
        instance = f"{hash_name(kind + name):032x}"
        report = Report(
            source=Source(kind, name, instance, ZONE),  # type: ignore[arg-type]  # the kinds used here are ones
            sequence=number,
            observed_at=at if sent_at is None else sent_at,
            software_version="0.1.0",
            sections=dict(sections or {}),
            **more,
        )
        body = msgspec.msgpack.encode(report)
        envelope = Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, at + 300, sent_at, Grant())
        with self._database.begin() as connection:
            receive_report(connection, self.context, envelope)


def hash_name(text: str) -> int:
    """128 stable bits of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def fill_estate(database: Database, *, stranger: str = HOSTILE) -> Filled:
    """Fill a migrated, empty store. `stranger`: what a host that nobody recorded calls itself."""
    catalogue = load_catalogue()
    accept = PolicySet([Policy(id="initial-discovery", action="accept", reason="initial discovery of the site")])
    first, later = Context(catalogue, policies=accept), Context(catalogue)
    engine = ServiceEngine(compute=compute, check_document=check_document, closed_dates=closed_dates)
    filled = Filled(database, FakeClock(NOW), later, engine)
    sender = Sender(database, first)
    _report_baseline(sender)
    sender.context = later
    _report_month_of_states(sender)
    _report_changes(sender, stranger)
    _report_metrics(sender)
    _confirm_all(sender)
    with database.begin() as connection:
        apply_services(connection, SERVICES, now=BEGIN + DAY, applied_by="person:kim")
    asyncio.run(_evaluate(filled))
    _add_people(filled)
    _add_verifications(filled)
    _add_baselines(filled)
    return filled


def host_section(host: Host, *, name: str = "", kernel: str | None = None, memory_gib: int | None = None) -> Section:
    attributes = {
        "name": name or host.name, "hostname": host.name, "fqdn": f"{host.name}.example.org",
        "vendor": "Dell Inc." if "Edge" in host.model else "HPE",
        "model": host.model, "serial": host.serial, "ip": [host.address], "mac": [host.mac], "os.name": "Debian GNU/Linux",
        "os.version": "12 (bookworm)", "os.id": "debian", "os.kernel": kernel or host.kernel, "architecture": "x86_64", "cpu.count": host.cpus,
        "cpu.model": "AMD EPYC 7443P 24-Core Processor", "memory_bytes": (memory_gib or host.memory_gib) * GIB, "time_zone": "Europe/Berlin",
        "bios.version": "2.14.2", "virtualisation": "none", "boot_time": NOW - 21 * DAY, "chassis.type": "rack mount",
    }  # fmt: skip
    identifiers: dict[str, Any] = {
        "machine_id": f"{hash_name(host.name):032x}", "serial": [host.serial],
        "dmi_uuid": f"4c4c4544-0058-4b10-8032-b9c04f4734{host.number:02d}",
        "hostname": host.name, "fqdn": f"{host.name}.example.org", "mac": [host.mac], "permanent_mac": [host.mac], "ip": [host.address],
        "ssh_host_key": [f"SHA256:{hash_name(host.name + 'key'):x}"],
    }  # fmt: skip
    return section([Item("host", "server", identifiers, attributes)])


def section(items: Iterable[Item], relations: list[RelationClaim] | None = None, **word: Any) -> Section:
    listed = list(items)
    told: dict[str, Any] = {"complete": True, "interval_seconds": 600, "digest": digest_section(listed, relations or ())} | word
    return Section(items=listed, relations=relations, **told)


def contents_of(host: Host, *, listeners: tuple[tuple[str, int], ...] = (), without: tuple[str, ...] = ()) -> dict[str, Section]:
    """Packages, file systems, interfaces, listeners and units of a host."""
    packages = [(name, version) for name, version in (*COMMON, *host.packages) if name not in without]
    units = ["ssh.service", "cron.service", "systemd-timesyncd.service", *sorted({f"{name}.service" for name, _ in host.listeners})]
    return {
        "packages": section(_package(name, version) for name, version in packages),
        "filesystems": section(_filesystem(place, mount, host) for place, mount in enumerate(("/", "/var", "/srv"))),
        "network": section([_interface(host), _interface(host, "lo")]),
        "listening_services": section(_listener(name, port) for name, port in (("sshd", 22), *host.listeners, *listeners)),
        "systemd_units": section(
            Item(f"unit:{name}", "systemd_unit", {}, {"name": name, "enabled": "enabled", "active": "active"}, "host") for name in units
        ),
    }


def _package(name: str, version: str) -> Item:
    attributes = {
        "name": name,
        "manager": "dpkg",
        "architecture": "amd64",
        "version": version,
        "installed_at": BEGIN,
        "size_bytes": len(name) * 310_000,
    }
    return Item(f"pkg:{name}", "software_package", {}, attributes, "host")


def _filesystem(place: int, mount: str, host: Host) -> Item:
    size = (40, 200, 800)[place] * GIB
    used = int(size * (0.31 + 0.13 * place + host.number % 7 / 30))
    attributes = {"mount_point": mount, "device": f"/dev/sda{place + 1}", "type": "ext4", "size_bytes": size, "used_bytes": used}
    return Item(f"fs:{mount}", "filesystem", {}, attributes, "host")


def _interface(host: Host, name: str = "eno1") -> Item:
    attributes: dict[str, Any] = {"name": name, "kind": "loopback", "mtu": 65_536, "oper_state": "up", "addresses": ["127.0.0.1/8"]}
    if name != "lo":
        attributes |= {"kind": "ethernet", "mac": host.mac, "mtu": 1500, "speed_bits_per_second": 10**10, "admin_state": "up"}
        attributes["addresses"] = [f"{host.address}/22"]
    return Item(f"if:{name}", "interface", {}, attributes, "host")


def _listener(name: str, port: int) -> Item:
    attributes = {
        "protocol": "tcp",
        "address": "0.0.0.0",
        "port": port,
        "process": name,
        "user": name if name != "sshd" else "root",
        "unit": f"{name}.service",
    }
    return Item(f"listen:tcp:{port}", "listening_service", {}, attributes, "host")


def _switch() -> Section:
    ports = [
        Item(
            f"if:Gi1/0/{number}", "interface", {},
            {"name": f"GigabitEthernet1/0/{number}", "kind": "ethernet", "index": number, "admin_state": "up", "oper_state": "up", "mtu": 1500,
             "speed_bits_per_second": 10**9, "alias": f"to {host.name}"}, "sw-core-1",
        )
        for number, host in enumerate(HOSTS, 1)
    ]  # fmt: skip
    attributes = {
        "name": "sw-core-1", "vendor": "Cisco Systems", "model": "C9300-48P", "serial": "FCW2233L0AB", "ip": ["10.20.0.2"],
        "location": "Berlin, row 3",
        "os.name": "IOS XE", "os.version": "17.9.4a", "contact": "noc@example.org",
    }  # fmt: skip
    identifiers: dict[str, Any] = {"serial": ["FCW2233L0AB"], "chassis_id": "70:1f:53:aa:10:00", "sysname": "sw-core-1", "ip": ["10.20.0.2"]}
    relations = [
        RelationClaim("connected_to", f"if:Gi1/0/{number}", Endpoint({"mac": host.mac, "name": "eno1"}, "interface"))
        for number, host in enumerate(HOSTS, 1)
    ]
    return section([Item("sw-core-1", "network_device", identifiers, attributes), *ports], relations, interval_seconds=21_600)


def _report_baseline(sender: Sender) -> None:
    for place, host in enumerate(HOSTS):
        sender.send("agent", host.name, BEGIN + place * MINUTE, {"host": host_section(host), **contents_of(host)})
    sender.send("snmp", "site-berlin", BEGIN + HOUR, {"device:sw-core-1": _switch()})


def _states(name: str, state: str, at: int, reason: str, interval_seconds: int) -> list[StateReport]:
    subject = Endpoint({"serial": next([host.serial] for host in HOSTS if host.name == name)}, "server")
    return [StateReport(subject, "icmp", state, at, reason, interval_seconds)]  # type: ignore[arg-type]  # one of the states


def _report_month_of_states(sender: Sender) -> None:
    """Pings once an hour as far as figures are concerned, and each change when it came."""
    observed: list[tuple[int, str, str, str]] = []
    for host in HOSTS:
        spans = [(NOW - since, NOW - until, state, reason) for since, until, state, reason in OUTAGES.get(host.name, [])]
        regular = range(BEGIN + 2 * HOUR, NOW, 12 * HOUR)
        observed += [(at, host.name, "up", "1.2 ms") for at in regular if not any(since <= at <= until for since, until, _, _ in spans)]
        for since, until, state, reason in spans:
            observed += [(since + step * 5 * SECOND, host.name, state, reason) for step in range(4)]
            if until < NOW:
                observed += [(until, host.name, "up", "1.3 ms")]
            else:
                observed += [(NOW - 20 * SECOND, host.name, state, reason)]
        if not any(until == NOW for _, until, _, _ in spans):
            observed.append((NOW - 20 * SECOND, host.name, "up", "1.1 ms"))
    together: dict[int, list[StateReport]] = {}
    for at, name, state, reason in sorted(observed):
        together.setdefault(at, []).extend(_states(name, state, at, reason, 43_200 + 3_600))
    for at, states in sorted(together.items()):
        sender.send("sweep", "site-berlin", at, states=states)


def _report_metrics(sender: Sender) -> None:
    """Eight hours of one host's metrics with node_exporter's names."""
    definitions = [
        SeriesDefinition("node_load1"),
        SeriesDefinition("node_load5"),
        SeriesDefinition("node_memory_MemTotal_bytes", unit="bytes"),
        SeriesDefinition("node_memory_MemAvailable_bytes", unit="bytes"),
        *(SeriesDefinition("node_cpu_seconds_total", {"cpu": "0", "mode": mode}, "seconds", "counter") for mode in ("user", "system", "iowait")),
        *(SeriesDefinition("node_filesystem_avail_bytes", {"mountpoint": mount}, "bytes") for mount in ("/", "/var", "/srv")),
        SeriesDefinition("node_network_receive_bytes_total", {"device": "eno1"}, "bytes", "counter"),
        SeriesDefinition("node_network_transmit_bytes_total", {"device": "eno1"}, "bytes", "counter"),
    ]
    times = list(range(NOW - SAMPLES_FOR, NOW, SAMPLES_EVERY))
    sender.send("agent", "web-01", NOW - 20 * SECOND, tables={"t1": definitions}, samples=[SampleBlock("t1", times, _curves(len(times)))])


def _curves(count: int) -> list[list[float | int | None]]:
    """Values by series: a morning that gets busy, with a bump and without chance."""

    def busy(at: int) -> float:
        day = at / count
        return 0.25 + 0.55 / (1 + math.exp(-14 * (day - 0.45))) + 0.08 * math.sin(at / 3) + (0.25 if 0.7 < day < 0.74 else 0)

    seconds = SAMPLES_EVERY // SECOND
    load = [round(busy(at) * 9, 2) for at in range(count)]
    smooth = [sum(load[max(0, at - 3) : at + 1]) / len(load[max(0, at - 3) : at + 1]) for at in range(count)]
    counters: dict[str, list[float | int | None]] = {}
    for name, rate in (("user", 0.62), ("system", 0.17), ("iowait", 0.05), ("received", 24e6), ("sent", 71e6)):
        total = 0.0
        counters[name] = []
        for at in range(count):
            total += busy(at) * rate * seconds
            counters[name].append(round(total, 2))
    free = [20 * GIB - at * 2**21 for at in range(count)], [84 * GIB - at * 2**26 for at in range(count)], [430 * GIB] * count
    memory: list[list[float | int | None]] = [[64 * GIB] * count, [round((0.72 - 0.4 * busy(at)) * 64 * GIB) for at in range(count)]]
    return [
        list(load), list(smooth), *memory, counters["user"], counters["system"], counters["iowait"], *(list(each) for each in free),
        counters["received"], counters["sent"],
    ]  # fmt: skip


def _report_changes(sender: Sender, stranger_name: str) -> None:
    """What is new this morning: a kernel on five hosts, redis on web-03, other hardware, a package gone, an unknown host, a bad item."""
    new_kernel = "6.1.0-21-amd64"
    by_name = {host.name: host for host in HOSTS}
    at = NOW - 2 * HOUR
    for place, name in enumerate(("web-01", "web-02", "web-03", "pay-01", "build-01")):
        host = by_name[name]
        extra = (("redis-server", 6379), ("stunnel4", 6380)) if name == "web-03" else ()
        sender.send("agent", name, at + place * 4 * MINUTE, {"host": host_section(host, kernel=new_kernel), **contents_of(host, listeners=extra)})
    db, mail = by_name["db-01"], by_name["mail-01"]
    sender.send("agent", "db-01", NOW - 26 * HOUR, {"host": host_section(db, memory_gib=512), **contents_of(db)})
    for back in (50 * MINUTE, 30 * MINUTE, 9 * MINUTE):
        sender.send("agent", "mail-01", NOW - back, {"host": host_section(mail), **contents_of(mail, without=("curl",))})
    stranger = Host("unknown", 77, "", "NUC 13", 16, 8)
    item = msgspec.structs.replace(_only(host_section(stranger)), attributes={"name": stranger_name, "vendor": "Intel", "ip": [stranger.address]})
    sender.send("ssh", "site-berlin", NOW - 35 * MINUTE, {"host:10.20.1.77": section([item])})
    bad = msgspec.structs.replace(_only(host_section(mail)), attributes={"name": "mail-01", "memory_bytes": "32 GB"})
    sender.send("ssh", "site-berlin", NOW - 34 * MINUTE, {"host:10.20.1.41": section([msgspec.structs.replace(bad, ref="mail-01")])})
    sender.confirm("agent", "web-01", NOW - 36 * MINUTE)
    seen = msgspec.structs.replace(_only(host_section(by_name["web-01"], kernel=new_kernel)), ref="web-01")
    seen = msgspec.structs.replace(seen, attributes={**seen.attributes, "os.version": "12.8", "memory_bytes": 63 * GIB})
    sender.send("ssh", "site-berlin", NOW - 33 * MINUTE, {"host:10.20.1.11": section([seen])})
    build = by_name["build-01"]
    sender.send("agent", "build-02", NOW - 3 * HOUR, {"host": host_section(build, name="build-02")})


def _confirm_all(sender: Sender) -> None:
    """Everybody but db-02 says once more, just now, that all is as before; the clock of mail-01 is behind."""
    for host in HOSTS:
        if host.name != "db-02":
            at = NOW - 15 * SECOND - host.number * 100
            sender.confirm("agent", host.name, at, sent_at=at + 290 - (94 * SECOND if host.name == "mail-01" else 0))
    sender.confirm("agent", "db-02", NOW - 22 * MINUTE - 15 * SECOND)
    sender.confirm("agent", "build-02", NOW - 14 * SECOND)
    sender.confirm("ssh", "site-berlin", NOW - 30 * SECOND)
    sender.confirm("snmp", "site-berlin", NOW - 4 * MINUTE)


def _only(given: Section) -> Item:
    return (given.items or [])[0]


async def _evaluate(filled: Filled) -> None:
    """The evaluation as the collector runs it: shortly after the outage began, and now; deliveries with the answers of three receivers."""
    database = filled.database
    writer = Writer(database)
    writer.start()
    reader = Reader(database, filled.context.catalogue, clock=filled.clock)
    targets = [ConfiguredTarget(name, WEBHOOK, {}) for name in ("alertmanager", "ops-webhook", "pager")]
    clock = FakeClock(NOW - 21 * MINUTE)
    around = Surroundings(
        connect=database.connect,
        transaction=writer.run,
        find_query=reader.find_cis,
        engine=filled.engine,
        classes=filled.context.catalogue,
        clock=clock,
        targets=lambda: targets,
    )
    evaluation = Evaluation(around, EvaluationSettings(figures_every_seconds=0))
    try:
        await evaluation.evaluate()
        await writer.run(lambda connection: _answer(connection, clock.now_ms()))
        clock.advance(milliseconds=NOW - clock.now_ms())
        await evaluation.evaluate()
        found = reader.list_incidents(limit=1).items
        if found:
            await writer.run(
                lambda c: acknowledge_incident(c, found[0].id, "person:kim", NOW - 15 * MINUTE, targets=targets, announcement=outbox.Announcement())
            )
    finally:
        writer.stop()


def _answer(connection: Any, now: int) -> None:
    for claim in outbox.claim_due(connection, ("alertmanager", "ops-webhook", "pager"), lease="w1", now=now, lease_ms=MINUTE, limit=50):
        if claim.target == "pager":
            outbox.settle_delivered(connection, claim, now + 400, "202 Accepted")
        elif claim.target == "ops-webhook":
            outbox.settle_dead(connection, claim, "410 Gone: this endpoint was removed")
        else:
            outbox.settle_retry(connection, claim, NOW + 2 * MINUTE, "503 Service Unavailable", is_counted=True)


def _add_baselines(filled: Filled) -> None:
    """Of the servers as they were when they went on record, and as they are now."""
    reader = Reader(filled.database, filled.context.catalogue, clock=filled.clock)
    for name, at in (("first-inventory", BEGIN + DAY), ("release-7", None)):
        wish = BaselineWish(name, Scope("class:server", with_contents=True), "before the change board met", "kim", at)
        content = reader.read_content(wish)
        with filled.database.begin() as connection:
            save_baseline(connection, filled.context, wish, content, actor="person:kim", now=NOW)


def _add_verifications(filled: Filled) -> None:
    """One run that is signed off with findings, one that people are answering, one that is overdue; and a month of health figures."""
    reader = Reader(filled.database, filled.context.catalogue, clock=filled.clock)
    plan = Plan("Servers, half-yearly", "class:server", "automatic", "kim", NOW - 3 * HOUR, "5b0f3c", every_months=6, due_days=0)
    labels = Plan("Labels in Berlin", "class:server", "manual", "ada", NOW - HOUR, "77aa", sample_size=3)
    late = Plan("Network devices", "class:network_device", "automatic", "lin", NOW - 9 * DAY, "c0de")
    with filled.database.begin() as connection:
        for each in (plan, labels, late):
            plan_verification(connection, filled.context.catalogue, each, actor="person:kim", now=NOW - 10 * DAY)
    for key, actor, at in (("1", "person:kim", NOW - 2 * HOUR), ("2", "person:ada", NOW - HOUR)):
        drawn = reader.draw_sample(key)
        with filled.database.begin() as connection:
            start_verification(connection, key, drawn, actor=actor, now=at, next_seed="0f3a")
    with filled.database.begin() as connection:
        sign_off(connection, "1", note="kernel roll-out is under way", actor="person:ada", now=NOW - 90 * MINUTE)
        measured = reader.cmdb_health()
        for back in range(30, -1, -1):
            day = msgspec.structs.replace(measured, measured_at=NOW - back * DAY, figures=[_as_before(each, back) for each in measured.figures])
            save_day(connection, day, keep_days=400)


def _as_before(figure: HealthFigure, days: int) -> HealthFigure:
    """A little worse the longer ago."""
    return msgspec.structs.replace(figure, count=max(figure.count - days * (figure.of or 0) // 200, 0))


def _add_people(filled: Filled) -> None:
    """One account for each role, signed in; the secrets are what their cookies hold."""
    roles = {"kim": "administrator", "ada": "configuration_manager", "vic": "viewer"}
    with filled.database.begin() as connection:
        for name, role in roles.items():
            account.create_account(connection, name, BEGIN, role=role)
            filled.secrets[name] = session.begin_session(connection, name, NOW - MINUTE, lifetime_ms=400 * DAY).secret
