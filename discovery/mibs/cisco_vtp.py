"""VLANs of Cisco devices. Source: CISCO-VTP-MIB vtpVlanTable, indexed by management domain and number; asked where the profile names it."""

from __future__ import annotations

from discovery.mibs._mib import Answers, Mib, table
from discovery.mibs.q_bridge import Vlan, is_vlan_number
from discovery.snmp.varbind import to_integer, to_text

_ETHERNET = 1  # vtpVlanType; the others are the FDDI and token ring defaults 1002 to 1005


def parse_rows(answers: Answers) -> tuple[Vlan, ...]:
    """By number; of several domains the first that has it."""
    found: dict[int, Vlan] = {}
    for index, row in answers.rows("vtpVlanTable").items():
        if len(index) == 2 and is_vlan_number(index[1]) and to_integer(row.get("vtpVlanType")) in {None, _ETHERNET}:
            found.setdefault(index[1], Vlan(index[1], to_text(row.get("vtpVlanName")) or ""))
    return tuple(found[number] for number in sorted(found))


MIB = Mib(
    name="cisco_vtp",
    title="CISCO-VTP-MIB",
    parse_rows=parse_rows,
    tables={"vtpVlanTable": table("1.3.6.1.4.1.9.9.46.1.3.1.1", vtpVlanType=3, vtpVlanName=4)},
    is_standard=False,
)
