"""Identifiers come to one form, whatever a source writes, and never raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.normaliser import normalise, normalise_uuid, normalise_vendor


@pytest.mark.parametrize(("kind", "raw", "value"), [
    ("mac", "00-50-56-AB-CD-EF", "00:50:56:ab:cd:ef"),
    ("mac", "0050.56ab.cdef", "00:50:56:ab:cd:ef"),
    ("mac", "0:50:56:ab:cd:ef", "00:50:56:ab:cd:ef"),
    ("mac", "0x005056abcdef", "00:50:56:ab:cd:ef"),
    ("mac", "eth0", None),
    ("mac", "00:50:56:ab:cd:ef:00:01", None),
    ("fqdn", " Web01.A.Example. ", "web01.a.example"),
    ("serial", " s-123 456 ", "S123456"),
    ("serial", "Serial Number: ABC", "ABC"),
    ("serial", "SNOW1", "SNOW1"),
    ("machine_id", "0123-4567", "01234567"),
    ("engine_id", "0x80:00:1F:88", "80001f88"),
    ("ip", "10.0.0.5/24", "10.0.0.5"),
    ("ip", "::ffff:10.0.0.5", "10.0.0.5"),
    ("ip", "FE80:0::1%eth0", "fe80::1"),
    ("ip", "10.0.0.999", None),
    ("ssh_host_key", "SHA256:AbC", "SHA256:AbC"),
    ("serial", " \x00", None),
])  # fmt: skip
def test_each_kind_has_one_form(kind: str, raw: str, value: str | None) -> None:
    assert normalise(kind, raw) == value


@given(st.uuids())
def test_both_byte_orders_of_a_uuid_are_one_key(uuid: object) -> None:
    text = str(uuid)
    swapped = text[6:8] + text[4:6] + text[2:4] + text[:2] + "-" + text[11:13] + text[9:11] + "-" + text[16:18] + text[14:16] + text[18:]
    assert normalise_uuid(text) == normalise_uuid(swapped.upper()) == normalise_uuid(normalise_uuid(text))


@given(st.sampled_from(sorted(IDENTIFIER_KINDS)), st.text())
def test_normalising_never_raises_and_is_stable(kind: str, raw: str) -> None:
    value = normalise(kind, raw)
    if value is not None and kind != "serial":  # a label before a serial is taken off once
        assert normalise(kind, value) == value


@pytest.mark.parametrize(("text", "vendor"), [
    ("Dell Inc.", "dell"), ("DELL EMC", "dell"), ("Hewlett-Packard", "hpe"), ("HPE", "hpe"), ("Cisco Systems, Inc.", "cisco"),
    ("QEMU", "qemu"), ("VMware, Inc.", "vmware"), ("", ""), ("Acme Corp.", "acme"),
])  # fmt: skip
def test_a_vendor_has_one_name(text: str, vendor: str) -> None:
    assert normalise_vendor(text) == vendor


def test_the_bar_code_of_a_machine_is_its_serial() -> None:
    assert normalise("serial", "1S20L5CTO1WWPF0ABCDE", vendor="lenovo") == normalise("serial", "PF0ABCDE", vendor="lenovo")
