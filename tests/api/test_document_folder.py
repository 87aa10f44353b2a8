"""A folder of documents is read whole or refused whole, whatever lies in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.document_folder import read_folder
from muster.errors import DocumentError


def test_every_document_is_read_under_both_endings_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", ".c.yaml", "d.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert read_folder(tmp_path) == {str(tmp_path / name): name for name in ("a.yaml", "b.yml")}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "no file"),
        (os.mkfifo, "no file"),
        (lambda path: path.symlink_to("/dev/zero"), "no file"),
        (lambda path: path.symlink_to("absent"), "cannot be read"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8"),
        (lambda path: path.write_bytes(b" " * 1_048_577), "larger than"),
    ],
)
def test_what_is_no_document_is_refused_and_holds_up_nothing(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    make(tmp_path / "x.yaml")
    with pytest.raises(DocumentError, match=said) as caught:
        read_folder(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "x.yaml"), 1)
