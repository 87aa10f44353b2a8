"""What verification runs say of the CMDB as a whole: the newest result that was signed off, and what is late. Definitions: docs/health.md."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from collector.store.schema import finding, verification
from muster.cmdb_health import MeasuredAgreement
from muster.verification import Agreement

_agreements = msgspec.msgpack.Decoder(Agreement)


def load_agreement(connection: Connection, now: int) -> MeasuredAgreement:
    """A few rows by index."""
    newest = select(verification.c.number, verification.c.signed_at, verification.c.result).where(verification.c.state == "signed")
    row = connection.execute(newest.order_by(verification.c.signed_at.desc(), verification.c.number.desc()).limit(1)).first()
    late = select(func.count()).where(verification.c.state.in_(("planned", "running", "measured")), verification.c.planned_at < now)
    open_findings = select(func.count()).where(finding.c.state == "open")
    counts = {
        "overdue_verifications": int(connection.execute(late).scalar_one()),
        "open_findings": int(connection.execute(open_findings).scalar_one()),
        "overdue_findings": int(connection.execute(open_findings.where(finding.c.due_at < now)).scalar_one()),
    }
    if row is None:
        return MeasuredAgreement(**counts)
    result = _agreements.decode(row.result)
    return MeasuredAgreement(row.number, row.signed_at, result.ratio, result.lower, result.upper, **counts)
