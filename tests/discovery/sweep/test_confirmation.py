"""From observations to states: down is confirmed and begins at the first failure; a blip is none; an observer's fault is no outage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from discovery.sweep.answer import Answer
from discovery.sweep.confirmation import Confirmation, Observed, combine_alive, is_vantage_lost

UP = Answer(is_up=True, is_alive=True)
DOWN = Answer(is_up=False, is_alive=False, reason="no echo reply")
UNASKED = Answer(is_up=None, is_alive=False, reason="not permitted")


def feed(*answers: Answer) -> list[list[Observed]]:
    confirmation = Confirmation()
    return [confirmation.observe(answer, at) for at, answer in enumerate(answers)]


def test_down_is_reported_when_two_of_three_failed_and_from_the_first_failure() -> None:
    assert feed(UP, DOWN, DOWN, DOWN) == [
        [Observed("up", 0)],
        [],
        [Observed("down", 1, "no echo reply"), Observed("down", 2, "no echo reply")],
        [Observed("down", 3, "no echo reply")],
    ]


def test_a_single_failure_is_no_downtime_and_is_told_with_the_next_success() -> None:
    assert feed(UP, DOWN, UP) == [[Observed("up", 0)], [], [Observed("up", 2, "answers again; one probe failed: no echo reply")]]


def test_two_failures_around_a_success_are_down_from_the_failure_after_it() -> None:
    assert feed(DOWN, UP, DOWN)[2] == [Observed("down", 2, "no echo reply")]


def test_the_first_success_ends_an_outage() -> None:
    assert feed(DOWN, DOWN, UP, DOWN)[2:] == [[Observed("up", 2)], []]


def test_what_could_not_be_asked_is_unknown_and_counts_neither_way() -> None:
    assert feed(DOWN, UNASKED, DOWN) == [
        [],
        [Observed("unknown", 1, "not permitted")],
        [Observed("down", 0, "no echo reply"), Observed("down", 2, "no echo reply")],
    ]


@given(st.lists(st.sampled_from([UP, DOWN]), max_size=60))
def test_what_is_reported_is_true_and_in_order(answers: list[Answer]) -> None:
    """No down without a failure at its instant, no up without an answer, instants never go back, and a lone failure is never down."""
    told = [each for states in feed(*answers) for each in states]
    assert [each.at for each in told] == sorted(each.at for each in told)
    assert all((each.state == "up") == bool(answers[each.at].is_up) for each in told)
    for each in told:
        if each.state == "down":
            window = answers[max(0, each.at - 2) : each.at + 3]
            assert sum(answer is DOWN for answer in window) >= 2


def test_after_the_observers_own_fault_failures_are_confirmed_anew() -> None:
    confirmation = Confirmation()
    confirmation.observe(DOWN, 0)
    assert confirmation.suspend(1, "vantage_lost") == Observed("unknown", 1, "vantage_lost")
    assert confirmation.observe(DOWN, 2) == []


def test_more_than_half_silent_at_once_is_the_observers_fault_unless_they_are_few() -> None:
    ten = [str(number) for number in range(10)]
    assert (is_vantage_lost(ten, ten[:5]), is_vantage_lost(ten, ten[:6]), is_vantage_lost(ten[:4], ten[:4])) == (False, True, False)
    assert not is_vantage_lost(ten, ["other"] * 9), "what never answered counts for nothing"


def test_any_sign_of_life_is_reachable_and_a_refused_connection_is_one() -> None:
    refused = Answer(is_up=False, is_alive=True, reason="refused")
    assert combine_alive({"icmp": DOWN, "tcp:22": refused}).is_up is True
    assert combine_alive({"icmp": DOWN, "tcp:22": DOWN}).is_up is False
    assert combine_alive({"icmp": UNASKED}).is_up is None
    assert combine_alive({"icmp": UNASKED, "tcp:22": DOWN}).is_up is False
    assert combine_alive({}).is_up is None
