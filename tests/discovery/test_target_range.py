"""Targets: exactly the addresses that are named and not excluded, whatever way they are written."""

from __future__ import annotations

import ipaddress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.target_range import TargetRange, join_intervals, parse_networks, parse_target, parse_targets, subtract_intervals
from muster.errors import ConfigurationError

START = int(ipaddress.ip_address("10.0.0.0"))
addresses = st.integers(START, START + 600)
ends = st.tuples(addresses, addresses).map(sorted)


def text_of(number: int) -> str:
    return str(ipaddress.ip_address(number))


@given(st.lists(ends, max_size=6), st.lists(ends, max_size=6))
def test_targets_are_the_named_addresses_without_the_excluded_ones(wanted: list[list[int]], excluded: list[list[int]]) -> None:
    """The slow and obvious oracle: sets of numbers."""
    expected = {number for first, last in wanted for number in range(first, last + 1)}
    expected -= {number for first, last in excluded for number in range(first, last + 1)}
    targets = [f"{text_of(first)}-{text_of(last)}" for first, last in wanted]
    found = parse_targets(targets, [f"{text_of(first)}-{text_of(last)}" for first, last in excluded])
    assert list(found.addresses()) == [text_of(number) for number in sorted(expected)]
    assert found.address_count == len(expected)


@given(st.lists(ends, max_size=8), st.randoms())
def test_the_order_of_writing_does_not_matter(wanted: list[list[int]], random: Random) -> None:
    texts = [f"{text_of(first)}-{text_of(last)}" for first, last in wanted]
    shuffled = texts[:]
    random.shuffle(shuffled)
    assert parse_targets(texts).intervals == parse_targets(shuffled).intervals


@given(st.lists(ends, max_size=8), st.lists(ends, max_size=8))
def test_what_is_subtracted_and_what_is_left_are_the_whole(left: list[list[int]], right: list[list[int]]) -> None:
    whole = join_intervals([(4, first, last) for first, last in left])
    cut = join_intervals([(4, first, last) for first, last in right])
    rest = subtract_intervals(whole, cut)
    assert join_intervals([*rest, *cut]) == join_intervals([*whole, *cut])
    assert subtract_intervals(rest, cut) == rest


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_a_clear_error(text: str) -> None:
    try:
        found = parse_target(text)
    except ConfigurationError as error:
        assert "target" in str(error) or "range" in str(error) or "host's address" in str(error)  # noqa: PT017 -- every outcome is asserted
    else:
        assert isinstance(found, str | tuple)


def test_a_network_leaves_out_its_network_and_broadcast_addresses() -> None:
    assert list(parse_targets(["10.0.0.0/29"]).addresses()) == [f"10.0.0.{host}" for host in range(1, 7)]
    assert list(parse_targets(["10.0.0.4/31", "10.0.0.9/32"]).addresses()) == ["10.0.0.4", "10.0.0.5", "10.0.0.9"]


def test_a_credential_is_bound_to_every_address_of_its_network() -> None:
    assert parse_networks(["10.0.0.0/30"]) == ((4, START, START + 3),)


def test_exclusions_may_stand_among_the_targets_and_hold_for_what_names_resolve_to() -> None:
    found = parse_targets(["10.20.0.0/29", "!10.20.0.2", "switch-1.example.org", "!switch-2"])
    assert [*found.addresses()] == ["10.20.0.1", "10.20.0.3", "10.20.0.4", "10.20.0.5", "10.20.0.6"]
    assert (found.names, found.excludes("10.20.0.2"), found.excludes("10.20.0.3")) == (("switch-1.example.org",), True, False)


def test_a_range_may_end_in_its_last_octet() -> None:
    assert list(parse_targets(["10.0.0.250-252", "fd00::1-fd00::2"]).addresses()) == ["10.0.0.250", "10.0.0.251", "10.0.0.252", "fd00::1", "fd00::2"]


@pytest.mark.parametrize(
    "text",
    ["10.0.0.9-10.0.0.1", "10.0.0.300", "224.0.0.1", "0.0.0.0/0", "255.255.255.255", "fe80::1%eth0 x", "a b", "", "10.0.0.1-fd00::1", "-x", "::"],
)
def test_what_names_no_host_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_targets([text])


def test_a_job_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(ConfigurationError, match=r"16777214 addresses in one job, the limit is 262144"):
        parse_targets(["10.0.0.0/8"])


def test_an_empty_range_has_no_address() -> None:
    assert list(TargetRange().addresses()) == []
