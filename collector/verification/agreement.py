"""What a verification measured: how many CIs agree with their record, and how sure that is. Pure. Rules: docs/verification.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

from muster.verification import Agreement, CheckedValue, StratumResult, VerificationItem

CONFIDENCE = 0.95


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval of a proportion (E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22,
    1927, 209-212): it stays within 0 and 1 and holds for small samples and for proportions near 1, where the textbook one collapses.

    >>> [round(bound, 4) for bound in wilson_interval(48, 50)]
    [0.8654, 0.989]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    ratio = successes / trials
    scale = 1 + z * z / trials
    middle = (ratio + z * z / (2 * trials)) / scale
    half = z * math.sqrt(ratio * (1 - ratio) / trials + z * z / (4 * trials * trials)) / scale
    lower = 0.0 if successes == 0 else max(middle - half, 0.0)
    upper = 1.0 if successes == trials else min(middle + half, 1.0)
    return lower, upper


def summarise(items: Sequence[VerificationItem], population: Mapping[str, int]) -> Agreement:
    """The result of items that are all answered. `population`: class → how many CIs were in scope."""
    examined, total = len(items), sum(population.values())
    counts = {answer: sum(each.answer == answer for each in items) for answer in ("equal", "differs", "not_found")}
    values = [value for each in items for value in each.values if value.answer in ("equal", "differs")]
    ratio = counts["equal"] / examined if examined else None
    lower, upper = ratio, ratio
    if examined and examined < total:
        lower, upper = wilson_interval(counts["equal"], examined)
    return Agreement(
        population=total,
        examined=examined,
        equal=counts["equal"],
        differs=counts["differs"],
        not_found=counts["not_found"],
        values_compared=len(values),
        values_equal=sum(value.answer == "equal" for value in values),
        ratio=ratio,
        lower=lower,
        upper=upper,
        confidence=CONFIDENCE,
        strata=[_stratum(ci_class, count, items) for ci_class, count in sorted(population.items())],
    )


def judge(values: Iterable[CheckedValue]) -> str:
    """What the answers on a CI's values come to: open while one is, differs where one does, else equal."""
    answers = {each.answer for each in values}
    if "open" in answers:
        return "open"
    return "differs" if answers & {"differs", "not_found"} else "equal"


def _stratum(ci_class: str, count: int, items: Sequence[VerificationItem]) -> StratumResult:
    own = [each for each in items if each.ci.ci_class == ci_class]
    return StratumResult(ci_class, count, len(own), sum(each.answer == "equal" for each in own))
