"""What is exported comes back as it was: whatever texts, numbers and lists are on record."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.imports.mapping import parse_mapping
from collector.imports.reading import read_wishes
from collector.imports.row import Wish
from muster.cli.record_file import render_csv, render_json, render_mapping
from muster.model.ci_class import load_catalogue

CATALOGUE = load_catalogue()
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=40)
WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,20}", fullmatch=True)
RECORDED = st.fixed_dictionaries(
    {"name": TEXT},
    optional={
        "owner": TEXT,
        "location": TEXT,
        "memory_bytes": st.integers(0, 2**50),
        "ip": st.lists(WORD, min_size=1, max_size=4),
        "identifier.dmi_uuid": WORD,
        "identifier.serial": st.lists(WORD, min_size=2, max_size=3, unique=True),
    },
)


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for at in range(draw(st.integers(1, 4))):
        recorded = draw(RECORDED)
        types = {name: CATALOGUE["server"].attributes[name].type for name in recorded if name in CATALOGUE["server"].attributes}
        tags = draw(st.dictionaries(WORD, TEXT, max_size=2))
        head = {"id": str(uuid.UUID(int=at + 1)), "number": at + 1, "class": "server", "zone": "z1", "lifecycle": "live"}
        found.append({**head, "recorded": recorded, "types": types, "tags": tags})
    return found


@given(records())
def test_a_csv_export_reads_back_as_what_is_on_record(exported: list[dict[str, Any]]) -> None:
    check(exported, render_csv(exported).encode(), render_mapping(exported, "csv"))


@given(records())
def test_a_json_export_reads_back_as_what_is_on_record(exported: list[dict[str, Any]]) -> None:
    check(exported, render_json(exported).encode(), render_mapping(exported, "json"))


def check(exported: list[dict[str, Any]], content: bytes, mapping: str) -> None:
    wishes = list(read_wishes(content, parse_mapping(mapping, "back.toml", CATALOGUE), CATALOGUE))
    assert [each for each in wishes if not isinstance(each, Wish)] == []
    told = [(each.ci, each.values, each.tags, each.zone, each.lifecycle) for each in wishes if isinstance(each, Wish)]
    assert told == [(each["id"], each["recorded"], each["tags"], "z1", "live") for each in exported]
