"""`muster ci merge`, `unmerge`, `split`, `delete` and `muster case`, as people type them."""

from __future__ import annotations

from tests.cli.conftest import Office


def numbers(office: Office, *names: str) -> list[str]:
    office.report(*names)
    return [str(office.read("ci", "list", f"name:{name}")[0]["number"]) for name in names]


def test_a_merge_is_previewed_done_and_taken_back(office: Office) -> None:
    left, right = numbers(office, "cli-merge-a", "cli-merge-b")
    shown = office.run("ci", "merge", left, right, "--dry-run")
    assert shown.code == 0
    assert "cli-merge-a" in shown.out
    assert office.read("ci", "show", right)["summary"]["number"] == int(right)
    assert office.run("ci", "merge", left, right, "--reason", "one box").code == 0
    assert office.read("ci", "show", right)["summary"]["number"] == int(left)
    dry = office.run("ci", "unmerge", right, "--dry-run")
    assert (dry.code, "would be" in dry.out) == (0, True)
    assert office.run("ci", "unmerge", right).code == 0
    assert office.read("ci", "show", right)["summary"]["number"] == int(right)
    assert "taken back" in office.run("ci", "merges", right).out


def test_a_choice_that_is_none_is_told_with_how_to_write_one(office: Office) -> None:
    done = office.run("ci", "merge", "1", "2", "--choose", "location")
    assert done.code != 0
    assert "ATTRIBUTE=survivor" in done.err


def test_a_deleted_ci_is_gone_and_comes_back_by_undo(office: Office) -> None:
    (number,) = numbers(office, "cli-gone")
    made = office.read("ci", "delete", number, "--reason", "sold it")
    assert office.read("ci", "list", "name:cli-gone") == []
    shown = office.run("ci", "show", number).out
    assert "sold it" in shown
    assert f"muster difference undo {made['id']}" in shown
    assert office.run("difference", "undo", made["id"]).code == 0
    assert len(office.read("ci", "list", "name:cli-gone")) == 1


def test_an_unknown_case_is_told(office: Office) -> None:
    assert office.run("case", "show", "0190-none").code != 0
    assert office.run("case", "list").code == 0
