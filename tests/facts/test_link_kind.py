"""What identifies a host by its links."""

from hypothesis import given
from hypothesis import strategies as st

from muster.facts.link_kind import classify_link, identifying_macs, render_mac


def test_only_links_of_the_host_itself_identify_it() -> None:
    links = [
        ("lo", "00:00:00:00:00:00"),
        ("eth0", "3E:A0:00:00:00:01"),
        ("ifb0", "aa:bb:cc:00:00:01"),
        ("docker0", "02:42:00:00:00:01"),
        ("veth1a2b", "02:42:00:00:00:02"),
        ("eth0.100", "3e:a0:00:00:00:02"),
        ("eth1@if4", "3e:a0:00:00:00:03"),
        ("bond0", "3e:a0:00:00:00:04"),
        ("enp3s0", "0050.56ab.cdef"),
        ("eth2", "ff:ff:ff:ff:ff:ff"),
        ("eth3", "01:00:5e:00:00:01"),
        ("eth4", "00:00:5e:00:01:0a"),
    ]
    assert identifying_macs(links) == ["00:50:56:ab:cd:ef", "3e:a0:00:00:00:01"]


def test_a_bridge_over_the_same_card_adds_nothing() -> None:
    assert identifying_macs([("eth0", "3e:a0:00:00:00:01"), ("vmbr0", "3e:a0:00:00:00:01")]) == ["3e:a0:00:00:00:01"]


def test_kinds_are_told_by_name() -> None:
    names = ["lo", "eth0", "wlan0", "br0", "bond1", "eth0.7", "wg0", "ifb1"]
    assert [classify_link(name) for name in names] == ["loopback", "ethernet", "wireless", "bridge", "bond", "vlan", "tunnel", "intermediate"]


@given(st.text())
def test_any_text_is_a_mac_or_none(text: str) -> None:
    mac = render_mac(text)
    assert mac is None or (len(mac) == 17 and mac == mac.lower() and render_mac(mac) == mac)


@given(st.lists(st.tuples(st.text(max_size=12), st.text("0123456789abcdefABCDEF:.-", max_size=20))))
def test_the_order_of_links_does_not_matter(links: list[tuple[str, str]]) -> None:
    assert identifying_macs(links) == identifying_macs(reversed(links))
