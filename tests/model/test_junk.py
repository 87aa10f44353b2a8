"""What identifies nothing is told apart from what does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.errors import ConfigurationError
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.junk import load_junk, shipped_junk
from muster.model.normaliser import normalise

JUNK = [
    ("serial", "To be filled by O.E.M."), ("serial", "To Be Filled By O.E.M"), ("serial", "Default string"), ("serial", "System Serial Number"),
    ("serial", "0"), ("serial", "00000000"), ("serial", "0123456789"), ("serial", "123456789"), ("serial", "987654321"), ("serial", "XXXXXXXX"),
    ("serial", "None"), ("serial", "N/A"), ("serial", "Not Specified"), ("serial", "Not Applicable"), ("serial", "INVALID"),
    ("serial", "Chassis Serial Number"), ("asset_tag", "No Asset Tag"), ("asset_tag", "1234567"),
    ("dmi_uuid", "00000000-0000-0000-0000-000000000000"), ("dmi_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
    ("dmi_uuid", "03000200-0400-0500-0006-000700080009"), ("dmi_uuid", "Not Settable"), ("machine_id", "0" * 32), ("machine_id", "uninitialized"),
    ("mac", "00:00:00:00:00:00"), ("mac", "ff:ff:ff:ff:ff:ff"), ("mac", "00:00:5e:00:01:0a"), ("mac", "00:00:0c:07:ac:01"),
    ("mac", "00:00:0c:9f:f0:01"), ("mac", "00:07:b4:00:01:01"), ("mac", "02:42:ac:11:00:02"), ("mac", "01:00:5e:00:00:01"),
    ("ip", "127.0.0.1"), ("ip", "::1"), ("ip", "169.254.1.1"), ("ip", "fe80::1"), ("ip", "0.0.0.0"), ("ip", "192.0.2.7"),
    ("hostname", "localhost"), ("fqdn", "localhost.localdomain"), ("engine_id", "000000000000"), ("sysname", "<private>"), ("serial", "<unknown>"),
]  # fmt: skip
REAL = [
    ("serial", "CZ12345678"), ("serial", "S1"), ("serial", "SN-0000-X"), ("serial", "VMware-56 4d 0f 21"),
    ("dmi_uuid", "4c4c4544-0042-3510-8051-b7c04f4b4d31"),
    ("mac", "52:54:00:12:34:56"), ("mac", "02:fc:00:00:00:01"), ("ip", "10.0.0.5"), ("ip", "2a00::5"), ("hostname", "web01"),
    ("hostname", "test"),
    ("fqdn", "none.example"), ("machine_id", "0123456789abcdef0123456789abcdef"), ("ssh_host_key", "SHA256:47DEQpj8HBSa"),
    ("engine_id", "80001f8880aabb"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "raw"), JUNK)
def test_junk_is_barred(kind: str, raw: str) -> None:
    assert shipped_junk().judge(kind, normalise(kind, raw) or "", raw).startswith("junk:")


@pytest.mark.parametrize(("kind", "raw"), REAL)
def test_what_identifies_is_not_barred(kind: str, raw: str) -> None:
    assert shipped_junk().judge(kind, normalise(kind, raw) or "", raw) == ""


@given(st.sampled_from(sorted(IDENTIFIER_KINDS)), st.text(min_size=1))
def test_judging_never_raises(kind: str, raw: str) -> None:
    value = normalise(kind, raw)
    if value is not None:
        shipped_junk().judge(kind, value, raw)


def test_a_site_adds_its_own_junk(tmp_path: Path) -> None:
    file = tmp_path / "junk.toml"
    file.write_text('[serial]\nvalues = ["LAB-UNIT"]\npatterns = ["DEMO.*"]\n')
    judge = load_junk(file).judge
    assert [judge("serial", value) for value in ("LABUNIT", "DEMO7", "REAL1")] == ["junk:placeholder", "junk:placeholder", ""]


@pytest.mark.parametrize("text", ["[serial]\nvalue = []", "[serial]\npatterns = ['(']", "not toml"])
def test_a_broken_junk_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "junk.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"junk\.toml"):
        load_junk(file)
