"""What a section no longer holds: counted misses, the brake on mass loss, and returns. Pure. Design: docs/reconciliation.md.

Only a complete and successful section, of at least the depth that the item was seen with, says that something is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from collector.reconcile.record import CaseSeed, SourceKey
from collector.reconcile.settings import Settings
from muster.model.state import Presence, SectionStatus


class KnownRef(Struct, frozen=True):
    """An item that this source has reported in this section. `missed_since`: observed_at of the first report without it.

    `is_volatile`: of a class that comes and goes by nature, or known to be elsewhere now, so that its going is no loss for the brake.
    """

    ref: str
    misses: int = 0
    missed_since: int | None = None
    is_absent: bool = False
    depth: int = 0
    is_volatile: bool = False


class SectionWord(Struct, frozen=True):
    """What a report says of one section. `observed_at` is the report's; `is_held`: a brake is on already; `is_released`: a person
    released it, so that this judgement applies the loss.
    """

    source: SourceKey
    name: str
    status: SectionStatus
    complete: bool
    depth: int
    observed_at: int
    is_held: bool = False
    is_released: bool = False


class SectionJudgement(Struct, frozen=True):
    """What to write. `missed` counts up to (misses, missed_since); `absent`: gone now; `returned`: there again, misses reset.

    `is_held`: the brake: nothing of `missed` and `absent` applies and `case` says why. `settles`: the key of the mass-loss case that
    this section had and has no more. All refs in order.
    """

    is_held: bool = False
    missed: tuple[KnownRef, ...] = ()
    absent: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    case: CaseSeed | None = None
    settles: str | None = None


def judge_section(
    known: Sequence[KnownRef], present: Collection[str], word: SectionWord, settings: Settings, *, settled: int = 0
) -> SectionJudgement:
    """The judgement on one section's refs. `settled`: how many of `present` stood before and are not in `known`: nothing happens to them.

    A failed, skipped or partial section states nothing about what it leaves out; what it does list has returned. Repeating the
    same report (same `observed_at`) is the caller's to filter: each call counts a miss.
    """
    there = set(present)
    returned = tuple(sorted(each.ref for each in known if each.ref in there and (each.misses or each.is_absent)))
    if word.status != "ok" or not word.complete:
        return SectionJudgement(is_held=word.is_held, returned=returned)
    subject = [each for each in known if each.depth <= word.depth]
    standing = [each for each in subject if not each.is_absent]
    missing = [each for each in standing if each.ref not in there]
    if not word.is_released and _is_braked(standing, missing, (settled, len(there)), settings, is_held=word.is_held):
        return SectionJudgement(is_held=True, returned=returned, case=_mass_loss(word, missing, len(standing) + settled))
    missed = tuple(
        KnownRef(each.ref, each.misses + 1, each.missed_since if each.missed_since is not None else word.observed_at, depth=each.depth)
        for each in sorted(missing, key=lambda each: each.ref)
    )
    absent = tuple(each.ref for each in missed if is_absent(each.misses, each.missed_since, word.observed_at, settings))
    return SectionJudgement(
        missed=tuple(each for each in missed if each.ref not in absent),
        absent=absent,
        returned=returned,
        settles=_mass_loss_key(word) if word.is_held else None,
    )


def _is_braked(standing: Sequence[KnownRef], missing: Sequence[KnownRef], counts: tuple[int, int], settings: Settings, *, is_held: bool) -> bool:
    """What was missed before has been counted; only a fresh loss is a brake. What comes and goes by nature is none. `counts`: settled, present."""
    settled, present = counts
    lasting = [each for each in standing if not each.is_volatile]
    lost = [each for each in missing if not each.is_volatile and (is_held or each.misses == 0)]
    return is_mass_loss(len(lost), len(lasting) + settled, present, settings)


def is_mass_loss(lost: int, standing: int, present: int, settings: Settings) -> bool:
    """Whether so much went at once that the section, not the world, is suspected: over the ratio and the number, or all that there was."""
    if lost == 0:
        return False
    return (present == 0 and lost == standing) or (lost >= settings.mass_loss_min_items and lost > settings.mass_loss_ratio * standing)


def is_absent(misses: int, missed_since: int | None, at: int, settings: Settings) -> bool:
    """Missed often enough and long enough."""
    if misses < settings.absent_after_misses or missed_since is None:
        return False
    return at - missed_since >= settings.absent_min_age_seconds * 1000


def _mass_loss_key(word: SectionWord) -> str:
    return f"mass_loss|{word.source.text}|{word.name}"


def _mass_loss(word: SectionWord, missing: Sequence[KnownRef], standing: int) -> CaseSeed:
    refs = sorted(each.ref for each in missing)
    return CaseSeed(
        kind="mass_loss",
        key=_mass_loss_key(word),
        evidence={"source": word.source.text, "section": word.name, "lost": len(refs), "of": standing, "refs": refs[:50]},
    )


class Witness(Struct, frozen=True):
    """One record of a CI, as its presence counts it. `is_absent`: its section says that the item is gone."""

    is_fresh: bool
    is_absent: bool = False


def judge_presence(witnesses: Sequence[Witness], *, is_dependent: bool, owner: Presence | None = None) -> Presence:
    """The presence of a CI.

    Seen: some record is fresh and there. Absent: no record that is there is fresh and a section said it is gone (a stale other
    source does not hold it). Else its sources are silent, or could not look: stale, and for a dependent item unknown.

    >>> judge_presence([], is_dependent=False), judge_presence([Witness(is_fresh=False)], is_dependent=True)
    ('unknown', 'unknown')
    """
    if any(each.is_fresh and not each.is_absent for each in witnesses):
        return "seen"
    if owner == "absent" and is_dependent:
        return "absent"
    if any(each.is_absent for each in witnesses):
        return "absent"
    if not witnesses or is_dependent:
        return "unknown"
    return "stale"


def estate_brake(lost_by_source: Mapping[str, int], standing_by_source: Mapping[str, int], settings: Settings) -> tuple[str, ...]:
    """Imports and hypervisor lists whose loss in one report, over all sections, is a mass loss; by source text."""
    return tuple(
        sorted(
            source
            for source, lost in lost_by_source.items()
            if is_mass_loss(lost, standing_by_source.get(source, 0), standing_by_source.get(source, 0) - lost, settings)
        )
    )
