"""`muster verification` and `muster finding` from plan to close, as people type them."""

from __future__ import annotations

import pytest

from muster.cli.verification import parse_answers
from muster.errors import InputError
from tests.cli.conftest import Office


def put_on_record(office: Office, *names: str) -> None:
    office.report(*names)
    for name in names:
        (difference,) = office.read("difference", "list", f"name={name} kind:new_ci")
        assert office.run("difference", "accept", difference["id"]).code == 0


def second_person(office: Office) -> dict[str, str]:
    """The environment of somebody else."""
    return {"MUSTER_TOKEN": office.read("token", "create", "api", "second", "--role", "auditor")["token"], "MUSTER_URL": office.url}


def test_an_automatic_run_from_plan_to_signature(office: Office) -> None:
    put_on_record(office, "cli-ver-1", "cli-ver-2")
    office.report("cli-ver-2", kernel="6.1.0-99")
    planned = office.read(
        "verification",
        "plan",
        "Half-yearly",
        "--query",
        "name:cli-ver-*",
        "--at",
        "2027-01-31T10:00:00Z",
        "--responsible",
        "kim",
        "--every-months",
        "6",
    )
    number = str(planned["number"])
    done = office.run("verification", "run", number)
    assert (done.code, "1 of 2 agree (50.00 %), 1 finding\n" in done.out) == (0, True), done.err
    assert office.run("verification", "sign-off", number).code == 6
    signed = office.run("verification", "sign-off", number, "--note", "seen", **second_person(office))
    assert (signed.code, "is signed off by token:second" in signed.out) == (0, True), signed.err
    assert "unchanged since signed  yes" in " ".join(office.run("verification", "show", number).out.split("\n")).replace("   ", "  ")
    evidence = office.read("verification", "show", number, "--record")
    assert [each["ci"]["name"] for each in evidence["items"]] == ["cli-ver-1", "cli-ver-2"]
    assert "Half-yearly" in office.run("verification", "list", "--state", "planned").out  # the next one


def test_a_manual_run_is_answered_and_its_finding_closed(office: Office) -> None:
    put_on_record(office, "cli-man-1", "cli-man-2")
    planned = office.read(
        "verification", "plan", "By hand", "--query", "name:cli-man-*", "--at", "2027-01-31T10:00:00Z", "--responsible", "kim", "--method", "manual"
    )
    number = str(planned["number"])
    assert "2 of 2 CIs drawn" in office.run("verification", "run", number).out
    first, second = (str(each["ci"]["number"]) for each in office.read("verification", "items", number, "--answer", "open"))
    assert office.run("verification", "answer", number, first, "--equal", "os.kernel=differs:6.1.0-77").code == 0
    assert office.run("verification", "answer", number, second, "--not-found", "--note", "rack is empty").code == 0
    findings = [each for each in office.read("finding", "list", "--limit", "0") if each["verification"] == planned["number"]]
    assert [(each["attribute"], each["observed"]) for each in findings] == [("os.kernel", "6.1.0-77"), ("", None)]
    key = str(findings[0]["number"])
    assert office.run("finding", "change", key, "--owner", "ada", "--action", "asked the vendor").code == 0
    assert office.run("finding", "close", key).code == 0
    assert office.read("finding", "show", key)["action"] == "asked the vendor"
    assert office.run("verification", "cancel", number, "--reason", "a test").code == 0


def test_answers_are_parsed_or_refused() -> None:
    assert parse_answers(["a=equal", "b=differs:X9", "c=differs:[1, 2]", "d=not_found", "e=differs"]) == (
        {"a": "equal", "b": "differs", "c": "differs", "d": "not_found", "e": "differs"},
        {"b": "X9", "c": [1, 2]},
    )
    for wrong in ("a", "a=maybe", "a=equal:1", "=equal:"):
        with pytest.raises(InputError):
            parse_answers([wrong])
