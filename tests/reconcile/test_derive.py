"""What identifiers say of attributes that the source did not tell."""

from __future__ import annotations

from typing import Any

import pytest

from collector.reconcile.derive import derive_attributes
from muster.model.ci_class import load_catalogue

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("ci_class", "identifiers", "attributes", "derived"),
    [
        ("server", {"fqdn": "web01.a.example"}, {}, {"name": "web01"}),
        ("server", {"hostname": "web02", "fqdn": "web01.a.example"}, {}, {"name": "web02"}),
        ("device", {"sysname": "core1"}, {}, {"name": "core1"}),
        ("device", {"sysname": "10.0.0.5"}, {}, {"name": "10.0.0.5"}),
        ("server", {"fqdn": "web01.a.example", "serial": " S1 "}, {"name": "told"}, {"serial": "S1"}),
        ("server", {"fqdn": "web01.a.example"}, {"name": None}, {}),
        ("network_device", {"serial": ["S1", "S2"]}, {}, {}),
        ("network_device", {"serial": ["S1"], "ip": "10.0.0.1"}, {}, {"serial": "S1", "ip": ["10.0.0.1"]}),
        ("software_package", {"name": "nginx", "manager": "dpkg"}, {"name": "told"}, {"manager": "dpkg"}),
        ("filesystem", {"mount_point": "/"}, {}, {"mount_point": "/"}),
    ],
)
def test_identifiers_tell_what_the_source_did_not(ci_class: str, identifiers: Any, attributes: Any, derived: Any) -> None:
    assert derive_attributes(CATALOGUE[ci_class], identifiers, attributes) == derived
