"""An agent that dies is no host that is down: what is unknown, what the agreement calls down, and what an independent check tells."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import pytest

from tests.end_to_end.site import Site, open_site
from tests.end_to_end.test_story import hosts
from tests.support.server import eventually
from tests.support.sshd import running_sshd

# With an agent that reports each second, its word is evidence for five.
CONFIGURATION = "[reconciliation]\nevidence_grace_seconds = 4\n"
JOB = """\
id: this-host
targets: [127.0.0.1]
probes: [ssh, "tcp:{port}"]
credentials: [{{id: ssh-linux}}]
schedule: {{every: 1h}}
poll: {{reachability: 5s, metrics: off}}
host_keys: trust_on_first_use
"""
SERVICE = """\
id: {name}
name: {{en: {name}}}
components: {components}
policies: {{silent: {silent}}}
targets: [{{sla: gold, availability: "0.999"}}]
"""


def state(site: Site, service: str) -> str:
    answer = site.api.call("GET", f"/v1/services/{service}")
    return str(answer.body["state"]) if answer.status == 200 else "absent"


def states(site: Site) -> dict[str, str]:
    return {name: state(site, name) for name in ("host", "host-strict", "part", "part-strict")}


@pytest.mark.timeout(120)
def test_killed_agent_makes_the_host_unknown_until_an_independent_check_tells(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        (tmp_path / "sshd").mkdir()
        sshd = stack.enter_context(running_sshd(tmp_path / "sshd"))
        site = stack.enter_context(open_site(tmp_path / "site", f"sqlite:///{tmp_path}/muster.db"))
        site.write("secrets/key", sshd.private_key)
        site.write(
            "credentials.d/ssh.yaml", f"id: ssh-linux\ntype: ssh\nuser: {sshd.user}\nprivate_key: file:{site.folder}/secrets/key\nport: {sshd.port}\n"
        )
        site.write("discovery.d/this-host.yaml", JOB.format(port=sshd.port))
        site.start_collector("--config", str(site.write("collector.toml", CONFIGURATION)))
        try:
            tell(site)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{site.words()}") from error


def tell(site: Site) -> None:
    site.start_agent()
    host = eventually(lambda: next(iter(hosts(site)), None), seconds=30, what="the host")
    parts = {"host": f"{{all: [{{ci: {host['id']}}}]}}", "part": f"{{all: [{{query: 'class:listening_service port:{site.port}'}}]}}"}
    for name, components in parts.items():
        site.write(f"services.d/{name}.yaml", SERVICE.format(name=name, components=components, silent="unknown"))
        site.write(f"services.d/{name}-strict.yaml", SERVICE.format(name=f"{name}-strict", components=components, silent="down"))
    eventually(lambda: set(states(site).values()) == {"up"}, seconds=30, what="host and listener being up")

    # Nothing else watches the host: unknown, or what the agreement says.
    site.processes["agent"].stop(signal.SIGKILL)
    eventually(lambda: state(site, "host") != "up", seconds=20, what="the end of the agent's last word")
    assert state(site, "host") == "unknown"
    expected = {"host": "unknown", "host-strict": "down", "part": "unknown", "part-strict": "down"}
    eventually(lambda: states(site) == expected, seconds=20, what=f"{expected}")
    incidents = eventually(lambda: site.api.items("/v1/incidents"), seconds=10, what="the incident of the strict agreement")
    assert all({"host-strict", "part-strict"} & set(each["services"]) for each in incidents), incidents

    # Discovery finds that the host answers: it is up, and its agent alone is silent, so of its listener nothing is known.
    site.start_discovery()
    expected = {"host": "up", "host-strict": "up", "part": "unknown", "part-strict": "unknown"}
    eventually(lambda: states(site) == expected, seconds=30, what=f"{expected}")
    figures = {name: site.api.get(f"/v1/services/{name}")["figures"]["month_to_date"] for name in expected}
    assert (figures["host"]["downtime_ms"], figures["host"]["outage_count"]) == (0, 0)
    assert figures["host-strict"]["downtime_ms"] > 0
    assert "Traceback" not in site.words()
