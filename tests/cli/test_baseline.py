"""`muster baseline` and the options of the past, as people type them."""

from __future__ import annotations

import hashlib

from tests.cli.conftest import Office


def test_a_baseline_is_taken_shown_exported_and_compared(office: Office) -> None:
    office.report("cli-base-1", "cli-base-2")
    made = office.read("baseline", "take", "release-7", "name:cli-base-*", "--reason", "before the change", "--owner", "kim")
    assert (made["name"], made["ci_count"], made["taken_by"]) == ("release-7", 2, "token:muster up")
    assert office.run("baseline", "take", "release-7", "--reason", "again", "--owner", "kim").code == 6
    assert "release-7" in office.run("baseline", "list").out
    assert office.run("baseline", "diff", "release-7").out == "nothing has changed\n"
    office.report("cli-base-1", "cli-base-2", kernel="6.8")
    shown = office.run("baseline", "diff", "release-7").out
    assert shown.count("    observed os.kernel: 6.1.0-20 → 6.8") == 2
    assert shown.endswith("2 CIs\n")
    file = office.folder / "release.jsonl"
    assert office.run("baseline", "export", "release-7", "--file", str(file)).code == 0
    assert hashlib.sha256(file.read_bytes()).hexdigest() == made["digest"]
    assert office.run("baseline", "export", "release-7", "--format", "csv").out.splitlines()[0].startswith("number,id,class,name")
    checked = office.run("baseline", "show", "release-7", "--check")
    assert (checked.code, "intact" in checked.out) == (0, True)
    assert office.run("baseline", "show", "none").code == 3


def test_the_past_is_asked_for_with_at_and_known(office: Office) -> None:
    office.report("cli-past-1")
    key = str(office.read("ci", "list", "name=cli-past-1")[0]["number"])
    before = str(office.read("ci", "history", key)[-1]["known_from"])  # when it became known, in milliseconds
    office.report("cli-past-1", kernel="6.8")
    (found,) = office.read("ci", "list", "name=cli-past-1", "--at", before)
    assert found["columns"]["os.kernel"] == "6.1.0-20"
    assert "6.1.0-20" in office.run("ci", "show", key, "--at", before, "--known", before).out
    assert "It was not known then." in office.run("ci", "show", key, "--at", "2020-01-01").out
    compared = office.read("ci", "compare", key, "--from", before)
    assert [(each["attribute"], each["old"], each["new"]) for each in compared["values"]] == [("os.kernel", "6.1.0-20", "6.8")]
    assert office.run("baseline", "compare", "name:cli-past-1", "--from", before).out.count("os.kernel") == 1
    listed = office.read("difference", "list", "--ci", key, "--at", before)
    assert [(each["kind"], each["state"]) for each in listed] == [("new_ci", "open")]
    assert office.run("ci", "list", "--at", "2999-01-01").code == 1
    lines = office.read("ci", "history", key, "--attribute", "os.kernel")
    assert [(each["new_value"], each["valid_to"]) for each in lines] == [("6.8", None)]
