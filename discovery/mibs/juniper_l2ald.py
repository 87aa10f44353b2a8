"""VLANs of Juniper devices, whose Q-BRIDGE-MIB numbers are internal; asked where the profile names it.

Source: JUNIPER-L2ALD-MIB jnxL2aldVlanTable.
"""

from __future__ import annotations

from discovery.mibs._mib import Answers, Mib, table
from discovery.mibs.q_bridge import Vlan, is_vlan_number
from discovery.snmp.varbind import to_integer, to_text


def parse_rows(answers: Answers) -> tuple[Vlan, ...]:
    """By number. The name ends in `+` and the number where one bridge domain holds several VLANs; that is left off."""
    found: dict[int, Vlan] = {}
    for row in answers.rows("jnxL2aldVlanTable").values():
        number, name = to_integer(row.get("jnxL2aldVlanTag")), to_text(row.get("jnxL2aldVlanName")) or ""
        if number is not None and is_vlan_number(number):
            found.setdefault(number, Vlan(number, name.removesuffix(f"+{number}")))
    return tuple(found[number] for number in sorted(found))


MIB = Mib(
    name="juniper_l2ald",
    title="JUNIPER-L2ALD-MIB",
    parse_rows=parse_rows,
    tables={"jnxL2aldVlanTable": table("1.3.6.1.4.1.2636.3.48.1.3.1.1", jnxL2aldVlanName=2, jnxL2aldVlanTag=3)},
    is_standard=False,
)
