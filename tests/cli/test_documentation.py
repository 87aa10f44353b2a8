"""docs/cli.md holds every command and exit code, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from muster.__main__ import PROCESSES
from muster.cli import output
from muster.cli.app import add_nouns, app
from tests.conftest import ROOT
from tests.test_architecture import PACKAGES

PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """`ci list` → its command, of the whole tree."""
    add_nouns()
    return dict(walk(typer.main.get_command(app)))


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, each in below.items():
        yield from walk(each, (*path, name))


def test_page_holds_every_command_and_no_other(commands: dict[str, Any]) -> None:
    table = PAGE.partition("## ")[0]
    named = {" ".join(found) for found in re.findall(r"`muster ([a-z]+) ([a-z][a-z-]*)[ `]", table)}
    named |= set(re.findall(r"`muster ([a-z]+)`", table))
    assert named == {*commands, *PROCESSES}


def test_every_command_that_a_message_or_page_names_exists(commands: dict[str, Any]) -> None:
    texts = [*(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    named = {name for file in texts for name in re.findall(r"`muster ([a-z]+(?: [a-z][a-z-]*)?)", file.read_text(encoding="utf-8"))}
    known = {*commands, *(name.partition(" ")[0] for name in commands), *PROCESSES}
    # A process takes arguments of its own, `enrol` among them; only the nouns have a second word.
    assert {name for name in named if name not in known and name.partition(" ")[0] not in PROCESSES} == set()


def test_every_command_and_parameter_says_what_it_is(commands: dict[str, Any]) -> None:
    silent = [name for name, command in commands.items() if not command.help]
    silent += [f"{name} {each.name}" for name, command in commands.items() for each in command.params if not getattr(each, "help", None)]
    assert silent == []


def test_no_command_takes_a_secret_as_an_argument(commands: dict[str, Any]) -> None:
    words = {"token", "secret", "password"}
    allowed = {"token revoke": "token", "user add": "password"}  # a token's id; whether to ask for one
    for name, command in commands.items():
        for each in command.params:
            assert each.name not in words or allowed.get(name) == each.name, name


def test_page_holds_every_exit_code() -> None:
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    codes = {value for name, value in vars(output).items() if name.startswith("EXIT_")}
    assert named == {0, 130, *codes}
