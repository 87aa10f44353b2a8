"""Policies and approved changes decide as their files say; a second person confirms where a policy asks for one; nothing is half applied."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from collector.reconcile.change_document import check_change
from collector.reconcile.policy_document import check_policies
from collector.store.apply_change import apply_changes, plan_changes
from collector.store.decision import Choice, undo_decision
from collector.store.policy_set import DIRECTORY, apply_policies, load_policies, plan_policies
from collector.store.reader import Reader
from collector.store.review_decision import ReviewWish, confirm_decision, review_differences, withdraw_decision
from collector.store.schema import change, decision, difference
from muster.clock import FakeClock
from muster.errors import ConflictError, DocumentError, InputError
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section

KERNEL = "policies:\n  - {id: kernels, when: {class: server, attribute: os.kernel}, action: accept, reason: patch day}\n"
EYES = "requirements:\n  - {id: two-people, when: {class: server}, second_person: true}\n"
REASON = "requirements:\n  - {id: say-why, when: {attribute: os.kernel}, reason: true}\n"
CHANGE = """id: RFC-1
window: {from: 2026-03-01T10:05:00Z, to: 2026-03-01T11:00:00Z}
approved: {by: board, at: 2026-03-01T09:00:00Z}
expects: [{query: "class:server name:web0", attribute: os.kernel, to: "6.8"}]
"""


def host(number: int, kernel: str) -> Any:
    return item(f"r{number}", "server", attributes={"name": f"web{number:02}", "os.kernel": kernel}, serial=f"S{number:03}")


def fleet(estate: Estate, kernel: str, *, at: int, count: int = 3) -> None:
    estate.send("snmp/d/p1", {"all": section(*(host(number, kernel) for number in range(count)))}, at=at)


def recorded(estate: Estate, *, count: int = 3) -> None:
    fleet(estate, "6.1", at=0, count=count)
    estate.accept_all(1)


def put(estate: Estate, text: str, *, name: str = "10.yaml", owner: str = "person:ada", at: int = 2, prune: bool = False) -> None:
    with estate.database.begin() as connection:
        apply_policies(connection, {name: text}, CATALOGUE, START + at * MINUTE, owner=owner, removes_absent=prune)


def approve(estate: Estate, text: str, *, at: int = 2) -> None:
    with estate.database.begin() as connection:
        apply_changes(connection, estate.context, {"rfc.yaml": text}, actor="person:ada", now=START + at * MINUTE)


def decide(estate: Estate, kind: Any = "accept", *, actor: str = "person:ada", at: int = 20, reason: str = "", **choice: Any) -> Any:
    wish = ReviewWish(kind=kind, choice=Choice(**(choice or {"query": "attribute:os.kernel"})), reason=reason)
    with estate.database.begin() as connection:
        return review_differences(connection, estate.context, wish, actor=actor, now=START + at * MINUTE)


def reader(estate: Estate, *, at: int = 30) -> Reader:
    return Reader(estate.database, CATALOGUE, clock=FakeClock(START + at * MINUTE))


def test_a_stored_policy_decides_and_signs(estate: Estate) -> None:
    recorded(estate)
    put(estate, KERNEL)
    fleet(estate, "6.8", at=10)
    assert estate.differences() == []
    made = estate.rows(select(decision.c.made_by, decision.c.reason).where(decision.c.made_by.like("policy:%")))
    assert made == [("policy:kernels", "patch day")]
    (listed, built_in) = reader(estate).list_policies().items
    assert (listed.id, listed.file, listed.decided, built_in.id) == ("kernels", "10.yaml", 3, "approved_change")


def test_the_first_policy_of_the_files_in_order_decides(estate: Estate) -> None:
    recorded(estate)
    put(estate, KERNEL, name="20.yaml")
    put(estate, "policies: [{id: hands-off, when: {query: 'name:web00'}, action: review}]\n", name="10.yaml", at=3)
    fleet(estate, "6.8", at=10)
    assert estate.differences() == [("changed_attribute", "web00", "os.kernel", "open")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policies:\n  - id: a\n    acton: accept\n", r"10\.yaml:3: unknown key 'acton'; did you mean 'action'\?"),
        ("policies:\n  - id: a\n    action: ignore\n", r"10\.yaml:2: ignore needs for \(30d\) or until"),
        ("policies:\n  - {id: a, action: accept, when: {class: sever}}\n", r"10\.yaml:2: unknown class 'sever'; did you mean 'server'\?"),
        ("policies:\n  - {id: a, action: accept, when: {query: 'class:('}}\n", r"10\.yaml:2: query 'class:\('"),
        ("policies:\n  - {id: a, action: initial_discovery}\n", r"10\.yaml:2: initial_discovery needs until"),
        ("policies:\n  - {id: a, action: accept}\n  - {id: a, action: review}\n", r"10\.yaml:3: 'a' is already in 10\.yaml"),
        ("{}\n", r"10\.yaml:1: no policy and no requirement"),
    ],
)
def test_a_faulty_file_says_where_and_leaves_what_was_in_force(estate: Estate, text: str, said: str) -> None:
    put(estate, KERNEL)
    with pytest.raises(DocumentError, match=said):
        put(estate, text, at=3)
    with estate.database.connect() as connection:
        assert [each.id for each in load_policies(connection, estate.context).policies] == ["kernels"]


def test_a_change_that_a_folder_holds_is_planned_by_anyone_and_applied_by_its_file(estate: Estate) -> None:
    with estate.database.begin() as connection:
        apply_changes(connection, estate.context, {"rfc.yaml": CHANGE}, actor=DIRECTORY, now=START)
    draft = {"rfc.yaml": CHANGE + "\n"}
    with estate.database.connect() as connection:
        (told,) = plan_changes(connection, estate.context, draft, owner="person:ada")
    assert (told.action, told.is_held) == ("changed", True)
    with pytest.raises(ConflictError) as refused, estate.database.begin() as connection:
        apply_changes(connection, estate.context, draft, actor="person:ada", now=START)
    assert refused.value.code == "held-by-directory"


def test_what_a_folder_holds_is_not_changed_through_the_api(estate: Estate) -> None:
    put(estate, KERNEL, owner=DIRECTORY)
    with pytest.raises(ConflictError) as refused:
        put(estate, KERNEL.replace("server", "host"), at=3)
    assert refused.value.code == "held-by-directory"
    with estate.database.connect() as connection:
        told = plan_policies(connection, {"10.yaml": KERNEL.replace("server", "host")}, CATALOGUE, owner="person:ada", removes_absent=False)
    assert [(each.action, each.is_held) for each in told] == [("changed", True)]
    put(estate, EYES, name="20.yaml", at=4)
    with estate.database.connect() as connection:
        planned = plan_policies(connection, {}, CATALOGUE, owner="person:ada", removes_absent=True)
    assert [(each.file, each.action) for each in planned] == [("10.yaml", "unchanged"), ("20.yaml", "removed")]


def test_a_dry_run_counts_what_would_have_been_decided_and_writes_nothing(estate: Estate) -> None:
    recorded(estate)
    fleet(estate, "6.8", at=10)
    before = estate.dump()
    found = reader(estate).try_policies({"10.yaml": KERNEL})
    assert [(each.rule, each.action, each.count, each.ci_count, each.as_decided) for each in found.items] == [
        ("kernels", "accept", 3, 3, 0),
        ("", "review", 3, 3, 0),
    ]
    assert estate.dump() == before


def test_a_reason_is_asked_for_only_where_a_policy_says_so(estate: Estate) -> None:
    recorded(estate)
    put(estate, REASON)
    fleet(estate, "6.8", at=10)
    with pytest.raises(InputError, match="say-why") as refused:
        decide(estate)
    assert (refused.value.path, len(estate.differences("open"))) == ("$.reason", 3)
    assert decide(estate, reason="RFC-1").decision_id
    assert estate.differences() == []


def test_a_second_person_carries_out_what_the_first_decided(estate: Estate) -> None:
    recorded(estate)
    put(estate, EYES)
    fleet(estate, "6.8", at=10)
    waiting = decide(estate, reason="patched").waiting_id
    assert len(estate.differences("open")) == 3
    assert {each.waiting_by for each in reader(estate).list_differences().items} == {"person:ada"}
    with pytest.raises(ConflictError) as refused:
        decide(estate, at=21)
    assert refused.value.code == "second-person"
    with estate.database.begin() as connection:
        made = confirm_decision(connection, estate.context, waiting, actor="person:bo", now=START + 22 * MINUTE)
    assert estate.differences() == []
    assert estate.rows(select(decision.c.made_by, decision.c.reason).where(decision.c.id == made)) == [("person:ada", "patched (confirmed by bo)")]


def test_the_same_decision_of_another_person_confirms(estate: Estate) -> None:
    recorded(estate)
    put(estate, EYES)
    fleet(estate, "6.8", at=10)
    decide(estate)
    assert decide(estate, actor="person:bo", at=21).decision_id
    assert estate.differences() == []


def test_what_moved_meanwhile_is_not_confirmed(estate: Estate) -> None:
    recorded(estate)
    put(estate, EYES)
    fleet(estate, "6.8", at=10)
    waiting = decide(estate).waiting_id
    fleet(estate, "6.9", at=21)
    with pytest.raises(ConflictError) as refused, estate.database.begin() as connection:
        confirm_decision(connection, estate.context, waiting, actor="person:bo", now=START + 22 * MINUTE)
    assert (refused.value.code, len(estate.differences("open"))) == ("observed-moved", 3)


def test_a_withdrawn_decision_leaves_the_differences_as_they_were(estate: Estate) -> None:
    recorded(estate)
    put(estate, EYES)
    fleet(estate, "6.8", at=10)
    waiting = decide(estate).waiting_id
    with estate.database.begin() as connection:
        withdraw_decision(connection, waiting, actor="person:ada", now=START + 22 * MINUTE)
    assert estate.rows(select(difference.c.waiting_id).where(difference.c.state == "open").distinct()) == [(None,)]
    assert reader(estate).list_waiting() == []


def test_an_expected_value_is_accepted_with_its_change_and_the_rest_is_unauthorised(estate: Estate) -> None:
    """180 of 200 within the change: two groups, not 200 lines."""
    recorded(estate, count=14)
    approve(estate, CHANGE)
    fleet(estate, "6.8", at=10, count=14)
    accepted = estate.rows(
        select(difference.c.change_id, difference.c.is_unauthorised).where(difference.c.attribute == "os.kernel", difference.c.state == "accepted")
    )
    assert accepted == [("RFC-1", False)] * 10
    (group,) = reader(estate).difference_groups().items
    assert (group.count, group.unauthorised, group.change_id) == (4, 4, None)
    (of_change,) = reader(estate).difference_groups("attribute:os.kernel", states=("accepted",)).items
    assert (of_change.count, of_change.change_id) == (10, "RFC-1")


def test_a_change_is_judged_when_its_window_ends(estate: Estate) -> None:
    recorded(estate, count=12)
    approve(estate, CHANGE)
    estate.send("snmp/d/p1", {"all": section(*(host(number, "6.8" if number < 7 else "6.1") for number in range(12)))}, at=10)
    estate.sweep(70)
    (found,) = reader(estate, at=70).list_changes().items
    assert (found.state, found.evidence[0]["observed"], found.evidence[0]["of"]) == ("partly_verified", 7, 10)
    assert [name for _, name in found.evidence[0]["missing"]] == ["web07", "web08", "web09"]


@pytest.mark.parametrize(("kernel", "state"), [("6.8", "verified"), ("6.1", "not_verified")])
def test_a_change_that_is_never_observed_is_not_verified(estate: Estate, kernel: str, state: str) -> None:
    recorded(estate)
    approve(estate, CHANGE)
    fleet(estate, kernel, at=10)
    estate.sweep(70)
    assert estate.rows(select(change.c.state, change.c.due_at)) == [(state, None)]


def test_a_change_that_is_not_approved_accepts_nothing(estate: Estate) -> None:
    recorded(estate)
    approve(estate, CHANGE.replace("approved: {by: board, at: 2026-03-01T09:00:00Z}\n", ""))
    fleet(estate, "6.8", at=10)
    assert len(estate.differences("open")) == 3
    approve(estate, CHANGE, at=15)
    assert estate.differences("open") == []
    with estate.database.connect() as connection:
        assert [each.action for each in plan_changes(connection, estate.context, {"rfc.yaml": CHANGE}, owner="person:ada")] == ["unchanged"]


def test_a_difference_is_linked_to_a_change_by_hand_and_unlinked(estate: Estate) -> None:
    recorded(estate, count=1)
    approve(estate, CHANGE)
    estate.send("snmp/d/p1", {"all": section(host(0, "6.9"))}, at=10)
    wish = ReviewWish(kind="link", choice=Choice(query="attribute:os.kernel"), change_id="RFC-1")
    with estate.database.begin() as connection:
        made = review_differences(connection, estate.context, wish, actor="person:ada", now=START + 20 * MINUTE)
    marks = select(difference.c.state, difference.c.change_id, difference.c.is_unauthorised).where(difference.c.attribute == "os.kernel")
    assert estate.rows(marks) == [("open", "RFC-1", False)]
    with estate.database.begin() as connection:
        undo_decision(connection, estate.context, str(made.decision_id), actor="person:ada", now=START + 21 * MINUTE)
    assert estate.rows(marks) == [("open", None, True)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window:", "windw:", r"rfc\.yaml:2: unknown key 'windw'; did you mean 'window'\?"),
        ("to: 2026-03-01T11:00:00Z}", "to: 2026-03-01T09:00:00Z}", r"rfc\.yaml:2: the window ends before it begins"),
        ("attribute: os.kernel", "attribute: os.kernl", r"rfc\.yaml:4: no class has an attribute 'os\.kernl'; did you mean 'os\.kernel'\?"),
        ('query: "class:server name:web0", ', "", r"rfc\.yaml:4: say of which CIs: ci or query"),
        ("2026-03-01T10:05:00Z", "yesterday", r"rfc\.yaml:2: 'yesterday' is no RFC 3339 instant"),
    ],
)
def test_a_faulty_change_says_where(old: str, new: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        check_change(CHANGE.replace(old, new), "rfc.yaml", CATALOGUE)


def test_the_documented_policies_are_right() -> None:
    found = check_policies({"10.yaml": KERNEL, "20.yaml": EYES}, CATALOGUE)
    assert ([each.id for each in found.policies], [each.id for each in found.requirements]) == (["kernels"], ["two-people"])
    assert msgspec.to_builtins(found.policies[0].when)["attributes"] == ("os.kernel",)


def test_many_parts_that_move_at_once_are_one_group(estate: Estate) -> None:
    """An upgrade of a whole host: each package to a version of its own."""

    def packages(version: int) -> Any:
        names = [f"p{number}" for number in range(8)]
        made = [
            item(
                f"pkg:{each}",
                "software_package",
                owner="r0",
                attributes={"name": each, "manager": "dpkg", "version": f"{version}.{each}"},
                name=each,
                manager="dpkg",
            )
            for each in names
        ]
        return section(*made)

    for minute, version in ((0, 1), (10, 2)):
        estate.send("agent/web00/a0", {"host": section(host(0, "6.1")), "packages": packages(version)}, at=minute)
        if minute == 0:
            estate.accept_all(1)
    (group,) = reader(estate).difference_groups().items
    assert (group.count, group.attribute, group.risk) == (8, "version", 1)


def test_a_change_approved_afterwards_lets_policies_decide_on_nothing_else(estate: Estate) -> None:
    recorded(estate)
    estate.send(
        "snmp/d/p1",
        {"all": section(*(host(number, "6.8") for number in range(3)), item("new", "server", attributes={"name": "x"}, serial="SNEW1"))},
        at=10,
    )
    put(estate, "policies:\n  - {id: first-look, when: {zone: z1, until: 2030-01-01T00:00:00Z}, action: initial_discovery}\n", at=11)
    approve(estate, CHANGE, at=12)
    assert estate.differences() == [("new_ci", "x", "", "open")]
    made = estate.rows(select(decision.c.made_by).where(decision.c.made_by.like("policy:%")).distinct())
    assert made == [("policy:approved_change",)]
