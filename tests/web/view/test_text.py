"""What pages say: exact figures, marked words, instants and quantities."""

from __future__ import annotations

from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.language import load_words
from collector.web.return_address import safe_return
from collector.web.table_export import to_csv, to_json
from collector.web.view.as_at import parse_local
from collector.web.view.figure import say_percent, say_target, to_fraction
from collector.web.view.moment import DAY_MS, HOUR_MS, say_age, say_duration, say_exact, zone_name
from collector.web.view.relation import say_claim
from collector.web.view.service import Budget, to_budget
from collector.web.view.value import say_quantity, to_value
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.word_change import mark_words

BERLIN = Viewpoint(load_words("en"), ZoneInfo("Europe/Berlin"), 1_772_535_300_000)
SHANGHAI = Viewpoint(load_words("zh-Hans"), ZoneInfo("Asia/Shanghai"), 1_772_535_300_000)


@given(st.text(max_size=80), st.text(max_size=80))
def test_marked_pieces_join_to_the_texts(recorded: str, observed: str) -> None:
    left, right = mark_words(recorded, observed)
    assert ("".join(each.text for each in left), "".join(each.text for each in right)) == (recorded, observed)
    assert (recorded == observed) == (not any(each.is_changed for each in [*left, *right]))


def test_only_what_changed_is_marked() -> None:
    left, right = mark_words("6.1.0-18-amd64", "6.1.0-21-amd64")
    assert [each.text for each in left if each.is_changed] == ["18"]
    assert [each.text for each in right if each.is_changed] == ["21"]


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_figure_is_never_rounded_up(numerator: int, denominator: int) -> None:
    ratio = Fraction(min(numerator, denominator), denominator)
    shown = Fraction(say_percent(ratio).removesuffix(" %")) / 100
    assert shown <= ratio < shown + Fraction(1, 100_000)


def test_figure_just_below_its_target_is_not_shown_as_the_target() -> None:
    assert (say_percent(Fraction(999_499_9, 10_000_000), 2), say_target("0.9995")) == ("99.94 %", "99.95 %")


def test_no_agreed_time_is_no_figure() -> None:
    assert say_percent(to_fraction({"numerator": 0, "denominator": 0})) == "—"


def test_window_of_which_nothing_counted_has_no_budget_to_spend() -> None:
    empty = {"error_budget": {"allowed_ms": {"numerator": 0, "denominator": 1}, "remaining_ms": {"numerator": 0, "denominator": 1}}}
    spent = {"error_budget": {"allowed_ms": {"numerator": 0, "denominator": 1}, "remaining_ms": {"numerator": -60_000, "denominator": 1}}}
    assert to_budget(empty, BERLIN) is None
    assert to_budget(spent, BERLIN) == Budget("1 min over budget", 0.0, is_spent=True)


@pytest.mark.parametrize(
    ("milliseconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (250, "250 ms", "250 毫秒"),
        (65_000, "1 min 5 s", "1 分钟 5 秒"),
        (3 * HOUR_MS + 720_000, "3 h 12 min", "3 小时 12 分钟"),
        (2 * DAY_MS, "2 d", "2 天"),
        (-90_000, "−1 min 30 s", "−1 分钟 30 秒"),
    ],
)
def test_duration_is_said_in_its_two_largest_units(milliseconds: int, english: str, chinese: str) -> None:
    assert (say_duration(milliseconds, BERLIN), say_duration(milliseconds, SHANGHAI)) == (english, chinese)


def test_instant_names_its_zone() -> None:
    assert say_exact(1_772_535_300_000, BERLIN) == "2026-03-03 11:55:00 CET"
    assert zone_name(1_780_000_000_000, BERLIN) == "CEST"
    assert say_age(9 * 60_000, SHANGHAI) == "9 分钟前"
    assert say_age(-2 * HOUR_MS, BERLIN) == "in 2 h"


def test_local_time_of_a_form_is_of_the_readers_zone() -> None:
    assert parse_local("2026-03-03T11:55", BERLIN) == 1_772_535_300_000
    assert parse_local("2026-03-29T02:30", BERLIN) is not None  # an hour that the clock skips
    assert parse_local("soon", BERLIN) is None
    assert parse_local(None, BERLIN) is None


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (2**30, "bytes", "1 GiB"),
        (1_500_000_000, "bit/s", "1.5 Gbit/s"),
        (0.421, "ratio", "42.1 %"),
        (8161, "", "8161"),
        (61.5, "celsius", "61.5 °C"),
    ],
)
def test_quantity_has_a_readable_size(number: float, unit: str, text: str) -> None:
    assert say_quantity(number, unit) == text


def test_long_list_is_cut_and_kept_whole_behind() -> None:
    value = to_value([f"10.0.0.{number}" for number in range(40)], BERLIN)
    assert (len(value.texts), value.more, value.exact.count(",")) == (12, 28, 39)


def test_unknown_end_of_a_relation_is_told_by_its_identifiers() -> None:
    neighbour = {"identifiers": {"sysname": "ap-7", "name": "Gi0"}, "class": "interface"}
    claim = {"type": "connected_to", "from": "snmp:serial:acme:1/if:Gi1", "to": neighbour}
    assert say_claim(claim, "out", BERLIN) == "system name ap-7, name Gi0"
    assert say_claim(claim, "out", SHANGHAI) == "系统名称 ap-7, 名称 Gi0"
    assert say_claim(claim, "in", BERLIN) == "snmp:serial:acme:1/if:Gi1"


def test_exported_cell_is_no_formula() -> None:
    assert to_csv(["name"], [["=cmd|' /C calc'!A0"], [-5], [["a", "b"]], [None]]) == "name\r\n'=cmd|' /C calc'!A0\r\n-5\r\na; b\r\n\"\"\r\n"
    assert to_json(["name", "ip"], [["a", ["x"]]]) == b'[{"name":"a","ip":["x"]}]'


@given(st.text(max_size=60))
def test_return_address_stays_on_this_server(address: str) -> None:
    led = safe_return(address)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))
