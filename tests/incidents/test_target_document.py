"""targets.d/*.yaml: strict, with line and suggestion; secrets by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

import exporters.incidents
from collector.incidents.selection import Term, parse_selection, selects
from collector.incidents.target_document import parse_target, parse_targets
from muster.errors import ConfigurationError, DocumentError
from muster.plugins import load_plugins
from muster.ports import CiRef, Target
from muster.secret import read_secret
from tests.incidents.test_lifecycle import T0, Register, condition

KINDS = load_plugins(exporters.incidents, "TARGET", Target)
DESK = """\
id: desk
type: webhook
url: https://desk.example.org/hook
secret: [file:/etc/muster/secrets/new, env:OLD_SECRET]
when: "priority<=2 service:shop"
language: zh-Hans
"""


def test_document_of_a_webhook() -> None:
    desk = parse_target(DESK, KINDS, file="targets.d/desk.yaml")
    assert (desk.id, desk.target.name, desk.allow_private) == ("desk", "webhook", False)
    assert desk.settings == {"url": "https://desk.example.org/hook", "language": "zh-Hans", "maximum_cis": 100}
    assert desk.secret_references == ("file:/etc/muster/secrets/new", "env:OLD_SECRET")
    assert desk.selection == (Term("priority", "<=", "2"), Term("service", ":", "shop"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DESK.replace("language", "langage"), "desk.yaml:6: unknown key 'langage'; did you mean 'language'?"),
        (DESK.replace("webhook", "webhok", 1), "desk.yaml:2: unknown type 'webhok'; did you mean 'webhook'?"),
        (DESK.replace("service:shop", "servce:shop"), "desk.yaml:5: unknown word 'servce' in 'servce:shop'; did you mean 'service'?"),
        (DESK.replace("https://desk", "ftp://desk"), "desk.yaml:3: a URL begins with https://"),
        (DESK.replace("https://desk", "https://kim:dGhpcyBpcyBpdA@desk"), "desk.yaml:3: a URL is shown in lists and logs"),
        (DESK.replace("env:OLD_SECRET", "whsec_dGhpcyBpcyBpdA=="), "desk.yaml:4: a secret is given by reference"),
        (DESK.replace("url: https://desk.example.org/hook\n", ""), "missing required field `url`"),
        ("id: [", "desk.yaml:1: not YAML"),
        ("[]", "desk.yaml:1: unknown type None"),
    ],
)
def test_wrong_document_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_target(text, KINDS, file="desk.yaml")
    assert message in str(refused.value)
    assert "dGhpcyBpcyBpdA" not in str(refused.value)


def test_targets_are_taken_whole_or_refused_whole() -> None:
    assert parse_targets({}, KINDS) == []
    assert [each.id for each in parse_targets({"a.yaml": DESK}, KINDS)] == ["desk"]
    with pytest.raises(DocumentError, match=r"b\.yml:1: .*stands also in a\.yaml"):
        parse_targets({"a.yaml": DESK, "b.yml": DESK}, KINDS)


def test_secrets_are_read_by_reference_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"hidden\n")
    environment = {"KEY": "hidden", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert [read_secret(each, environment) for each in (f"file:{tmp_path}/key", "env:KEY", "systemd-credential:key")] == ["hidden"] * 3
    for wrong in (f"file:{tmp_path}/absent", "env:ABSENT", "systemd-credential:absent", "hidden", "vault:x"):
        with pytest.raises(ConfigurationError):
            read_secret(wrong, environment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("priority<=2", False), ("priority<=4", True), ("priority>4", False), ("severity:critical", False), ("-severity:critical", True),
     ("service:shop", True), ("service:bank", False), ("class:server", True), ("-class:server", False),
     ("ci:web-1 rule:service-component-down", True)],
)  # fmt: skip
def test_selection_selects(text: str, expected: bool) -> None:
    register = Register()
    register.evaluate(
        T0, condition("failing", T0, priority=4, services=[{"id": "shop"}], ci=CiRef(id="1", number=1, ci_class="server", name="web-1"))
    )
    assert selects(parse_selection(text), register.only()) is expected


@pytest.mark.parametrize("text", ["priority", "priority<=high", "severity<critical", "colour:red"])
def test_selection_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_selection(text)
