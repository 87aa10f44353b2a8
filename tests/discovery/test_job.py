"""Job and credential files: what is wrong is told with file, line and a suggestion; secrets are references."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from discovery.credential import Login, load_credentials, parse_credential, to_login, to_snmp
from discovery.finding import REASONS
from discovery.job import Job, JobDocument, PollDocument, ScheduleDocument, load_jobs, parse_job
from discovery.settings import Settings
from discovery.snmp.credential import Community, User
from muster.config import list_settings
from muster.errors import ConfigurationError, DocumentError
from tests.conftest import ROOT

V3 = "id: snmp-core\ntype: snmp_v3\nuser: monitor\nauthentication_secret: env:AUTHENTICATION\nprivacy_secret: env:PRIVACY\n"
V2C = "id: snmp-old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\n"
SSH = "id: ssh-linux\ntype: ssh\nuser: muster\npassword: env:PASSWORD\nsudo: true\n"
CREDENTIALS = {each.id: each for each in (parse_credential(text, file="c.yaml") for text in (V3, V2C, SSH))}
EXAMPLE = """\
id: site-berlin
zone: berlin
targets: [10.20.0.0/22, "!10.20.3.0/28", switch-1.example.org]
probes: [icmp, snmp, ssh]
credentials: [{id: snmp-old}, {id: snmp-core, for: 10.20.0.0/24}, {id: ssh-linux, for: 10.20.1.0/24}]
schedule: {every: 6h, quiet: "Mon-Fri 08:00-10:00", rate: 50/s}
poll: {reachability: 30s, metrics: 5m}
"""


def parse(text: str) -> Job:
    return parse_job(text, CREDENTIALS, file="site.yaml")


def test_the_example_of_the_documentation_is_a_job() -> None:
    job = parse(EXAMPLE)
    assert (job.id, job.zone, job.every_seconds, job.rate_per_second, job.reachability_seconds, job.metrics_seconds) == (
        "site-berlin", "berlin", 21_600, 50.0, 30, 300,
    )  # fmt: skip
    assert job.targets.address_count == 1022 - 16
    assert job.targets.names == ("switch-1.example.org",)
    assert not job.trusts_on_first_use


def test_a_credential_is_shown_to_its_own_networks_alone_and_v3_goes_before_v2c() -> None:
    job = parse(EXAMPLE)
    assert [each.id for each in job.credentials_for("10.20.0.9")] == ["snmp-core", "snmp-old"]
    assert [each.id for each in job.credentials_for("10.20.1.9")] == ["snmp-old", "ssh-linux"]
    assert [each.id for each in job.credentials_for("10.20.2.9")] == ["snmp-old"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("poll:", "pol:", 7, "unknown key 'pol'; did you mean 'poll'?"),
        ("reachability", "reachabilty", 7, "unknown key 'reachabilty'; did you mean 'reachability'?"),
        ("probes: [icmp, snmp", "probes: [icmp, snmpp", 4, "unknown probe 'snmpp'; did you mean 'snmp'?"),
        ("10.20.0.0/22", "10.20.0.0/220", 3, "is no target"),
        ("{id: snmp-core", "{id: snmp-cor", 5, "no credential 'snmp-cor' in the credentials folder; did you mean 'snmp-core'?"),
        ("every: 6h", "every: 6 hours", 6, "is no duration"),
        ("every: 6h", "every: 10s", 6, "is under 60s"),
        ("Mon-Fri 08", "Moo-Fri 08", 6, "is no quiet window"),
        ("rate: 50/s", "rate: fast", 6, "is no rate"),
        ("metrics: 5m", "metrics: 1s", 7, "is not between 5s and 1d"),
        ("metrics: 5m", "metrics: yes", 7, "write a duration"),
        ("rate: 50/s", "time_zone: Mars/Olympus", 6, "unknown time zone 'Mars/Olympus'"),
        ("for: 10.20.1.0/24", "for: switch-1", 5, "is no network"),
        ("probes: [icmp, snmp, ssh]", "probes: [icmp, snmp]", 5, "credential 'ssh-linux' is for ssh, which is not among the probes"),
        ('targets: [10.20.0.0/22, "!10.20.3.0/28", switch-1.example.org]', 'targets: [10.0.0.1, "!10.0.0.1"]', 3, "nothing is left to ask"),
        ("zone: berlin", "host_keys: always", 2, "Invalid enum value 'always'"),
        ("id: site-berlin", "id: Site Berlin", 1, "matching regex"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_was_meant(old: str, new: str, line: int, message: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(DocumentError) as caught:
        parse(EXAMPLE.replace(old, new))
    assert (caught.value.file, caught.value.line) == ("site.yaml", line)
    assert message in str(caught.value)


def test_polling_is_off_where_the_job_says_off() -> None:
    job = parse(EXAMPLE.replace("metrics: 5m", "metrics: off").replace("reachability: 30s", 'reachability: "off"'))
    assert (job.metrics_seconds, job.reachability_seconds) == (None, None)


def test_two_files_with_one_id_are_refused_with_both_names(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("id: same\ntargets: [10.0.0.1]\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"b\.yaml:1: job 'same' stands also in .*a\.yaml"):
        load_jobs(tmp_path, {})


def test_an_absent_folder_holds_nothing(tmp_path: Path) -> None:
    assert (load_jobs(tmp_path / "none", {}), load_credentials(tmp_path / "none")) == ({}, {})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SSH.replace("env:PASSWORD", "hunter2"), 4, "password: a secret is given by reference"),
        (V2C.replace("env:COMMUNITY", "s3cret-community"), 3, "community: a secret is given by reference"),
        (V3.replace("snmp_v3", "snmpv3"), 2, "unknown type 'snmpv3'; did you mean 'snmp_v3'?"),
        (V3.replace("privacy_secret", "privacy_secrt"), 5, "unknown key 'privacy_secrt'; did you mean 'privacy_secret'?"),
        (V3.replace("authentication_secret: env:AUTHENTICATION\n", ""), 1, "no privacy without authentication"),
        (SSH.replace("password: env:PASSWORD\n", ""), 1, "needs private_key or password"),
    ],
)
def test_a_faulty_credential_is_refused_and_its_secret_never_shown(text: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_credential(text, file="c.yaml")
    assert caught.value.line == line
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "s3cret-community" not in str(caught.value)


def test_secrets_are_read_from_where_the_file_points(tmp_path: Path) -> None:
    (tmp_path / "PRIVACY").write_text("private-words\n", encoding="utf-8")
    environment = {"AUTHENTICATION": "auth-words", "COMMUNITY": "public", "PASSWORD": "pw", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    v3 = parse_credential(V3.replace("env:PRIVACY", "systemd-credential:PRIVACY"), file="c.yaml")
    v2c, ssh = CREDENTIALS["snmp-old"], CREDENTIALS["ssh-linux"]
    assert to_snmp(v3, environment) == User("monitor", "auth-words", "private-words")  # type: ignore[arg-type]
    assert to_snmp(v2c, environment) == Community("public")  # type: ignore[arg-type]
    assert to_login(ssh, environment) == Login("muster", None, "pw", 22, has_sudo=True)  # type: ignore[arg-type]
    assert "pw" not in repr(to_login(ssh, environment))  # type: ignore[arg-type]


def test_a_secret_that_cannot_be_read_names_its_reference(tmp_path: Path) -> None:
    document = parse_credential(SSH.replace("env:PASSWORD", f"file:{tmp_path}/none"), file="c.yaml")
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        to_login(document, {})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="secret env:COMMUNITY: the variable is not set"):
        to_snmp(CREDENTIALS["snmp-old"], {})  # type: ignore[arg-type]


def test_the_examples_of_the_documentation_are_taken_as_they_stand() -> None:
    page = (ROOT / "docs" / "discovery.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    credentials = [parse_credential(text, file="docs/discovery.md") for text in blocks if "# credentials.d/" in text]
    jobs = [parse_job(text, {each.id: each for each in credentials}, file="docs/discovery.md") for text in blocks if "# discovery.d/" in text]
    assert (len(credentials), [job.id for job in jobs]) == (3, ["site-berlin"])
    assert len(credentials) + len(jobs) == len(blocks)


def test_every_key_setting_and_reason_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "discovery.md").read_text(encoding="utf-8")
    keys = [field.name for kind in (JobDocument, ScheduleDocument, PollDocument) for field in msgspec.structs.fields(kind)]
    settings = [setting.name for setting in list_settings(Settings)]
    assert [name for name in (*keys, *settings, *REASONS) if not re.search(rf"`(\w+\.)?{name}(\.\w+)?`", page)] == []
