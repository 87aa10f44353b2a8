"""Reconciliation: report in, review queue out; pure functions with the time as an argument (docs/reconciliation.md).

    settings.Settings, parse_settings(values)
    validate.validate_item(catalogue, item, path, owners) -> Validation           owners: validate.owners_of(items, stored)
    claim.claims_of(item, source, junk, observed_at) -> tuple[Claim, ...]         normalised, scoped, junk marked
    claim.recorded_claims(identifiers, recorded, zone=, junk=) -> tuple[Claim, ...]   of a CI's recorded side
    claim.succeed(old claims, new claims, at), claims_changed(old, new)           the record's claims after a newer report
    native.match_native(records of one (source, ref), incoming, catalogue, settings) -> NativeMatch
    ladder.key_kinds(catalogue), closing_kinds(catalogue), suggesting_kinds(catalogue)     claim kinds that the store looks up
    identify.partition(neighbourhood, catalogue, settings) -> Partition
    dependent.dependent_keys(ci_class, item, junk), is_exchanged(old, new), match_dependent(keys, known, owner CI)
    merge.merge(ci_class, observations, pins, settings, now) -> Merged
    kept.keep_unsaid(ci_class, before, kept, now), keep_late -> attribute to (value, when it was heard last)
    absence.judge_section(known, present, word, settings) -> SectionJudgement     judge_presence(witnesses, is_dependent=, owner=)
    compare.compare(ci_class, merged, recorded, subject) -> list[DifferenceSeed]  value_token(value), group_key, risk_of
    lifecycle.advance(stored, seeds, settings, now) -> Outcome
    union.unite(survivor, losers, choices) -> Union, find_refusals(...)           propose_survivor(sides); case.ACTIONS
    case.advance_cases(stored, seeds, looked_at) -> CaseChanges                   conflict.resurrection_of(ci, record id, at)
    authorise.PolicySet(policies), decide_policy(policies, seed, facts, now) -> PolicyVerdict | None
    decide.accept / reject / ignore -> Verdict; decide.undo(changes, current) -> tuple[RecordedChange, ...]
    explain.explain_link(evidence, source, ref) -> list[Line], explain_value(value) -> Line; explain.render(line)

`tests/reconcile/estate.py` runs all of them in the order in which the store does.
"""
