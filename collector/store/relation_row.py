"""One observed relation on its way between the table and the rules."""

from __future__ import annotations

import msgspec

from collector.reconcile.record import SourceKey
from muster.wire.report import RelationClaim

DAY_MS = 86_400_000


class RelationRow(msgspec.Struct, kw_only=True):
    """A relation as one source claims it. `id` 0: not stored yet; `path`: where it stands in its report."""

    id: int = 0
    type: str
    source_id: int
    section: str
    claim: RelationClaim
    claim_hash: bytes
    from_ci_id: str | None = None
    to_ci_id: str | None = None
    qualifier: str = ""
    valid_from: int = 0
    valid_to: int | None = None
    misses: int = 0
    missed_since: int | None = None
    seen_day: int | None = None
    path: str = ""
    source: SourceKey | None = None

    @property
    def is_joined(self) -> bool:
        return self.from_ci_id is not None and self.to_ci_id is not None


def day_of(at: int) -> int:
    """Days since 1970."""
    return at // DAY_MS
