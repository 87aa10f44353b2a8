"""Families of CMDB health: labels are classes and kinds, never CIs. Definitions: docs/health.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exporters.prometheus.family import Family, Sample, Snapshot


def _shares(name: str) -> Callable[[Snapshot], Iterator[Sample]]:
    """The share of each class; a class of which nothing can be measured has no sample."""

    def read(snapshot: Snapshot) -> Iterator[Sample]:
        counts: dict[str, tuple[int, int]] = {}
        for line in snapshot.health.figure(name).lines:
            count, of = counts.get(line.ci_class, (0, 0))
            counts[line.ci_class] = (count + line.count, of + (line.of or 0))
        for ci_class, (count, of) in sorted(counts.items()):
            if of:
                yield (ci_class,), count / of

    return read


def _counts(name: str) -> Callable[[Snapshot], Iterator[Sample]]:
    def read(snapshot: Snapshot) -> Iterator[Sample]:
        for line in snapshot.health.figure(name).lines:
            yield (line.kind,), float(line.count)

    return read


def _coverage(snapshot: Snapshot) -> Iterator[Sample]:
    for line in snapshot.health.figure("coverage").lines:
        if line.of:
            yield (line.kind,), line.count / line.of


def _unowned(snapshot: Snapshot) -> Iterator[Sample]:
    for line in snapshot.health.figure("coverage").lines:
        yield (line.kind,), float((line.of or 0) - line.count)


def _optional(read: Callable[[Snapshot], float | None]) -> Callable[[Snapshot], list[Sample]]:
    def samples(snapshot: Snapshot) -> list[Sample]:
        value = read(snapshot)
        return [] if value is None else [((), value)]

    return samples


def _bounds(snapshot: Snapshot) -> Iterator[Sample]:
    agreement = snapshot.health.agreement
    for bound, value in (("lower", agreement.lower), ("upper", agreement.upper)):
        if value is not None:
            yield (bound,), value


HEALTH_FAMILIES: tuple[Family, ...] = (
    Family(
        "muster_cmdb_completeness_ratio", "", "gauge", ("class",), "Required attributes that have a value, of all required.", _shares("completeness")
    ),
    Family(
        "muster_cmdb_correctness_ratio", "", "gauge", ("class",), "Recorded values that equal what is observed, of those that have both.",
        _shares("correctness"),
    ),
    Family(
        "muster_cmdb_freshness_ratio", "", "gauge", ("class",), "CIs seen within their limit, of those that ought to be seen.", _shares("freshness")
    ),
    Family("muster_cmdb_coverage_ratio", "", "gauge", ("kind",), "Addresses seen on the wire that a CI owns, of all seen.", _coverage),
    Family("muster_cmdb_unowned_addresses", "", "gauge", ("kind",), "Addresses seen on the wire that no CI owns.", _unowned),
    Family(
        "muster_cmdb_duplicates", "", "gauge", ("kind",), "CIs that may be recorded twice, by why; one may count under several.",
        _counts("duplicates"),
    ),
    Family(
        "muster_cmdb_orphans", "", "gauge", (), "CIs without relation and owner, and parts without a host.",
        lambda all_: [((), float(all_.health.figure("orphans").count))],
    ),
    Family(
        "muster_cmdb_unreviewed_median_seconds", "seconds", "gauge", (), "Median age of open differences; no sample when none is open.",
        _optional(lambda all_: all_.health.median_unreviewed_seconds),
    ),
    Family("muster_cmdb_pins", "", "gauge", ("kind",), "Pinned values by kind: held, ends_soon, expired, without_end.", _counts("pins")),
    Family("muster_cmdb_flaws", "", "gauge", ("kind",), "Relations to what is gone, by kind.", _counts("findings")),
    Family(
        "muster_cmdb_agreement_ratio", "", "gauge", (), "Agreement of the newest verification that was signed off.",
        _optional(lambda all_: all_.health.agreement.ratio),
    ),
    Family("muster_cmdb_agreement_bound_ratio", "", "gauge", ("bound",), "The 95 % interval of that agreement.", _bounds),
    Family(
        "muster_cmdb_verifications_overdue", "", "gauge", (), "Verifications that are late.",
        lambda all_: [((), float(all_.health.agreement.overdue_verifications))],
    ),
    Family(
        "muster_cmdb_findings_open", "", "gauge", (), "Findings of verifications that are open.",
        lambda all_: [((), float(all_.health.agreement.open_findings))],
    ),
    Family(
        "muster_cmdb_findings_overdue", "", "gauge", (), "Open findings whose due date has passed.",
        lambda all_: [((), float(all_.health.agreement.overdue_findings))],
    ),
    Family(
        "muster_cmdb_health_timestamp_seconds", "seconds", "gauge", (), "Of which state these figures are.",
        lambda all_: [((), all_.health.measured_at / 1000)],
    ),
)  # fmt: skip
