"""What silence means for a service: unknown, unless an independent check tells, or the agreement says down; never while nobody listened."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.check_timeline import Evidence, Words, join_equal, resolve_silence, spare_gaps
from tests.evaluation.conftest import MINUTE, T0, Estate, id_of

SECOND = 1000
AGENT = 2
HOST = "id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: web-1}]}\n"
UNIT = "id: shop\nname: {en: Shop}\ncomponents: {all: [{ci: nginx.service}]}\n"
STRICT = "policies: {silent: down}\n"
DUE = T0 + 5 * MINUTE + 15 * SECOND


def host_with_unit(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.add_ci("nginx.service", ci_class="systemd_unit", owner=id_of("web-1"))
    talk(estate, minutes=0)


def talk(estate: Estate, *, minutes: int, agent: bool = True, icmp: str = "") -> None:
    """The agent each 15 s, its unit too, and a ping each 30 s where it has a result."""
    for tick in range(minutes * 4 + 1):
        if tick:
            estate.clock.advance(seconds=15)
        if agent:
            estate.observe("web-1", "up", check="agent_heartbeat", interval=15, source=AGENT)
            estate.observe("nginx.service", "up", check="systemd_unit", interval=15, source=AGENT)
        if icmp and tick % 2 == 0:
            estate.observe("web-1", icmp, check="icmp", interval=30)


async def month(estate: Estate) -> dict[str, Any]:
    await estate.evaluation().evaluate()
    figures: dict[str, Any] = estate.record().figures["month_to_date"]
    return figures


@pytest.mark.parametrize("document", [HOST, UNIT])
async def test_silence_that_nothing_can_probe_is_unknown_by_default(estate: Estate, document: str) -> None:
    host_with_unit(estate)
    estate.apply(document)
    talk(estate, minutes=5)
    estate.clock.advance(seconds=600)
    evaluation = estate.evaluation()
    assert await evaluation.evaluate() == []
    assert (estate.record().state, estate.record().since_at) == ("unknown", DUE)
    assert estate.record().figures["month_to_date"]["downtime_ms"] == 0


@pytest.mark.parametrize("document", [HOST, UNIT])
async def test_silence_that_nothing_can_probe_is_down_where_the_agreement_says_so(estate: Estate, document: str) -> None:
    host_with_unit(estate)
    estate.apply(document + STRICT)
    talk(estate, minutes=5)
    evaluation = estate.evaluation()
    estate.clock.advance(seconds=60)
    assert (await evaluation.evaluate(), estate.record().state) == ([], "up")
    estate.clock.advance(seconds=540)
    (opened,) = await evaluation.evaluate()
    assert (opened.type, opened.incident.started_at) == ("incident.opened", DUE)
    assert (estate.record().state, estate.record().since_at) == ("down", DUE)
    assert estate.record().figures["month_to_date"]["downtime_ms"] == 585 * SECOND
    case = evaluation.read_case("shop", T0, estate.clock.now_ms())
    assert case["components"][next(iter(case["components"]))][-1] == {"at": DUE, "state": "down"}


@pytest.mark.parametrize("policy", ["", STRICT])
async def test_host_that_answers_is_up_and_its_unit_unknown(estate: Estate, policy: str) -> None:
    host_with_unit(estate)
    estate.apply(HOST + policy, UNIT.replace("id: shop", "id: unit") + policy)
    talk(estate, minutes=5, icmp="up")
    talk(estate, minutes=10, agent=False, icmp="up")
    assert await estate.evaluation().evaluate() == []
    assert (estate.record().state, estate.record("unit").state) == ("up", "unknown")


async def test_host_that_does_not_answer_is_down_with_its_units_from_the_first_missed_word(estate: Estate) -> None:
    host_with_unit(estate)
    estate.apply(HOST, UNIT.replace("id: shop", "id: unit"))
    talk(estate, minutes=5, icmp="up")
    talk(estate, minutes=10, agent=False, icmp="down")
    await estate.evaluation().evaluate()
    assert [(estate.record(name).state, estate.record(name).since_at) for name in ("shop", "unit")] == [("down", DUE), ("down", DUE)]


async def test_probe_that_fell_silent_too_tells_nothing(estate: Estate) -> None:
    host_with_unit(estate)
    estate.apply(UNIT)
    talk(estate, minutes=5, icmp="down")
    estate.clock.advance(seconds=600)
    assert (await month(estate))["downtime_ms"] == 15 * SECOND  # the last ping holds until the next was due
    assert estate.record().state == "unknown"


async def test_time_in_which_no_collector_ran_is_unknown_and_never_down(estate: Estate) -> None:
    host_with_unit(estate)
    estate.run_collector(T0, T0 + 5 * MINUTE)
    estate.apply(HOST + STRICT)
    talk(estate, minutes=5)
    estate.clock.advance(seconds=1200)
    back = estate.clock.now_ms()
    estate.run_collector(back, back + 60 * MINUTE)
    evaluation = estate.evaluation()
    for _ in range(5):  # nobody is silent before the collector could have heard it
        assert (await evaluation.evaluate(), estate.record().state) == ([], "unknown")
        estate.clock.advance(seconds=15)
    estate.clock.advance(seconds=15)
    await evaluation.evaluate()
    assert (estate.record().state, estate.record().since_at) == ("down", back + 15 * SECOND)
    for each in ("web-1", "nginx.service"):
        estate.observe(each, "up", check="agent_heartbeat" if each == "web-1" else "systemd_unit", interval=15, source=AGENT)
    await evaluation.evaluate()
    assert estate.record().state == "up"


async def test_strict_and_lenient_agreement_see_the_same_component_each_in_its_way(estate: Estate) -> None:
    host_with_unit(estate)
    estate.apply(HOST, HOST.replace("id: shop", "id: strict") + STRICT)
    talk(estate, minutes=5)
    evaluation = estate.evaluation()
    estate.clock.advance(seconds=600)
    assert estate.types(await evaluation.evaluate()) == [("opened", "web-1")]
    assert (estate.record().state, estate.record("strict").state) == ("unknown", "down")


async def test_what_an_agent_says_of_a_part_holds_no_longer_than_its_heartbeat(estate: Estate) -> None:
    host_with_unit(estate)
    estate.apply(UNIT)
    for _ in range(20):
        estate.clock.advance(seconds=15)
        estate.observe("web-1", "up", check="agent_heartbeat", interval=15, source=AGENT)
        estate.observe("nginx.service", "up", check="systemd_unit", interval=600, source=AGENT)
    evaluation = estate.evaluation()
    estate.clock.advance(seconds=76)
    assert (await evaluation.evaluate(), estate.record().state, estate.record().since_at) == ([], "unknown", DUE)
    estate.observe("web-1", "up", check="agent_heartbeat", interval=15, source=AGENT)
    await evaluation.evaluate()
    assert estate.record().state == "up"


words = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["up", "degraded", "down", "unknown", "silent"])), max_size=8)
probes = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["up", "degraded", "down", "unknown"])), max_size=8)
MEANING = {"down": "down", "up": "unknown", "degraded": "unknown"}


def at_instant(timeline: Any, instant: int) -> str:
    return next((state for since, state in reversed(timeline) if since <= instant), "unknown")


@given(words, probes, st.sampled_from(["unknown", "down"]))
def test_only_silence_is_given_a_meaning_at_every_instant(raw: Any, told: Any, unprobed: Any) -> None:
    timeline, by_others = join_equal(raw), join_equal(told)
    resolved = resolve_silence(timeline, by_others, unprobed=unprobed)
    for instant in range(62):
        word = at_instant(timeline, instant)
        assert at_instant(resolved, instant) == (MEANING.get(at_instant(by_others, instant), unprobed) if word == "silent" else word)


@given(words, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=3))
def test_gaps_make_silence_unknown_and_touch_nothing_else(raw: Any, drawn: list[tuple[int, int]]) -> None:
    step = 10_000
    timeline: Words = join_equal((at * step, word) for at, word in raw)
    gaps: list[tuple[int, int]] = []
    for start, length in sorted(drawn):
        if not gaps or start * step > gaps[-1][1]:
            gaps.append((start * step, (start + length) * step))
    evidence = Evidence("up", last_at=0, interval_ms=step)
    spared = spare_gaps(timeline, gaps, evidence, 100 * step)
    for instant in range(0, 100 * step, step // 2):
        before, after = at_instant(timeline, instant), at_instant(spared, instant)
        if before != "silent" or any(start <= instant < end for start, end in gaps):
            assert after == ("unknown" if before == "silent" else before)
        elif not any(start <= instant <= end + evidence.holds_ms for start, end in gaps):
            assert after == "silent"
        else:
            assert after in {"silent", "unknown"}
    assert gaps or spared == timeline


async def test_component_that_answers_is_not_explained_by_another_sources_silence(estate: Estate) -> None:
    estate.add_ci("web-1")
    estate.observe("web-1", "up", check="reachability", reason="")
    estate.observe("web-1", "up", check="reachability", source=AGENT, reason="")
    estate.clock.advance(seconds=15)
    estate.observe("web-1", "unknown", check="reachability", source=AGENT, reason="no observation")
    estate.observe("web-1", "up", check="reachability", reason="")
    estate.apply(HOST)
    await estate.evaluation().evaluate()
    (component,) = estate.record().tree["children"]
    assert (component["state"], component["reason"]) == ("up", "")
