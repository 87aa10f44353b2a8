"""The whole story on real parts: three sources see one host, it changes, a person accepts, a component fails and comes back."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.site import Site, listening, open_site
from tests.incidents.sample import SECRET
from tests.support.alertmanager import Alertmanager, running_alertmanager
from tests.support.postgresql_server import engine_url
from tests.support.prometheus import check_metrics, running_prometheus
from tests.support.server import eventually, free_port
from tests.support.snmpd import AUTHENTICATION_SECRET, COMMUNITY, PRIVACY_SECRET, USER, running_snmpd
from tests.support.sshd import running_sshd
from tests.support.webhook_receiver import WebhookReceiver, running_receiver

RESOLVE_SECONDS = 2
SERVICE = """\
id: shop
name: {{en: Shop, zh-Hans: 商城}}
owner: kim@example.org
components: {{all: [{{query: "class:listening_service port:{port}"}}]}}
targets: [{{sla: gold, availability: "0.999"}}]
"""
JOB = """\
id: this-host
targets: [127.0.0.1]
probes: [icmp, snmp, ssh, "tcp:{port}"]
credentials: [{credentials}]
schedule: {{every: 1h}}
poll: {{reachability: 5s, metrics: 30s}}
host_keys: trust_on_first_use
"""


def write_credentials(site: Site, *, snmp_port: int, ssh_port: int, user: str, key: str) -> None:
    """One SNMPv3 user, one community, one SSH key; secrets in files of their own."""
    for name, secret in (("auth", AUTHENTICATION_SECRET), ("priv", PRIVACY_SECRET), ("community", COMMUNITY), ("key", key)):
        site.write(f"secrets/{name}", secret)
    folder = site.folder / "secrets"
    site.write(
        "credentials.d/snmp.yaml",
        f"id: snmp-core\ntype: snmp_v3\nuser: {USER}\nauthentication: SHA-256\nauthentication_secret: file:{folder}/auth\n"
        f"privacy: AES\nprivacy_secret: file:{folder}/priv\nport: {snmp_port}\n",
    )
    site.write("credentials.d/community.yaml", f"id: snmp-old\ntype: snmp_v2c\ncommunity: file:{folder}/community\nport: {snmp_port}\n")
    site.write("credentials.d/ssh.yaml", f"id: ssh-linux\ntype: ssh\nuser: {user}\nprivate_key: file:{folder}/key\nport: {ssh_port}\n")


def hosts(site: Site) -> list[dict[str, Any]]:
    """CIs that are no part of another and no mere address."""
    found = site.api.items("/v1/cis", query="class:device", limit=50)
    return [each for each in found if each["owner"] is None]


def one_host_of_three(site: Site) -> dict[str, Any] | None:
    found = hosts(site)
    return found[0] if len(found) == 1 and {"agent", "snmp", "ssh"} <= set(found[0]["source_kinds"]) else None


def difference_of_port(site: Site, port: int, *, state: str = "open") -> dict[str, Any] | None:
    found = site.api.items("/v1/differences", query=f"port:{port}", state=state)
    return next((each for each in found if each["kind"] == "new_ci"), None)


def shop(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.api.get("/v1/services/shop")
    return found


def open_alert(server: Alertmanager) -> dict[str, Any] | None:
    return next((each for each in server.alerts() if each["labels"].get("muster_incident")), None)


@pytest.mark.timeout(240)
@pytest.mark.xdist_group("story")
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_whole_story(engine: str, tmp_path: Path) -> None:
    database = engine_url(engine, tmp_path)
    shop_port = free_port()
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(running_receiver(SECRET))
        alertmanager = stack.enter_context(running_alertmanager(tmp_path / "alertmanager", resolve_timeout=f"{RESOLVE_SECONDS}s"))
        snmpd = stack.enter_context(running_snmpd(tmp_path / "snmpd"))
        (tmp_path / "sshd").mkdir()
        sshd = stack.enter_context(running_sshd(tmp_path / "sshd"))
        site = stack.enter_context(open_site(tmp_path / "site", database))
        write_credentials(site, snmp_port=snmpd.port, ssh_port=sshd.port, user=sshd.user, key=sshd.private_key)
        site.write("discovery.d/this-host.yaml", JOB.format(port=shop_port, credentials="{id: snmp-core}, {id: ssh-linux}"))
        write_targets(site, receiver, alertmanager)
        site.start_collector()
        try:
            tell(site, stack, receiver, alertmanager, shop_port)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{site.words()}") from error


def write_targets(site: Site, receiver: WebhookReceiver, alertmanager: Alertmanager) -> None:
    site.write("secrets/webhook", SECRET)
    site.write(
        "targets.d/desk.yaml", f"id: desk\ntype: webhook\nurl: {receiver.url}\nsecret: file:{site.folder}/secrets/webhook\nallow_private: true\n"
    )
    site.write("targets.d/alerts.yaml", f"id: alerts\ntype: alertmanager\nurl: {alertmanager.url}\nallow_private: true\n")


def tell(site: Site, stack: contextlib.ExitStack, receiver: WebhookReceiver, alertmanager: Alertmanager, shop_port: int) -> None:
    # Three sources, one CI, though this host may have no DMI and only a locally administered MAC.
    site.start_agent()
    site.start_discovery()
    host = eventually(lambda: one_host_of_three(site), seconds=60, what="one host of agent, SNMP and SSH")
    detail = site.api.get(f"/v1/cis/{host['id']}")
    assert {link["source"]["kind"] for link in detail["links"]} >= {"agent", "snmp", "ssh"}
    assert all(link["explanation"] for link in detail["links"])

    # The record begins: what is there is accepted.
    site.command("difference", "accept", "--query", "class:device", "--reason", "first inventory", "--yes")
    eventually(lambda: hosts(site)[0]["is_recorded"], what="the host on record")

    # Something changes on the host: a service starts to listen. It waits for review, a person accepts it.
    with listening(shop_port, site.folder / "shop"):
        difference = eventually(lambda: difference_of_port(site, shop_port), seconds=30, what="the difference of a new listener")
        decided = site.api.call(
            "POST",
            f"/v1/differences/{difference['id']}/decision",
            {"decision": "accept", "observed_token": difference["observed_token"], "reason": "shop went live"},
        )
        assert decided.status == 200, decided
        assert difference_of_port(site, shop_port) is None

        # It becomes a service with a target.
        site.write("services.d/shop.yaml", SERVICE.format(port=shop_port))
        eventually(lambda: _state(site) == "up", seconds=30, what="the shop being up")

    # It stops: availability falls, one incident arrives at two tools.
    eventually(lambda: _state(site) == "down", seconds=30, what="the shop being down")
    opened = eventually(lambda: [each for each in receiver.accepted if each["type"] == "incident.opened"], seconds=30, what="the webhook")
    assert [each["data"]["services"][0]["id"] for each in opened] == ["shop"]
    alert = eventually(lambda: open_alert(alertmanager), seconds=30, what="the alert")
    assert alert["labels"]["muster_incident"] == opened[0]["data"]["incident_id"]

    # The collector is killed while it is down, comes back, and has lost nothing.
    before = site.api.get("/v1/overview")["reports_received_total"]
    site.processes["collector"].stop(signal.SIGKILL)
    site.start_collector()
    assert site.api.get("/v1/overview")["reports_received_total"] >= before
    assert [each["state"] for each in site.api.items("/v1/incidents")] == ["open"]
    check_downstream(site, stack)
    until = time.monotonic() + 3 * RESOLVE_SECONDS
    eventually(lambda: bool(open_alert(alertmanager)) and time.monotonic() > until, seconds=30, what="an alert that outlives its time-out")

    # It comes back: resolved everywhere, and the downtime counts.
    with listening(shop_port, site.folder / "shop"):
        eventually(lambda: "incident.resolved" in receiver.accepted_types, seconds=60, what="the resolution")
        eventually(lambda: open_alert(alertmanager) is None, seconds=30, what="the alert's end")
        eventually(lambda: _state(site) == "up", seconds=30, what="the shop being up again")
    assert receiver.accepted_types.count("incident.opened") == 1
    assert all(each.is_verified for each in receiver.received)
    check_availability(site)
    assert [site.processes[name].stop() for name in ("discover", "agent", "collector")] == [0, 0, 0]
    assert "Traceback" not in site.words()


def _state(site: Site) -> str | None:
    answer = site.api.call("GET", "/v1/services/shop")
    return answer.body["state"] if answer.status == 200 else None


def check_downstream(site: Site, stack: contextlib.ExitStack) -> None:
    """Prometheus scrapes the figures, and finds this host by service discovery."""
    exposition = site.api.call("GET", "/metrics")
    assert check_metrics(exposition.body) == ""
    server = stack.enter_context(running_prometheus(site.folder / "prometheus", collector=f"127.0.0.1:{site.port}", token=site.token))
    eventually(lambda: server.query('muster_service_state{service="shop",state="down"} == 1'), seconds=30, what="the shop's state in Prometheus")
    found = eventually(lambda: server.targets("discovered"), seconds=30, what="a discovered target")
    assert hosts(site)[0]["id"] in {each["labels"].get("ci_id") for each in found}


def check_availability(site: Site) -> None:
    """The API, the command line and a recomputation outside the system give the same integers."""
    events = site.api.items("/v1/incidents")[0]
    window = {"from": str(events["started_at"] - 5_000), "to": str(events["resolved_at"])}
    told = site.api.get("/v1/services/shop/availability", **window)["result"]
    assert told["downtime_ms"] > 0
    case = site.api.get("/v1/services/shop/case", **window)
    recomputed = json.loads(site.command("availability", "compute", str(site.write("case.json", json.dumps(case)))).stdout)
    assert (recomputed["downtime_ms"], recomputed["agreed_ms"]) == (told["downtime_ms"], told["agreed_ms"])
    figures = shop(site)["figures"]["month_to_date"]
    assert figures["downtime_ms"] >= told["downtime_ms"]
