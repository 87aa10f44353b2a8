"""Why a record belongs to its CI and why a value is in force, as lines that a person reads.

A line is a message id with arguments; the pages translate ids, `render` gives the English sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from collector.reconcile.fact import EffectiveValue
from collector.reconcile.record import LinkEvidence, UsedIdentifier, Veto
from muster.instant import render_instant

MESSAGES: Mapping[str, str] = {
    "link.first_seen": "Nothing known matched {source} {ref}, so it became a CI of its own.",
    "link.native_key": "{source} has reported {ref} before and nothing contradicts it, so the link stays.",
    "link.must_link": "A person decided that {source} {ref} belongs here.",
    "link.person": "A person linked {source} {ref} to this CI.",
    "link.rule": "Rule {rule} ({strength}) matched {source} {ref} with {with_source} {with_ref}.",
    "link.used": "Both have {kind} {value}.",
    "link.used_scoped": "Both have {kind} {value} in {scope}.",
    "link.ignored": "{kind} {value} was not used: {why}.",
    "link.rejected": "Rule {rule} also pointed at {candidate}; refused because {reasons}.",
    "link.ambiguous": "Rule {rule} also pointed at {candidate}; not decided, as several candidates exclude each other.",
    "link.suggested": "Rule {rule} only suggests {candidate} ({values}); a person may adopt it.",
    "why.junk:placeholder": "it is a placeholder that many machines carry",
    "why.junk:virtual_address": "it is a virtual address that moves between machines",
    "why.junk:group_address": "it is a group address",
    "why.junk:local_address": "it is an address that every machine has",
    "why.junk:documentation_address": "it is from a range for documentation",
    "why.junk:one_character_repeated": "it is one character repeated",
    "why.junk:counted_digits": "it is counted digits",
    "why.junk:malformed": "it is malformed",
    "why.quarantined": "several live CIs hold it",
    "why.disputed": "an open case disputes it",
    "veto.cannot_link": "a person decided that they are two",
    "veto.class_family": "{left} and {right} are different kinds of things",
    "veto.boot_overlap": "two boots ran at the same time ({left}, {right})",
    "veto.cloud_instance": "the cloud instances differ ({left}, {right})",
    "veto.manager_instance": "their manager counts them as two ({left}, {right})",
    "veto.other_enrolment": "another enrolled agent holds it ({left}, {right})",
    "veto.same_native_key": "its source told them apart",
    "veto.both_decided": "people decided on both ({left}, {right})",
    "veto.disposed": "the CI was disposed of",
    "veto.serial": "the serial numbers differ ({left}, {right})",
    "veto.dmi_uuid": "the system UUIDs differ ({left}, {right})",
    "veto.permanent_mac": "the permanent MAC addresses differ ({left}, {right})",
    "value.pin": "Pinned by a person.",
    "value.only_source": "{source} is the only source that states it, at {at}.",
    "value.precedence": "{source} ranks highest among the fresh sources, at {at}.",
    "value.newest": "{source} stated it last, at {at}.",
    "value.last_known": "No source is fresh; {source} stated it last, at {at}.",
    "value.union": "Joined from {sources}.",
    "loser.lower_rank": "a source of higher rank is fresh",
    "loser.same_rank": "another source of the same rank comes first",
    "loser.stale": "it is stale",
    "loser.older": "it is older",
    "loser.recorded_only": "only people record this attribute",
    "loser.empty": "empty is no statement here",
}


class Line(Struct, frozen=True):
    """One sentence: message id and arguments. Arguments that start with `@` are message ids themselves."""

    message: str
    arguments: dict[str, str] = {}


def render(line: Line, messages: Mapping[str, str] = MESSAGES) -> str:
    """The sentence in the language of `messages`; an id that is not there stands for itself.

    >>> render(Line("link.first_seen", {"source": "agent/web01/a1", "ref": "host"}))
    'Nothing known matched agent/web01/a1 host, so it became a CI of its own.'
    """
    arguments = {name: messages.get(text[1:], text[1:]) if text.startswith("@") else text for name, text in line.arguments.items()}
    return messages.get(line.message, line.message).format_map({**arguments})


def explain_link(evidence: LinkEvidence, source: str, ref: str, messages: Mapping[str, str] = MESSAGES) -> list[Line]:
    """The chain of a link: what decided, what was used, what was left out, who else was looked at. `source` as `kind/name/instance`."""
    place = {"source": source, "ref": ref}
    if f"link.{evidence.rule}" in MESSAGES:
        lines = [Line(f"link.{evidence.rule}", place)]
    else:
        arguments = {"rule": evidence.rule, "strength": evidence.strength or "", "with_source": evidence.with_source, "with_ref": evidence.with_ref}
        lines = [Line("link.rule", {**place, **arguments})]
    lines += [_used(each) for each in evidence.identifiers_used]
    lines += [Line("link.ignored", {"kind": each.kind, "value": each.raw, "why": f"@why.{each.why}"}) for each in evidence.identifiers_ignored]
    for candidate in evidence.candidates_rejected:
        arguments = {"rule": candidate.rule, "candidate": candidate.source}
        if candidate.vetoes:
            lines.append(Line("link.rejected", {**arguments, "reasons": _reasons(candidate.vetoes, messages)}))
        else:
            lines.append(Line("link.ambiguous", arguments))
    for suggestion in evidence.suggestions:
        values = ", ".join(each.value for each in suggestion.identifiers)
        target = suggestion.ci_id or f"record {suggestion.record_id}"
        lines.append(Line("link.suggested", {"rule": suggestion.rule, "candidate": target, "values": values}))
    return lines


def _used(used: UsedIdentifier) -> Line:
    if used.scope:
        return Line("link.used_scoped", {"kind": used.kind, "value": used.value, "scope": used.scope})
    return Line("link.used", {"kind": used.kind, "value": used.value})


def _reasons(vetoes: Iterable[Veto], messages: Mapping[str, str]) -> str:
    return ", ".join(render(Line(f"veto.{veto.code}", {"left": veto.left, "right": veto.right}), messages) for veto in vetoes)


def explain_value(value: EffectiveValue) -> Line:
    """Why a value is in force."""
    arguments = {"at": render_instant(value.observed_at)}
    if value.source is not None:
        arguments["source"] = value.source.text
    if value.rule == "union":
        arguments["sources"] = ", ".join(each.text for each in value.witnesses)
    return Line(f"value.{value.rule}", arguments)
