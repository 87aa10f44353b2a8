"""The commands against a real collector: what a person does from the first report to the resolved incident."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import yaml

from collector.services.availability import compute
from muster.instant import render_instant
from tests.cli.conftest import Office
from tests.support.server import eventually

SERVICE = """\
id: {name}
name: {{en: {name}, zh-Hans: 商城}}
owner: kim@example.org
time_zone: Europe/Berlin
components: {{all: [{{ci: {ci}}}]}}
targets: [{{sla: gold, availability: "0.999"}}]
"""


def write_service(office: Office, name: str, ci: str) -> Path:
    path = office.folder / "services.d" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SERVICE.format(name=name, ci=ci), encoding="utf-8")
    return path


def find(office: Office, query: str) -> dict[str, Any]:
    (found,) = office.read("ci", "list", query)
    return dict(found)


def test_reported_server_is_listed_shown_and_recorded(office: Office) -> None:
    office.report("web-1")
    found = find(office, "name=web-1")
    assert (found["class"], found["is_recorded"], found["source_kinds"]) == ("server", False, ["sweep"])
    number = str(found["number"])
    shown = office.run("ci", "show", number)
    assert shown.code == 0
    assert any(line.split() == ["os.kernel", "6.1.0-20", "[sweep]"] for line in shown.out.splitlines())
    done = office.run("ci", "record", number, "owner=kim@example.org", "--tag", "role=web", "--reason", "handed over")
    assert (done.code, done.out) == (0, f"recorded of web-1 (number {number})\n")
    assert find(office, "tag.role:web")["number"] == found["number"]
    assert office.run("ci", "record", number, "owner=lee@example.org").code == 0
    (change,) = office.read("ci", "history", number, "--attribute", "owner")
    assert (change["layer"], change["old_value"], change["new_value"]) == ("recorded", "kim@example.org", "lee@example.org")


def test_differences_are_decided_on_singly_by_group_and_by_query_and_taken_back(office: Office) -> None:
    names = [f"app-{number}" for number in range(1, 5)]
    office.report(*names)
    for name in names:
        (new,) = [each for each in office.read("difference", "list", f"name={name}") if each["kind"] == "new_ci"]
        assert office.run("difference", "accept", new["id"]).code == 0
    office.report(*names, kernel="6.1.0-21")
    moved = office.read("difference", "list", "name=app-*", "attribute:os.kernel")
    assert [(each["recorded"], each["observed"]) for each in moved] == [("6.1.0-20", "6.1.0-21")] * 4
    (group,) = office.read("difference", "groups", "name=app-*", "attribute:os.kernel")
    assert (group["count"], group["attribute"]) == (4, "os.kernel")

    first = moved[0]
    rejected = office.read("difference", "reject", first["id"], "--reason", "not approved")
    assert office.read("difference", "show", first["id"])["state"] == "rejected"
    assert office.run("difference", "undo", rejected["id"]).code == 0
    assert office.read("difference", "show", first["id"])["state"] == "open"

    refused = office.run("difference", "accept", "--group", group["group_key"], stdin="")
    assert (refused.code, refused.err) == (1, "muster: 4 differences of 4 CIs? Give --yes where nobody can be asked\n")
    ignored = office.read(
        "difference", "ignore", "--query", f"name={first['ci']['name']} attribute:os.kernel", "--yes", "--until", "30d", "--reason", "later"
    )
    assert ignored["difference_ids"] == [first["id"]]
    shown = office.read("difference", "show", first["id"])
    assert 29 * 86_400_000 < shown["ignore_until"] - shown["opened_at"] < 31 * 86_400_000
    accepted = office.read("difference", "accept", "--group", group["group_key"], "--yes")
    assert len(accepted["difference_ids"]) == 3
    assert office.read("difference", "list", "name=app-*", "attribute:os.kernel") == []


def test_service_is_planned_applied_exported_and_its_figure_recomputed_elsewhere(office: Office) -> None:
    office.report("db-1", states={"db-1": "up"})
    path = write_service(office, "shop", "db-1")
    planned = office.run("service", "plan", str(path))
    assert planned.code == 0
    assert "shop     added" in planned.out
    assert "+owner: kim@example.org" in planned.out
    assert "shop" not in [each["id"] for each in office.read("service", "list")]
    assert [(each["service_id"], each["action"]) for each in office.read("service", "apply", str(path))] == [("shop", "added")]
    assert office.run("service", "export", "shop").out == path.read_text(encoding="utf-8")
    eventually(lambda: office.read("service", "show", "shop")["state"] == "up", what="the service up")
    window = ("--from", "2026-01-01", "--to", "2099-01-01T00:00:00Z")
    answer = office.run("availability", "show", "shop", *window)
    assert answer.code == 1
    until = office.read("service", "show", "shop")["figures"]["month_to_date"]["to"]
    since = until - 3_600_000
    case = office.run("availability", "export", "shop", "--from", render_instant(since), "--to", render_instant(until))
    assert case.code == 0, case.err
    again = office.run("availability", "compute", "-", stdin=case.out)
    assert json.loads(again.out) == compute(json.loads(case.out))
    shown = office.read("availability", "show", "shop", "--from", render_instant(since), "--to", render_instant(until))
    assert shown["result"] == json.loads(again.out)


def test_kept_figure_is_what_its_exported_case_gives(office: Office) -> None:
    office.report("book-1", states={"book-1": "up"})
    office.run("service", "apply", str(write_service(office, "books", "book-1")))
    for _ in range(2):
        office.report("book-1", states={"book-1": "down"})
    eventually(lambda: office.read("service", "show", "books")["state"] == "down", what="the service down")
    figure = office.read("service", "show", "books")["figures"]["month_to_date"]
    case = office.run("availability", "export", "books", "--from", render_instant(figure["from"]), "--to", render_instant(figure["to"]))
    result = compute(json.loads(case.out))
    assert {name: figure[name] for name in result} == result


def test_component_goes_down_and_its_incident_is_taken(office: Office) -> None:
    office.report("cash-1", states={"cash-1": "up"})
    office.run("service", "apply", str(write_service(office, "till", "cash-1")))
    eventually(lambda: office.read("service", "show", "till")["state"] == "up", what="the service up")
    for _ in range(2):  # down is confirmed by a second observation
        office.report("cash-1", states={"cash-1": "down"})
    (incident,) = eventually(lambda: office.read("incident", "list", "--service", "till"), what="the incident")
    number = str(incident["number"])
    assert (incident["state"], incident["ci"]["name"]) == ("open", "cash-1")
    assert office.run("incident", "acknowledge", number).out == f"incident {number} is acknowledged\n"
    assert "acknowledged" in office.run("incident", "show", number).out
    figures = office.read("availability", "show", "till")
    assert figures["month_to_date"]["verdict"] in {"met", "breached", "undetermined"}
    assert office.read("service", "show", "till")["state"] == "down"


def test_sources_are_listed_and_refused(office: Office) -> None:
    office.report("web-9")
    (source,) = [each for each in office.read("source", "list") if each["source"]["name"] == "probe"]
    assert (source["source"]["kind"], source["state"]) == ("sweep", "active")
    assert office.run("source", "show", str(source["source"]["id"])).code == 0
    assert office.run("source", "show", "999999").code == 3


def test_tokens_are_told_once_and_refused_after_revocation(office: Office) -> None:
    made = office.read("token", "create", "api", "reader", "--role", "viewer", "--expires", "1h")
    assert office.run("service", "list", MUSTER_TOKEN=made["token"], MUSTER_URL=office.url).code == 0
    refused = office.run("token", "list", MUSTER_TOKEN=made["token"], MUSTER_URL=office.url)
    assert (refused.code, refused.err.count("\n")) == (4, 1)
    assert made["token"] not in office.run("token", "list").out
    assert office.run("token", "revoke", made["id"]).code == 0
    gone = office.run("service", "list", MUSTER_TOKEN=made["token"], MUSTER_URL=office.url)
    assert (gone.code, gone.err) == (4, "muster: the token is unknown, expired or revoked; ask an administrator for a new one (GET answered 401)\n")


def test_accounts_take_their_password_from_standard_input(office: Office) -> None:
    assert office.run("user", "add", "kim", "--role", "operator", stdin="a long password\n").code == 0
    assert office.run("user", "add", "lee", "--no-password").code == 0
    short = office.run("user", "passwd", "kim", stdin="short\n")
    assert (short.code, "at least 8 characters" in short.err) == (1, True)
    assert office.run("user", "passwd", "kim", stdin="another password\n").code == 0
    assert office.run("user", "disable", "kim").code == 0
    known = {each["name"]: each for each in office.read("user", "list")}
    assert (known["kim"]["is_disabled"], known["kim"]["role"], known["lee"]["has_password"]) == (True, "operator", False)
    assert office.run("user", "enable", "kim").code == 0
    assert office.run("user", "link", "kim").out.startswith(f"{office.url}/sign-in?token=")
    assert office.run("user", "disable", "nobody").code == 3


def test_cases_are_listed_and_an_unknown_one_is_refused(office: Office) -> None:
    assert office.run("case", "list").code == 0
    assert office.run("case", "show", "absent").code == 3
    assert office.run("case", "resolve", "absent", "same").code == 3
    assert office.run("target", "list").code == 0
    assert office.run("target", "test", "absent").code == 3
    assert office.run("target", "replay", "absent").code == 3


def test_every_form_of_a_list_holds_the_same(office: Office) -> None:
    office.report("form-1")
    as_json = office.read("ci", "list", "name=form-1")
    as_yaml = yaml.safe_load(office.run("ci", "list", "name=form-1", "-o", "yaml").out)
    (row,) = csv.DictReader(io.StringIO(office.run("ci", "list", "name=form-1", "-o", "csv").out))
    assert as_yaml == as_json
    assert (row["name"], row["class"], row["number"]) == ("form-1", "server", str(as_json[0]["number"]))
    heading, line = office.run("ci", "list", "name=form-1").out.splitlines()
    assert heading.split()[:3] == ["number", "class", "name"]
    assert line.split()[:3] == [row["number"], "server", "form-1"]


def test_fault_in_a_file_is_one_line_with_its_place_and_changes_nothing(office: Office) -> None:
    path = write_service(office, "wrong", "db-1")
    path.write_text(path.read_text(encoding="utf-8").replace("owner:", "ower:"), encoding="utf-8")
    for action in ("check", "plan", "apply"):
        done = office.run("service", action, str(path))
        assert done.code == 1
        assert f"{path}:3: unknown key 'ower'; did you mean 'owner'?" in done.err
        assert done.err.count("\n") == 1
    assert "wrong" not in [each["id"] for each in office.read("service", "list")]


def test_wrong_words_are_one_line_and_an_exit_code(office: Office) -> None:
    cases = [
        (("ci", "show", "999999"), 3),
        (("ci", "list", "clas:server"), 1),
        (("ci", "list", "(class:server"), 1),
        (("ci", "record", "999999", "owner=kim"), 3),
        (("ci", "record", "1"), 1),
        (("difference", "accept"), 1),
        (("difference", "undo", "absent"), 3),
        (("service", "show", "absent"), 3),
        (("availability", "show", "absent"), 3),
        (("availability", "show", "absent", "--from", "2026-01-01"), 1),
        (("incident", "acknowledge", "999999"), 3),
        (("token", "create", "api", "x", "--expires", "soon"), 1),
    ]
    for arguments, code in cases:
        done = office.run(*arguments)
        assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), (arguments, done)
        assert done.err.startswith("muster: ")
