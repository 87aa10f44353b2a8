"""The agreement and its interval: against published figures, and against the share of repeated samples that it covers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.verification.agreement import judge, summarise, wilson_interval
from collector.verification.examine import examine, list_values
from muster.model.ci_class import load_catalogue
from muster.ports import CiRef
from muster.verification import Answer, CheckedValue, StratumResult, VerificationItem

SERVER = load_catalogue()["server"]


def item(number: int, answer: Answer, *values: CheckedValue, ci_class: str = "server") -> VerificationItem:
    return VerificationItem(number, CiRef(str(number), number, ci_class, f"ci-{number}"), answer, list(values), 1, "person:kim", "")


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    # R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_the_published_table(successes: int, trials: int, lower: float, upper: float) -> None:
    assert wilson_interval(successes, trials) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_ratio_and_mirrors_its_opposite(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    lower, upper = wilson_interval(successes, trials)
    assert 0 <= lower <= successes / trials <= upper <= 1
    mirrored = wilson_interval(trials - successes, trials)
    assert mirrored == (pytest.approx(1 - upper), pytest.approx(1 - lower))


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.9, 0.95])
def test_about_95_of_100_samples_cover_the_truth(truth: float) -> None:
    """Exactly, over all outcomes of 100 trials by the binomial distribution."""
    trials = 100
    covered = 0.0
    for successes in range(trials + 1):
        lower, upper = wilson_interval(successes, trials)
        if lower <= truth <= upper:
            covered += math.comb(trials, successes) * truth**successes * (1 - truth) ** (trials - successes)
    assert 0.93 < covered < 0.97


def test_a_sample_has_an_interval_and_a_whole_population_none() -> None:
    values = [CheckedValue("name", "a", "a", "equal"), CheckedValue("model", "R650", "R750", "differs")]
    items = [item(1, "equal", values[0]), item(2, "differs", *values), item(3, "not_found"), item(4, "equal", values[0], ci_class="printer")]
    sampled = summarise(items, {"printer": 10, "server": 30})
    assert (sampled.population, sampled.examined, sampled.equal, sampled.differs, sampled.not_found) == (40, 4, 2, 1, 1)
    assert (sampled.values_equal, sampled.values_compared) == (3, 4)
    assert (sampled.ratio, sampled.lower, sampled.upper) == (0.5, *wilson_interval(2, 4))
    assert sampled.strata == [StratumResult("printer", 10, 1, 1), StratumResult("server", 30, 3, 1)]
    whole = summarise(items, {"printer": 1, "server": 3})
    assert (whole.ratio, whole.lower, whole.upper) == (0.5, 0.5, 0.5)
    assert summarise([], {}).ratio is None


def test_a_ci_is_open_while_one_value_is_and_differs_where_one_does() -> None:
    def of(*answers: Answer) -> str:
        return judge(CheckedValue(str(place), 1, 1, answer) for place, answer in enumerate(answers))

    assert [of("equal", "open"), of("equal", "equal"), of("equal", "differs"), of("equal", "not_found")] == ["open", "equal", "differs", "differs"]


def test_only_what_is_governed_known_on_both_sides_and_seen_now_is_compared() -> None:
    recorded = {"name": "WEB", "vendor": "Dell", "owner": "kim", "memory_bytes": 100, "description": "x", "boot_id": "1", "model": "R650"}
    effective = {"name": "web", "vendor": "HPE", "memory_bytes": 103, "description": "y", "boot_id": "2"}
    answer, values = examine(SERVER, recorded, effective, is_seen=True)
    assert (answer, [(each.attribute, each.answer) for each in values]) == (
        "differs",
        [("memory_bytes", "equal"), ("name", "equal"), ("vendor", "differs")],
    )
    assert examine(SERVER, recorded, effective, is_seen=False) == ("not_found", [])
    assert examine(SERVER, recorded, {}, is_seen=True) == ("not_found", [])


def test_a_person_checks_every_recorded_value_that_does_not_move_by_itself() -> None:
    listed = list_values(SERVER, {"name": "web", "owner": "kim", "boot_id": "1", "site": None, "of_no_class": 1})
    assert listed == [CheckedValue("name", "web", None, "open"), CheckedValue("owner", "kim", None, "open")]
