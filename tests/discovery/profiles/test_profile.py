"""Profiles: each shipped one states its evidence and loads; a faulty one is refused with file, line and suggestion; matching is general."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.mibs.entity import Entity
from discovery.mibs.snmpv2 import System
from discovery.snmp.device import load_device_profiles, load_mibs
from discovery.snmp.profile import FACTS, GENERIC, PROFILE_FOLDER, Profile, load_profile, match_profile, read_fact
from discovery.snmp.transform import TRANSFORMS
from discovery.snmp.varbind import parse_oid
from muster.errors import DocumentError
from muster.model.ci_class import load_catalogue
from tests.conftest import ROOT
from tests.support.snmp_device import recording_names

PROFILES = {profile.name: profile for profile in load_device_profiles()}
GOOD = """\
name: acme_box
title: Acme boxes
vendor: Acme
class: network_device
match:
  object_id: ["1.3.6.1.4.1.99999"]
facts:
  model:
    - {oid: 1.3.6.1.4.1.99999.1.0, object: "ACME-MIB::model", transforms: [strip]}
  os_version:
    - format: "{0} ({1})"
      parts:
        - {system: description, pattern: "v(\\\\d+)"}
        - {entity: firmware}
mibs: [cdp]
evidence:
  sources: [ACME-MIB]
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "acme_box.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_shipped_profile_states_its_evidence_and_names_known_things(profile: Profile) -> None:
    assert profile.evidence.sources
    assert profile.ci_class in load_catalogue()
    assert set(profile.mibs) <= {name for name, mib in load_mibs().items() if not mib.is_standard}
    assert profile.title
    assert (PROFILE_FOLDER / f"{profile.name}.yaml").is_file()


def test_every_recording_has_a_profile_that_names_it(recordings: Path) -> None:
    named = {name for profile in PROFILES.values() for name in profile.evidence.recordings}
    assert named <= set(recording_names(recordings))
    assert len(named) == 12


def test_the_page_lists_every_profile_and_transform() -> None:
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \| (.*?) \| `(\w+)` \|", page, re.MULTILINE))
    assert rows == {(profile.name, profile.title, profile.ci_class) for profile in PROFILES.values()}
    assert {name for name in TRANSFORMS if f"`{name}`" not in page} == set()
    assert {name for name in FACTS if f"`{name}`" not in page} == set()
    assert {name for name in load_mibs() if f"`{name}`" not in page} == set()


def test_a_site_adds_a_profile_and_replaces_one(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "apc_ups.yaml").write_text(GOOD.replace("acme_box", "apc_ups"), encoding="utf-8")
    found = {profile.name: profile for profile in load_device_profiles(tmp_path)}
    assert (found["acme_box"].vendor, found["apc_ups"].vendor) == ("Acme", "Acme")
    assert set(PROFILES) | {"acme_box"} == set(found)


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("vendor:", "vendr:", 3, "unknown key 'vendr'; did you mean 'vendor'?"),
        ("class: network_device", "class: network_devise", 4, "Invalid enum value 'network_devise'"),
        ("name: acme_box", "name: acme", 1, "name is 'acme'; it must be 'acme_box', as the file"),
        ('["1.3.6.1.4.1.99999"]', '["1.3.x"]', 6, "'1.3.x' is no OID; write numbers with dots between them"),
        ("  model:", "  modell:", 8, "unknown key 'modell'; did you mean 'model'?"),
        ("transforms: [strip]", "transforms: [stripp]", 9, "unknown transform 'stripp'; did you mean 'strip'?"),
        ('object: "ACME-MIB::model", ', "", 9, "an oid needs its name beside it: object: 'MIB::object'"),
        ("{entity: firmware}", "{entity: firmware, system: name}", 14, "give exactly one of oid, entity, system and format, not entity, system"),
        ('pattern: "v(\\\\d+)"', 'pattern: "v(\\\\d+"', 13, "is no regular expression: missing ), unterminated subpattern"),
        ('"{0} ({1})"', '"{0} ({2})"', 11, "'{0} ({2})' does not use each of its 2 parts; write {0} for the first"),
        ("mibs: [cdp]", "mibs: [cpd]", 15, "unknown MIB 'cpd'; did you mean 'cdp'?"),
        ("  sources: [ACME-MIB]", "  sources: []", 17, "Expected `array` of length >= 1"),
        ("title: Acme boxes", "title: [", 4, "not YAML"),
        ("{entity: firmware}", "{entiti: firmware}", 14, "unknown key 'entiti'; did you mean 'entity'?"),
    ],
)
def test_a_faulty_profile_is_refused_with_file_and_line(tmp_path: Path, before: str, after: str, line: int, message: str) -> None:
    assert before in GOOD
    file = write(tmp_path, GOOD.replace(before, after, 1))
    with pytest.raises(DocumentError) as caught:
        load_profile(file, mibs=tuple(load_mibs()))
    assert message in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(file), line)


def test_the_longest_object_identifier_wins_and_a_description_that_fits_before_none() -> None:
    def match(object_id: str, description: str = "") -> str:
        return match_profile(list(PROFILES.values()), System(description=description, object_id=object_id)).name

    assert match("1.3.6.1.4.1.8072.3.2.10", "Linux web1 6.1.0 #1 SMP x86_64") == "linux_net_snmp"
    assert match("1.3.6.1.4.1.8072.3.2.10", "Some appliance") == "generic"
    assert match("1.3.6.1.4.1.9.1.2494", "Cisco IOS Software [Everest], Catalyst L3 Switch Software, Version 16.6.4") == "cisco_ios"
    assert (match("1.3.6.1.4.1.9.1.745", "Cisco Adaptive Security Appliance Version 9.8(4)"), match("1.3.6.1.4.1.318.1.3.4.5")) == (
        "cisco",
        "apc_pdu",
    )
    assert match("1.3.6.1.4.1.99999.1") == match("") == match("1.3.6.1.4.1.1180") == "generic"
    assert match("1.3.6.1.4.1.26361.1.1") == "generic", "a prefix of digits is no prefix of arcs"


@pytest.mark.parametrize(
    ("profile", "description", "fact", "text"),
    [
        ("cisco_ios", "Cisco IOS Software, C2900 Software (C2900-K9-M), Version 15.5(3)M4a, RELEASE (fc1)", "os_version", "15.5(3)M4a"),
        ("cisco_ios", "Cisco IOS Software [Amsterdam], Virtual XE Software, Version 17.3.2, RELEASE", "os_version", "17.3.2"),
        ("cisco_nxos", "Cisco NX-OS(tm) n5000, Software (n5000-uk9), Version 7.3(2)N1(1), RELEASE SOFTWARE", "os_version", "7.3(2)N1(1)"),
        ("juniper_junos", "Juniper Networks, Inc. mx480 internet router, kernel JUNOS 18.4R2-S3.6, Build date", "os_version", "18.4R2-S3.6"),
        ("juniper_junos", "Juniper Networks, Inc. ex2200-24t-4g , version 12.3R12.4 Build date: 2016", "os_version", "12.3R12.4"),
        ("juniper_junos", "Juniper Networks, Inc. srx345 internet router, kernel JUNOS 15.1X49", "model", "srx345"),
        ("aruba_cx", "Aruba JL679A FL.10.11.1021", "os_version", "FL.10.11.1021"),
        ("hpe_procurve", "ProCurve J4900B Switch 2626, revision H.10.50, ROM H.08.02", "os_version", "H.10.50"),
        ("hpe_procurve", "ProCurve J9019A Switch 2510-24, revision Q.11.17, ROM Q.10.02", "model", "J9019A Switch 2510-24"),
        ("apc_pdu", "APC Web/SNMP Management Card (PF:v6.4.0 AF1:v6.4.0 MN:AP7921 HR:B2 SN: ZA1 MD:01/02/2012)", "model", "AP7921"),
        ("hpe_procurve", "HP J9775A 2530-48G Switch, revision YA.16.08.0002, ROM YA.15.20", "model", "J9775A 2530-48G"),
        ("huawei_vrp", "Huawei VRP\nVRP (R) software, Version 8.150 (CE6855HI V200R002C50)\nHUAWEI CE6855-48S6Q-HI", "model", "CE6855-48S6Q-HI"),
        ("huawei_vrp", "Huawei AR1220E Huawei VRP (R) software,Version 5.160 (AR1220E V200R007C00SPC900)", "model", "AR1220E"),
        ("huawei_vrp", "S5720 VRP (R) software, Version 5.160 (S5720 V200R007C00SPC900)", "os_version", "5.160 (V200R007C00SPC900)"),
        ("mikrotik_routeros", "RouterOS CCR1009-7G-1C-1S+", "model", "CCR1009-7G-1C-1S+"),
        ("linux_net_snmp", "Linux db-2 5.10.0-28-arm64 #1 SMP Debian 5.10.209-2 (2024-01-31) aarch64", "os_kernel", "5.10.0-28-arm64"),
        ("linux_net_snmp", "Linux db-2 5.10.0-28-arm64 #1 SMP Debian 5.10.209-2 (2024-01-31) aarch64", "architecture", "aarch64"),
        ("microsoft_windows", "Hardware: AMD64 Family 25 - Software: Windows Version 6.3 (Build 20348)", "architecture", "x86_64"),
        ("hp_jetdirect", "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD149,PID:HP LaserJet 400 M401dne", "model", "LaserJet 400 M401dne"),
        ("apc_ups", "APC Web/SNMP Management Card (MB:v3.9.2 PF:v3.7.3 PN:apc_373.bin AF1:v3.7.2)", "os_version", "AOS v3.7.3 / App v3.7.2"),
    ],
)  # fmt: skip
def test_other_devices_of_a_family_are_read_by_the_same_rules(profile: str, description: str, fact: str, text: str) -> None:
    assert read_fact(PROFILES[profile], fact, System(description=description), None, {}) == text


@pytest.mark.parametrize(
    ("object_id", "build", "version"),
    [("2", 20348, "Server 2022 (21H2)"), ("3", 14393, "Server 2016 (1607)"), ("1", 22631, "11 (23H2)"), ("2", 99999, "Version 6.3")],
)
def test_windows_is_named_by_its_kind_and_build(object_id: str, build: int, version: str) -> None:
    system = System(
        description=f"Hardware: Intel64 Family 6 - Software: Windows Version 6.3 (Build {build} Multiprocessor Free)",
        object_id=f"1.3.6.1.4.1.311.1.1.3.1.{object_id}",
    )
    assert read_fact(PROFILES["microsoft_windows"], "os_version", system, None, {}) == version


def test_sources_are_tried_in_order_and_an_empty_list_gives_nothing() -> None:
    chassis = Entity(1, "Chassis", model="X1", serial="S1", description="an X1")
    values = {parse_oid("1.3.6.1.4.1.318.1.1.1.1.1.1.0"): b"Smart-UPS 2200 "}
    assert read_fact(PROFILES["apc_ups"], "model", System(), chassis, values) == "Smart-UPS 2200"
    assert read_fact(GENERIC, "model", System(), chassis, {}) == "X1"
    assert read_fact(PROFILES["linux_net_snmp"], "serial", System(), chassis, {}) == ""


@given(st.sampled_from(sorted(TRANSFORMS)), st.text(max_size=60))
def test_no_transform_raises_and_each_is_stable(name: str, text: str) -> None:
    once = TRANSFORMS[name](text)
    assert len(once) <= len(text)
    if name != "without_vendor":
        assert TRANSFORMS[name](once) == once


@given(st.sampled_from(sorted(PROFILES)), st.sampled_from(FACTS), st.text(max_size=80), st.text(alphabet="0123456789.", max_size=20))
def test_no_description_makes_a_profile_raise(name: str, fact: str, description: str, object_id: str) -> None:
    system = System(description=description, object_id=object_id)
    assert isinstance(read_fact(PROFILES[name], fact, system, None, {}), str)
    assert match_profile(list(PROFILES.values()), system).name


def test_the_example_of_the_page_loads_and_its_mistake_is_refused_as_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    file = tmp_path / "acme_switch.yaml"
    file.write_text(found.group(1), encoding="utf-8")
    assert load_profile(file, mibs=tuple(load_mibs())).name == "acme_switch"
    file.write_text(found.group(1).replace("  model:", "  modell:"), encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_profile(file)
    assert str(caught.value).removeprefix(f"{tmp_path}/") in page
