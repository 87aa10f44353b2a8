"""Which incidents a target wants: the `when` of targets.d/*.yaml, such as `priority<=2 service:shop -class:printer`. Pure.

Space means and, a leading `-` means not. Words: priority (with < <= = >= >), severity, service, rule, class, ci.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from msgspec import Struct

from collector.incidents.incident import Incident
from muster.document import suggest
from muster.errors import ConfigurationError, quote

WORDS = ("priority", "severity", "service", "rule", "class", "ci")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le, "<": operator.lt, "=": operator.eq, ":": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_TERM = re.compile(r"(-?)([a-z_]+)(<=|>=|<|>|=|:)(\S+)")


class Term(Struct, frozen=True):
    """One condition of a selection."""

    word: str
    operator: str
    value: str
    is_negated: bool = False


Selection = tuple[Term, ...]


def parse_selection(text: str) -> Selection:
    """The terms of a `when`; no terms select everything. Raises ConfigurationError with what is known."""
    terms = []
    for part in text.split():
        match = _TERM.fullmatch(part)
        if match is None:
            raise ConfigurationError(f"{quote(part)} is no condition; write for example priority<=2 or service:shop")
        negation, word, sign, value = match.groups()
        if word not in WORDS:
            raise ConfigurationError(f"unknown word {word!r} in {quote(part)}{suggest(word, WORDS)}")
        if word == "priority" and not value.isdecimal():
            raise ConfigurationError(f"priority is compared with a number 1 to 5, not {quote(value)}")
        if word != "priority" and sign not in ":=":
            raise ConfigurationError(f"{word} cannot be compared with {sign}; write {word}:{value}")
        terms.append(Term(word, sign, value, is_negated=bool(negation)))
    return tuple(terms)


def selects(selection: Selection, incident: Incident) -> bool:
    """Whether the incident is wanted."""
    return all(_holds(term, incident) is not term.is_negated for term in selection)


def _holds(term: Term, incident: Incident) -> bool:
    if term.word == "priority":
        return _COMPARE[term.operator](incident.priority, int(term.value))
    if term.word == "service":
        return term.value == incident.service_id or any(each.get("id") == term.value for each in incident.services)
    if term.word in {"class", "ci"}:
        return incident.ci is not None and term.value == (incident.ci.ci_class if term.word == "class" else incident.ci.name)
    return term.value == (incident.severity if term.word == "severity" else incident.rule_id)
