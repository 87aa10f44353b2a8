"""Blocks of samples come back bit by bit, in both forms, and the compact form is small."""

from __future__ import annotations

import math
import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from collector.store.sample_block import Block, Column, decode_block, encode_compact, encode_received

VALUE = st.one_of(st.none(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.floats(0, 1000).map(lambda value: round(value, 2)))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    times = sorted(draw(st.sets(st.integers(0, 2**42), min_size=1, max_size=20)))
    count = len(times)
    whole = st.lists(VALUE, min_size=count, max_size=count)
    floats = st.lists(st.floats(), min_size=count, max_size=count)
    counters = st.lists(st.integers(0, 2**64 - 1), min_size=count, max_size=count).map(sorted)
    return Block(times, draw(st.lists(st.one_of(whole, floats, counters), max_size=6)))


def bits(column: Column) -> list[object]:
    """Values that are equal only where type and every bit are."""
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in column]


@given(blocks())
def test_a_compact_block_comes_back_bit_by_bit(block: Block) -> None:
    times, columns = decode_block(encode_compact(block))
    assert times == block.times
    assert [bits(columns[at]) for at in range(len(block.columns))] == [bits(column) for column in block.columns]


@given(blocks())
def test_a_received_block_comes_back_bit_by_bit(block: Block) -> None:
    times, columns = decode_block(encode_received(block.times, block.columns))
    assert times == block.times
    assert [bits(columns[at]) for at in range(len(block.columns))] == [bits(column) for column in block.columns]


@given(blocks(), st.sets(st.integers(0, 8)))
def test_single_columns_come_out_as_of_the_whole(block: Block, wanted: set[int]) -> None:
    for body in (encode_compact(block), encode_received(block.times, block.columns)):
        _, columns = decode_block(body, wanted)
        assert {at: bits(column) for at, column in columns.items()} == {at: bits(column) for at, column in enumerate(block.columns) if at in wanted}


def node_hour(chance: random.Random) -> Block:
    """An hour of a host's metrics every 15 s: idle counters, busy counters, CPU seconds, loads, temperatures, ratios of full precision."""
    times = [1_772_359_200_000 + 15_000 * at + chance.randrange(-3, 4) for at in range(240)]
    columns: list[Column] = [[7] * 240 for _ in range(60)]
    for _ in range(60):
        total = chance.randrange(10**9)
        columns.append([total := total + chance.randrange(3000) for _ in times])
    for _ in range(40):
        seconds = chance.random() * 1e6
        columns.append([round(seconds := seconds + chance.random() * 2, 2) for _ in times])
    for _ in range(20):
        load = 1.0
        columns.append([round(load := max(0, load + chance.gauss(0, 0.05)), 2) for _ in times])
    columns += [[50 + math.sin(at / 40 + phase) for at in range(240)] for phase in range(10)]
    return Block(times, columns)


def test_an_hour_of_a_host_costs_about_a_byte_a_sample() -> None:
    block = node_hour(random.Random(20_261_124))
    samples = len(block.times) * len(block.columns)
    compact = len(encode_compact(block)) / samples
    received = (
        sum(len(encode_received(block.times[at : at + 4], [column[at : at + 4] for column in block.columns])) for at in range(0, 240, 4)) / samples
    )
    print(f"bytes a sample: {compact:.2f} compact, {received:.2f} as received")
    assert compact < 1.5
    assert compact < received / 2
