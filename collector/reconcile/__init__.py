"""Reconciliation: report in, review queue out; pure functions with the time as an argument (docs/reconciliation.md).

settings.Settings, parse_settings(values)
claim.claims_of(item, source, catalogue) -> tuple[Claim, ...]                 normalised, scoped, junk marked
claim.succeed(old claims, new claims, at) -> tuple[Claim, ...]                the record's claims after a new report
validate.validate_item(catalogue, item, path, refs) -> Item | Rejection
native.match_native(records of one (source, ref), incoming RecordView, settings) -> NativeMatch
ladder.key_kinds(catalogue) / suggesting_kinds(catalogue)                     claim kinds that the store looks up
identify.partition(neighbourhood, catalogue, settings) -> Partition
dependent.dependent_keys(ci_class, item) -> tuple[DependentKey, ...]          portable key first, then the local key
merge.merge(ci_class, observations, pins, settings, now) -> Merged
absence.judge_section(known, present refs, section, settings, now) -> SectionJudgement
presence.judge_presence(...) -> Presence
compare.compare(ci_class, merged, recorded, subject) -> list[DifferenceSeed]
lifecycle.advance(stored, seeds, settings, now) -> Outcome
case.advance_cases(stored cases, seeds) -> CaseChanges
authorise.decide_policy(policies, subject, now) -> PolicyVerdict | None
decide.accept / reject / ignore / undo -> what is written
explain.explain_link(evidence) / explain_value(...)
"""
