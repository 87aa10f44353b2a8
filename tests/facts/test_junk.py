"""No parser of facts ever raises, whatever a host's files and commands print."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.facts.account import account_names, parse_accounts
from muster.facts.address import is_reported, render_address
from muster.facts.cpuinfo import parse_cpuinfo
from muster.facts.dmi import FILES, to_attributes
from muster.facts.dpkg import parse_dpkg_status
from muster.facts.host_name import find_fqdn
from muster.facts.link import SYSFS_FILES, parse_grep_output, parse_ip_addresses, parse_sysfs_links
from muster.facts.listener import parse_comm, parse_proc_net, parse_ss, parse_unit
from muster.facts.lsblk import parse_lsblk
from muster.facts.meminfo import parse_meminfo
from muster.facts.mountinfo import parse_mountinfo, select_storage
from muster.facts.os_release import parse_os_release
from muster.facts.proc_stat import boot_time_ms, parse_proc_stat
from muster.facts.python_distribution import parse_dist_info
from muster.facts.rpm import parse_rpm_query
from muster.facts.smbios import parse_memory_modules
from muster.facts.ssh_host_key import parse_public_keys
from muster.facts.systemctl import join_units

PARSERS: list[Callable[[str], object]] = [
    account_names,
    boot_time_ms,
    is_reported,
    parse_comm,
    parse_cpuinfo,
    parse_dpkg_status,
    parse_grep_output,
    parse_ip_addresses,
    parse_lsblk,
    parse_meminfo,
    parse_os_release,
    parse_proc_stat,
    parse_rpm_query,
    parse_ss,
    parse_unit,
    render_address,
    lambda text: find_fqdn(text[:5], text),
    lambda text: join_units(text, text),
    lambda text: parse_accounts(text, text),
    lambda text: parse_dist_info(text.splitlines()),
    lambda text: parse_proc_net(text, "tcp"),
    lambda text: parse_public_keys([text]),
    lambda text: parse_sysfs_links({f"eth0/{name}": text for name in SYSFS_FILES}),
    lambda text: select_storage(parse_mountinfo(text)),
    lambda text: to_attributes(dict.fromkeys(FILES, text)),
]
FRAGMENTS = st.sampled_from(
    [" ", "\n", "\n\n", "\t", ":", "=", "|", "\\040", " - ", "0", "-1", "cpu0", "tcp LISTEN", "0.0.0.0:22", "[::]:22", "pid=7", "x.service", "loaded",
     "Status: install ok installed", "Package: a", "\u0663", "²", '[{"ifname":"a","addr_info":[{}]}]', '{"blockdevices":[{"type":"disk","name":1}]}',
     "[" * 2000,
     "ssh-rsa AAAA", "  0: 00000000:0016 00000000:0000 0A 0 0 0 0 0 12", "processor : 0", "flags : hypervisor"]
)  # fmt: skip
TEXT = st.one_of(st.text(), st.lists(st.one_of(FRAGMENTS, st.text(max_size=4))).map("".join), st.lists(FRAGMENTS).map(" ".join))


@pytest.mark.parametrize("parse", PARSERS)
@given(text=TEXT)
def test_text_parsers_never_raise(parse: Callable[[str], object], text: str) -> None:
    parse(text)


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=60).map(lambda tail: b"\x11\x22" + tail + b"DIMM0\0\0")))
def test_the_smbios_parser_never_raises(table: bytes) -> None:
    parse_memory_modules(table)
