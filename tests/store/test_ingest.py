"""A report becomes records, CIs, facts and differences once, however it arrives."""

from __future__ import annotations

from typing import Any

from tests.store.sender import Estate, item, section

HOST = item(
    "host",
    "server",
    attributes={"name": "web01", "os.kernel": "6.1.0-18", "boot_id": "b1"},
    machine_id="0123456789abcdef0123456789abcdef",
    hostname="web01",
    mac=["02:fc:00:00:00:01"],
    ssh_host_key=["SHA256:a"],
)


def package(name: str, version: str = "1.0") -> Any:
    attributes = {"name": name, "manager": "dpkg", "architecture": "amd64", "version": version}
    return item(f"pkg:dpkg:{name}:amd64", "software_package", owner="host", attributes=attributes)


def test_a_first_report_makes_a_host_with_its_contents(estate: Estate) -> None:
    receipt = estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"), package("curl"))})
    assert (receipt.answer.want, receipt.answer.rejected) == ([], [])
    assert estate.names() == [("server", "web01", None), ("software_package", "curl", "web01"), ("software_package", "nginx", "web01")]
    assert estate.differences() == [("new_ci", "web01", "", "open")]
