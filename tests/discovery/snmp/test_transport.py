"""The transport chooses the codec by the credential, and loads pysnmp only where it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from discovery.snmp.credential import Community, Credential, User
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.transport import SnmpTransport
from tests.conftest import ROOT
from tests.support import snmpd


def test_pysnmp_is_not_loaded_for_what_the_own_codec_speaks() -> None:
    script = "import sys, discovery.snmp.transport; print('pysnmp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("credential", "uses_pysnmp"),
    [
        (Community("public"), False),
        (Community("public", version="1"), False),
        (User("u", "authpass123", "privpass123"), False),
        (User("u", "authpass123", "privpass123", privacy="AES-256-C"), False),
        (User("u", "authpass123", "privpass123", "SHA", "AES-256-C"), True),
    ],
)
async def test_the_codec_is_chosen_by_the_credential(credential: Credential, uses_pysnmp: bool) -> None:
    transport = SnmpTransport()
    try:
        await transport.open_exchange("127.0.0.1", credential, port=snmpd.free_udp_port())
        assert isinstance(transport._pysnmp, PysnmpTransport) == uses_pysnmp
        assert transport.foreign_count == 0
    finally:
        await transport.close()
