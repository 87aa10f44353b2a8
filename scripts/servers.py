"""Install the real servers that tests talk to, where this machine allows it; say what is missing where it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# what is looked for → Debian's package
SERVERS = {
    "/usr/sbin/snmpd": "snmpd",
    "/usr/bin/snmpbulkwalk": "snmp",
    "/usr/sbin/sshd": "openssh-server",
    "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
    "/usr/bin/prometheus": "prometheus",
    "/usr/bin/prometheus-alertmanager": "prometheus-alertmanager",
    "/usr/bin/prometheus-node-exporter": "prometheus-node-exporter",
    "/usr/sbin/zabbix_agent2": "zabbix-agent2",
    "/usr/bin/chromium": "chromium",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc": "fonts-noto-cjk",
    "/usr/bin/systemd-analyze": "systemd",
    "/usr/bin/ip": "iproute2",
}


def missing_packages() -> list[str]:
    return sorted({package for path, package in SERVERS.items() if not Path(path).exists()})


def main() -> int:
    wanted = missing_packages()
    if not wanted:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"servers: installing {' '.join(wanted)}", flush=True)
        install(wanted)
        wanted = missing_packages()
    if not wanted:
        return 0
    print(f"servers: missing for the tests: {' '.join(wanted)}; as root: apt-get install --no-install-recommends {' '.join(wanted)}", file=sys.stderr)
    if os.environ.get("MUSTER_REQUIRE_SERVERS") == "1":
        return 1
    print("servers: the tests that need them will be skipped, each with its reason", file=sys.stderr)
    return 0


def install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # The packages' own services are not wanted: the tests start what they need on free ports.
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
    try:
        for command in (["update"], ["install", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", "-qy", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
    finally:
        if made:
            policy.unlink()


if __name__ == "__main__":
    sys.exit(main())
