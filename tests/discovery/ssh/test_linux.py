"""A Linux host over SSH: the agent's items, what is missing without root, one failing command at a time."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence

import msgspec
import pytest

from agent.host import Host
from agent.inventory_child import split_output
from agent.inventory_process import read_inventory
from discovery.credential import Login, parse_private_key
from discovery.device import DiscoveredDevice
from discovery.ssh.command import COMMANDS, Command
from discovery.ssh.connection import CommandResult, SshTarget, connect_ssh
from discovery.ssh.host_key import HostKeyStore
from discovery.ssh.linux import NotLinuxError, fetch_linux, fetch_results
from muster.facts.link_kind import classify_link
from muster.model.ci_class import load_catalogue
from muster.wire.report import Item, Section
from tests.conftest import ROOT
from tests.support.sshd import Sshd

FAILED = CommandResult(b"", "sh: not found", 127)
# What moves between two looks at a living machine.
PASSING = {"listening_service"}


class Recorded:
    """A host whose answers are kept; some of them may be replaced."""

    host_key = "SHA256:recorded"

    def __init__(self, results: dict[str, CommandResult], **replaced: CommandResult) -> None:
        self._answers = {command.arguments: replaced.get(command.name, results.get(command.name, FAILED)) for command in COMMANDS}
        self.asked: list[tuple[str, ...]] = []

    def run(self, arguments: Sequence[str]) -> CommandResult:
        self.asked.append(tuple(arguments))
        if arguments[0] == "sudo":
            return CommandResult(b"", "sudo: a password is required", 1)
        return self._answers[tuple(arguments)]


@pytest.fixture(scope="module")
def results(sshd: Sshd, tmp_path_factory: pytest.TempPathFactory) -> dict[str, CommandResult]:
    """What a real host answered, asked once."""
    store = HostKeyStore(tmp_path_factory.mktemp("keys") / "known_hosts")
    login = Login(sshd.user, parse_private_key(sshd.private_key, None, where="test"), port=sshd.port)
    with connect_ssh(SshTarget("127.0.0.1"), login, store, trusts_on_first_use=True) as connection:
        return fetch_results(connection, has_sudo=False)


def device_of(results: dict[str, CommandResult], **replaced: CommandResult) -> DiscoveredDevice:
    return fetch_linux(Recorded(results, **replaced), interval_seconds=600)


def part(device: DiscoveredDevice, name: str) -> Section:
    return next(section for key, section in device.sections.items() if key.partition(":")[0] == name)


def plain(device: DiscoveredDevice, name: str) -> list[Item]:
    """The items as an agent writes them: without the device's own ref."""
    return [
        msgspec.structs.replace(
            item, ref="host" if item.owner is None else item.ref.removeprefix(device.ref + "/"), owner="host" if item.owner else None
        )
        for item in part(device, name).items or []
    ]


def test_agent_and_ssh_see_one_host_as_equal_items(results: dict[str, CommandResult]) -> None:
    """Class, identifiers and attributes, item by item: the agent on this machine, and what a real sshd on it just answered."""
    device = device_of(results)
    with contextlib.closing(Host("/")) as here:
        headers, blobs = read_inventory(here, (), {})
    agents = {each.name: each for each in split_output(json.dumps(headers).encode(), b"".join(blobs))}
    assert sorted(agents) == sorted(key.partition(":")[0] for key in device.sections)
    for name, told in agents.items():
        section = part(device, name)
        assert (section.status, section.complete) == (told.status, told.is_complete), name
        expected = {item.ref: item for item in msgspec.msgpack.decode(told.items or b"\x90", type=list[Item])}
        found = {item.ref: item for item in plain(device, name)}
        if name in PASSING:
            common = expected.keys() & found.keys()
            assert {ref: found[ref] for ref in common} == {ref: expected[ref] for ref in common}
            assert common, "the sshd of the test listens all the while"
        else:
            assert found == expected, name


def test_every_item_is_of_a_known_class_with_known_attributes(results: dict[str, CommandResult]) -> None:
    catalogue = load_catalogue()
    device = device_of(results)
    items = [item for section in device.sections.values() for item in section.items or []]
    assert len(items) > 100
    for item in items:
        known = catalogue.get(item.ci_class)
        assert known is not None, item
        assert set(item.attributes) <= set(known.attributes), item


def test_the_host_says_what_identifies_it_and_its_ref_holds_no_address(results: dict[str, CommandResult]) -> None:
    device = device_of(results)
    host = part(device, "host").items[0]  # type: ignore[index]
    assert {"hostname", "mac", "machine_id", "ssh_host_key"} <= set(host.identifiers)
    assert host.ref == device.ref
    assert device.ref.startswith(f"ssh:machine:{host.identifiers['machine_id']}+")
    assert not any(address in device.ref for address in host.identifiers["ip"])
    assert all(len(name) <= 128 for name in device.sections)


def test_the_same_host_gives_the_same_digests_whatever_was_reached_first(results: dict[str, CommandResult]) -> None:
    assert {key: section.digest for key, section in device_of(results).sections.items()} == {
        key: section.digest for key, section in device_of(results).sections.items()
    }


@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.is_required], ids=lambda each: each.name)
def test_a_command_that_fails_costs_only_what_it_tells(results: dict[str, CommandResult], command: Command) -> None:
    whole, less = device_of(results), device_of(results, **{command.name: FAILED})
    assert {name.partition(":")[0] for name in less.sections} == {name.partition(":")[0] for name in whole.sections}
    touched = {"machine_id": {"host"}, "links": {"host", "network"}}
    for name in (key.partition(":")[0] for key in whole.sections):
        if command.name in touched and name not in touched[command.name]:
            assert plain(less, name) == plain(whole, name), name
    for section in less.sections.values():
        assert section.status == "ok" or not section.complete
        assert section.status == "ok" or section.reason


@pytest.mark.parametrize(
    ("command", "section"),
    [("listeners", "listening_service"), ("passwd", "account"), ("mounts", "filesystem"), ("cpuinfo", "hardware"), ("disks", "hardware")],
)
def test_a_section_without_its_command_concludes_no_absence(results: dict[str, CommandResult], command: str, section: str) -> None:
    assert not part(device_of(results, **{command: FAILED}), section).complete


@pytest.mark.parametrize("command", ["dpkg", "rpm", "passwd", "addresses", "disks"])
def test_output_that_was_cut_is_not_complete(results: dict[str, CommandResult], command: str) -> None:
    cut = results[command]._replace(exit_status=None, reason="more than 10 bytes of output")
    section = {"dpkg": "package", "rpm": "package", "passwd": "account", "addresses": "network", "disks": "hardware"}[command]
    assert not part(device_of(results, **{command: cut}), section).complete


def test_memory_that_only_root_may_read_is_skipped_and_not_absent(results: dict[str, CommandResult]) -> None:
    denied = CommandResult(b"", "cat: /sys/firmware/dmi/tables/DMI: Permission denied", 1)
    section = part(device_of(results, dmi_table=denied), "memory")
    assert (section.status, section.complete) == ("skipped", False)
    assert "Permission denied" in (section.reason or "")


def test_without_a_machine_id_the_mac_address_and_then_the_host_key_name_the_host(results: dict[str, CommandResult]) -> None:
    first = next(link for link in part(device_of(results), "network").items or [] if classify_link(str(link.attributes["name"])) == "ethernet")
    assert device_of(results, machine_id=FAILED).ref == f"ssh:machine:{first.attributes['mac']}"
    assert re.fullmatch(r"ssh:host-key:[0-9a-f]{32}", device_of(results, machine_id=FAILED, links=FAILED, addresses=FAILED).ref)


def test_a_host_that_answers_nothing_is_no_linux_host(results: dict[str, CommandResult]) -> None:
    with pytest.raises(NotLinuxError, match="gave nothing"):
        device_of(results, hostname=CommandResult(b"", "% Invalid command", 1))


def test_sudo_is_used_for_what_needs_root_alone_and_its_refusal_costs_nothing(results: dict[str, CommandResult]) -> None:
    host = Recorded(results)
    with_sudo = fetch_linux(host, has_sudo=True, interval_seconds=600)
    asked = {arguments[3:] for arguments in host.asked if arguments[0] == "sudo"}
    assert asked == {command.arguments for command in COMMANDS if command.needs_root}
    assert asked, "some commands do need root"
    assert all(arguments[:3] == ("sudo", "-n", "--") for arguments in host.asked if arguments[0] == "sudo")
    assert with_sudo.sections == device_of(results).sections


def test_every_command_stands_in_the_documentation_word_by_word() -> None:
    page = (ROOT / "docs" / "discovery.md").read_text(encoding="utf-8")
    missing = [command.name for command in COMMANDS if command.text not in page]
    assert missing == []
