"""YAML documents that no person wrote in earnest are refused with file and line, quickly."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from muster.document import MAXIMUM_VALUES, list_documents, load_document, parse_document, parse_yaml
from muster.errors import DocumentError


class Node(Struct, forbid_unknown_fields=True):
    name: str = ""
    parts: list[Node] = []


ALIASES = "parts:\n- &p0 {name: a}\n" + "".join(f"- &p{level} {{parts: [{', '.join([f'*p{level - 1}'] * 9)}]}}\n" for level in range(1, 12))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x\nparts: &p\n- {parts: *p}\n", 2, "holds itself"),
        (ALIASES, 8, "with its aliases written out"),
        ("name: " + "[" * 2_000, 1, "not YAML"),
        ('name: x\nparts:\n- {name: "a\\0b"}\n', 3, "NUL character"),
        ("name: x\n5: y\n", 1, "Expected `str`"),
        ("name: x\nprts: []\n", 2, "did you mean 'parts'?"),
    ],
)
def test_document_that_no_person_means_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, Node, file="x.yaml")
    assert (caught.value.file, caught.value.line) == ("x.yaml", line)
    assert said in caught.value.message
    assert " - at " not in caught.value.message


def test_alias_that_repeats_a_part_is_taken() -> None:
    found = parse_document("parts:\n- &a {name: x}\n- *a\n", Node, file="x.yaml")
    assert [each.name for each in found.parts] == ["x", "x"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "no file"),
        (os.mkfifo, "no file"),
        (lambda path: path.symlink_to("absent"), "cannot be read"),
        (lambda path: path.write_bytes(b"\xff"), "UTF-8"),
    ],
)
def test_what_is_no_document_is_refused_and_holds_up_nothing(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    make(tmp_path / "x.yaml")
    with pytest.raises(DocumentError, match=said):
        load_document(tmp_path / "x.yaml", Node)


def test_documents_of_a_folder_have_either_ending_and_are_not_hidden(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", ".c.yaml", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_documents(tmp_path)] == ["a.yaml", "b.yml"]
    assert list_documents(tmp_path / "absent") == []


def test_reading_stops_at_the_value_that_is_one_too_many() -> None:
    """What stands after it is not looked at: that it is no YAML is not found."""
    with pytest.raises(DocumentError, match=f"more than {MAXIMUM_VALUES} values; split the document") as caught:
        parse_yaml("- a\n" * (MAXIMUM_VALUES + 5) + "]", file="x.yaml")
    assert caught.value.line == MAXIMUM_VALUES
    with pytest.raises(DocumentError, match="not YAML"):
        parse_yaml("- a\n" * 5 + "]", file="x.yaml")


@pytest.mark.parametrize("depth", [100, 400, 900, 999])
def test_what_is_nested_deeply_is_a_value_or_refused_and_never_a_crash(depth: int) -> None:
    text = "[" * depth + "]" * depth
    with suppress(DocumentError):
        assert str(parse_yaml(text, file="x.yaml")[1]) == text


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(string.ascii_letters), inner, max_size=4), max_leaves=12
)


@given(value=VALUES, flow=st.booleans())
def test_values_come_back_as_they_were_written(value: object, flow: bool) -> None:
    text = yaml.safe_dump({"value": value}, default_flow_style=flow, allow_unicode=True)
    assert parse_yaml(text, file="x.yaml")[1] == {"value": value}
