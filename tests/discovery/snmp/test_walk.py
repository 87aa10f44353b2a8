"""The walk reads whole tables from good agents, and ends with a reason at every bad one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.snmp.varbind import COUNTER32, Oid, Varbind
from discovery.snmp.walk import Response, Walk, WalkLimits, walk_columns
from muster.clock import FakeClock
from muster.errors import UnavailableError
from tests.discovery.snmp.agent_double import AgentDouble, silent, table_of

A, B, C = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2), (1, 3, 6, 1, 2, 1, 2, 2, 1, 5), (1, 3, 6, 1, 2, 1, 2, 2, 1, 8)
BEYOND = {(1, 3, 6, 1, 2, 1, 99, 0): Varbind((1, 3, 6, 1, 2, 1, 99, 0), 2, 7)}
BOUND = 400


async def walk(agent: AgentDouble, wanted: Sequence[Oid], **limits: float) -> Walk:
    return await walk_columns(agent, wanted, WalkLimits(**limits))  # type: ignore[arg-type]  # integers where they are due


@given(
    rows=st.tuples(*[st.sets(st.integers(1, 500), max_size=60)] * 3),
    row_limit=st.integers(1, 80),
    columns=st.integers(1, 6),
    first=st.integers(1, 12),
)
async def test_every_row_of_every_column_is_read_whatever_the_answers_hold(
    rows: tuple[set[int], set[int], set[int]], row_limit: int, columns: int, first: int
) -> None:
    objects = {**table_of(A, sorted(rows[0])), **table_of(B, sorted(rows[1])), **table_of(C, sorted(rows[2])), **BEYOND}
    agent = AgentDouble(objects, row_limit)
    found = await walk(agent, [A, B, C], columns=columns, first_repetitions=first)
    assert {each.oid: each for each in found.varbinds} == {oid: each for oid, each in objects.items() if oid not in BEYOND}
    assert len(found.varbinds) == len(objects) - 1
    assert (found.is_complete, found.reason, found.request_count) == (True, "", len(agent.requests))


@given(faults=st.lists(st.sampled_from(["tooBig", "genErr", "empty", "silent", "good"]), max_size=12))
async def test_passing_faults_cost_speed_and_nothing_else(faults: list[str]) -> None:
    objects = {**table_of(A, range(1, 40)), **table_of(B, range(1, 40))}

    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        # The first request is answered: a device silent from the start is not there.
        fault = faults[number - 2] if 2 <= number < len(faults) + 2 else "good"
        if fault == "silent":
            raise UnavailableError("no SNMP answer: timed out")
        return {"tooBig": Response((), 1, 0), "genErr": Response((), 5, 1), "empty": Response(())}.get(fault)

    found = await walk(AgentDouble(objects, misbehave=misbehave), [A, B])
    if found.is_complete:
        assert {each.oid for each in found.varbinds} == set(objects)
    else:
        assert found.reason
        assert {each.oid for each in found.varbinds} < set(objects)
    assert found.request_count < BOUND


async def test_too_big_answers_are_halved_down_to_one_row() -> None:
    objects = {**table_of(A, range(1, 9)), **table_of(B, range(1, 9))}

    def misbehave(_number: int, oids: Sequence[Oid], repetitions: int) -> Response | None:
        return Response((), 1, 0) if len(oids) * repetitions > 1 else None

    agent = AgentDouble(objects, misbehave=misbehave)
    found = await walk(agent, [A, B])
    assert (found.is_complete, {each.oid for each in found.varbinds}) == (True, set(objects))
    assert ("get_bulk", 1, 1) in agent.requests


async def test_a_size_that_was_not_answered_is_not_tried_again() -> None:
    """Where long answers are lost on the way, each try costs a time-out."""
    objects = table_of(A, range(1, 400))
    lost = []

    def misbehave(_number: int, oids: Sequence[Oid], repetitions: int) -> Response | None:
        if len(oids) * repetitions > 20:
            lost.append(repetitions)
            raise UnavailableError("no SNMP answer: none within 4 s")
        return None

    agent = AgentDouble(objects, misbehave=misbehave)
    found = await walk(agent, [A])
    assert (found.is_complete, len(found.varbinds), lost) == (True, 399, [32])
    assert found.learned is not None
    assert found.learned.maximum_repetitions == 16


async def test_an_agent_without_getbulk_is_walked_by_getnext() -> None:
    objects = table_of(A, range(1, 9))

    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        return Response((), 5, 1) if agent.requests[number - 1][0] == "get_bulk" else None

    agent = AgentDouble(objects, misbehave=misbehave)
    found = await walk(agent, [A])
    assert (found.is_complete, len(found.varbinds)) == (True, 8)


@pytest.mark.parametrize("step", [0, -1])
async def test_an_oid_that_does_not_increase_ends_its_column_alone(step: int) -> None:
    objects = {**table_of(A, range(10, 30)), **table_of(B, range(10, 30))}

    def misbehave(_number: int, oids: Sequence[Oid], repetitions: int) -> Response | None:
        if oids[0][: len(A)] != A or oids[0] == A:
            return None
        stuck = (*oids[0][:-1], oids[0][-1] + step)
        return Response([Varbind(stuck if oid == oids[0] else (*oid[:-1], oid[-1] + 100), 2, 1) for _ in range(repetitions) for oid in oids])

    found = await walk(AgentDouble(objects, misbehave=misbehave), [A, B], maximum_varbinds=500)
    assert not found.is_complete
    assert "does not increase" in found.reason
    assert found.request_count < BOUND


async def test_an_endless_table_ends_at_the_limit() -> None:
    def misbehave(_number: int, oids: Sequence[Oid], repetitions: int) -> Response | None:
        last = [oid[-1] if oid != A else 0 for oid in oids]
        return Response([Varbind((*A, number + step), 2, 1) for step in range(1, repetitions + 1) for number in last])

    found = await walk(AgentDouble({}, misbehave=misbehave), [A], maximum_varbinds=1000)
    assert (found.is_complete, found.reason) == (False, "more than 1000 values")
    assert 1000 <= len(found.varbinds) < 1100


async def test_a_slow_table_ends_at_its_time() -> None:
    clock = FakeClock()

    def misbehave(_number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        clock.advance(seconds=7)
        return None

    agent = AgentDouble(table_of(A, range(1, 5000)), row_limit=1, misbehave=misbehave)
    found = await walk_columns(agent, [A], WalkLimits(maximum_seconds=60), clock=clock)
    assert (found.is_complete, found.reason, len(found.varbinds)) == (False, "took longer than 60 s", 9)


async def test_a_device_silent_from_the_start_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await walk(AgentDouble(table_of(A, [1]), misbehave=silent(1)), [A])


async def test_a_device_that_falls_silent_gives_what_it_gave_and_says_so() -> None:
    agent = AgentDouble(table_of(A, range(1, 100)), misbehave=silent(*range(3, 100)))
    found = await walk(agent, [A])
    assert (found.is_complete, 0 < len(found.varbinds) < 99) == (False, True)
    assert "no SNMP answer" in found.reason


async def test_answers_for_other_columns_are_not_taken() -> None:
    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        return Response([Varbind((1, 3, 6, 1, 9, 9, number), COUNTER32, 1)])

    found = await walk(AgentDouble({}, misbehave=misbehave), [A, B])
    assert (found.varbinds, found.is_complete) == ([], True)


@given(st.data())
async def test_the_walk_ends_at_any_agent(data: st.DataObject) -> None:
    """Whatever bindings come, in any number and order: bounded requests, and nothing from outside the columns."""
    arcs = st.tuples(st.sampled_from([A, B, (1, 3)]), st.lists(st.integers(0, 9), max_size=2)).map(lambda each: (*each[0], *each[1]))
    varbinds = st.builds(Varbind, arcs, st.sampled_from([2, 4, 130]), st.none())
    responses = st.builds(Response, st.lists(varbinds, max_size=6), st.sampled_from([0, 0, 0, 1, 5, 99]))

    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        return data.draw(responses) if number < 30 else Response((), 5, 1)

    found = await walk(AgentDouble({}, misbehave=misbehave), [A, B], maximum_varbinds=200)
    assert found.request_count < BOUND
    assert all(each.oid[: len(A)] in {A, B} for each in found.varbinds)
