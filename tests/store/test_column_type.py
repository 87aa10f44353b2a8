"""Ids and words of the axes: text in Python, few bytes on disk, found as text is."""

from __future__ import annotations

import uuid
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from collector.store.filter import compile_text
from collector.store.identifier import new_id, new_ids
from collector.store.schema import ci
from collector.store.uuid_text import NOBODY, least_id, to_bytes, to_text
from collector.store.word import CONTROL_LEVELS, LIFECYCLES, PRESENCES, STATES
from muster.model.state import ControlLevel, Lifecycle, Presence, State
from tests.store.sender import CATALOGUE, START, Estate, item
from tests.store.sender import section as told


@given(st.uuids())
def test_an_id_comes_back_as_it_was(value: uuid.UUID) -> None:
    assert to_text(to_bytes(str(value))) == str(value)
    assert to_bytes(str(value)) == value.bytes


@given(st.text())
def test_what_is_no_id_equals_none(value: str) -> None:
    assert to_bytes(value) == NOBODY


@given(st.integers(0, 2**48 - 1), st.integers(1, 500))
def test_ids_made_together_are_of_their_instant_and_follow_each_other(at: int, count: int) -> None:
    ids = new_ids(at, count)
    assert ids == sorted(set(ids))
    assert {uuid.UUID(bytes=each).version for each in ids} == {7}
    assert {int.from_bytes(each[:6], "big") for each in ids} == {at}
    assert {uuid.UUID(bytes=each).variant for each in ids} == {uuid.RFC_4122}


@pytest.mark.parametrize(
    ("numbers", "words"), [(LIFECYCLES, Lifecycle), (PRESENCES, Presence), (STATES, State), (CONTROL_LEVELS, ControlLevel)], ids=str
)
def test_every_word_has_a_number_of_its_own_in_the_order_of_the_alphabet(numbers: dict[str, int], words: object) -> None:
    assert set(numbers) == set(get_args(words))
    assert sorted(numbers, key=numbers.__getitem__) == sorted(numbers)
    assert len(set(numbers.values())) == len(numbers)


def _names(estate: Estate, query: str) -> list[str]:
    return [row[0] for row in estate.rows(select(ci.c.name).where(compile_text(query, CATALOGUE, START)).order_by(ci.c.number))]


def test_lists_are_searched_by_ids_and_words_as_by_text(estate: Estate) -> None:
    host = item("host", "server", attributes={"vendor": "Dell"}, serial="7XK2M13")
    package = item("p", "software_package", owner="host", attributes={"name": "bash", "manager": "dpkg", "version": "1"})
    estate.send("agent/web1/i1", {"host": told(host), "packages": told(package)})
    server = str(estate.rows(select(ci.c.id).where(ci.c.ci_class == "server"))[0][0])
    first, part = _names(estate, f"id:{server}"), ["bash"]
    everything = [*first, *part]
    assert len(first) == 1
    assert _names(estate, f"id:{server.upper()}") == first
    assert _names(estate, f"id:{server[:14]}*{server[-12:]}") == first
    assert _names(estate, "id:nonsense") == []
    assert _names(estate, "id:*") == everything
    assert _names(estate, f"owner_id:{server}") == part
    assert _names(estate, f"owner_id!={server}") == first
    assert _names(estate, "owner_id:") == part
    assert _names(estate, "presence:seen") == everything
    assert _names(estate, "presence:SE*") == everything
    assert _names(estate, "presence!=absent") == everything
    assert _names(estate, "presence:absent OR presence:unknown") == []
    assert _names(estate, "lifecycle:") == everything
    assert _names(estate, "control:no?such") == []


def test_the_smallest_id_of_a_group_is_found_on_both_engines(estate: Estate) -> None:
    estate.send("agent/web1/i1", {"host": told(item("host", "server", serial="7XK2M13"))})
    estate.send("agent/web2/i1", {"host": told(item("host", "server", serial="7XK2M14"))})
    ids = sorted(row[0] for row in estate.rows(select(ci.c.id)))
    assert estate.rows(select(least_id(ci.c.id))) == [(ids[0],)]
    assert new_id(START)[:13] == ids[0][:13]
