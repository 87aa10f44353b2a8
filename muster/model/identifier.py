"""The kinds of identifiers of hosts and devices: where each is unique, how it is normalised, and what it can prove.

Local keys of dependent classes are not here: they stand in the class files. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Scope = Literal["everywhere", "vendor", "zone", "manager"]
Normaliser = Literal["text", "serial", "uuid", "mac", "name", "address", "hexadecimal", "exact"]


class IdentifierKind(Struct, frozen=True):
    """One kind. `scope`: where a value is unique: `vendor` (serials), `zone` (names, locators), `manager` (the source that numbers
    its own instances). `is_list`: several values at once are normal.
    """

    name: str
    scope: Scope
    normaliser: Normaliser
    is_list: bool = False


_KINDS = (
    IdentifierKind("enrolment_id", "everywhere", "exact"),
    IdentifierKind("hypervisor_uuid", "manager", "uuid"),
    IdentifierKind("cloud_instance_id", "everywhere", "text"),
    IdentifierKind("serial", "vendor", "serial", is_list=True),
    IdentifierKind("dmi_uuid", "everywhere", "uuid"),
    IdentifierKind("chassis_id", "everywhere", "mac"),
    IdentifierKind("permanent_mac", "everywhere", "mac", is_list=True),
    IdentifierKind("mac", "everywhere", "mac", is_list=True),
    IdentifierKind("machine_id", "zone", "hexadecimal"),
    IdentifierKind("ssh_host_key", "everywhere", "exact", is_list=True),
    IdentifierKind("engine_id", "everywhere", "hexadecimal"),
    IdentifierKind("asset_tag", "everywhere", "text"),
    IdentifierKind("fqdn", "zone", "name"),
    IdentifierKind("hostname", "zone", "name"),
    IdentifierKind("sysname", "zone", "name"),
    IdentifierKind("ip", "zone", "address", is_list=True),
    IdentifierKind("number", "everywhere", "text"),
    IdentifierKind("url", "everywhere", "exact"),
)
IDENTIFIER_KINDS = {kind.name: kind for kind in _KINDS}
NAME_KINDS = ("fqdn", "hostname", "sysname")
# Kinds of which one value should be one machine's alone; a value that several live ones hold is learned to be none. (An enrolment that
# several use is no chance: they are clones.)
UNIQUE_KINDS = frozenset(IDENTIFIER_KINDS) - {*NAME_KINDS, "ip", "asset_tag", "enrolment_id"}
