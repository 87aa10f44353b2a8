"""Relations of a configuration item and of its parts, as rows of one table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from collector.web.view.label import CiLink, source_text, to_link
from collector.web.view.moment import Moment, to_moment
from collector.web.view.value import say_plain
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import IDENTIFIER_WORDS, LAYERS, N_, relation_word, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import RelationView


class RelationRow(Struct, frozen=True):
    """One relation. `own`: the part that has it. `other` None: the other end is not known yet, and `claim` says what was claimed."""

    own: CiLink | None
    text: str
    other: CiLink | None
    other_owner: CiLink | None
    claim: str
    qualifier: str
    side: str
    side_text: str
    sources: str
    since: Moment
    notes: list[str]


def to_relations(relations: Sequence[RelationView], catalogue: ClassCatalogue, viewpoint: Viewpoint) -> list[RelationRow]:
    """The CI's own first, then those of its parts; in the order of their words, then of the other end."""
    rows = [
        RelationRow(
            own=None if each.own is None else to_link(each.own, catalogue, viewpoint),
            other_owner=None if each.other_owner is None else to_link(each.other_owner, catalogue, viewpoint),
            text=relation_word(each.direction, each.type, viewpoint),
            other=None if each.other is None else to_link(each.other, catalogue, viewpoint),
            claim=say_claim(each.claim, each.direction, viewpoint),
            qualifier=each.qualifier,
            side=each.side,
            side_text=word(LAYERS, each.side, viewpoint),
            sources=", ".join(source_text(source) for source in each.sources),
            since=to_moment(each.valid_from, viewpoint),
            notes=[viewpoint.say(text) for is_so, text in _notes(each) if is_so],
        )
        for each in relations
    ]
    return sorted(rows, key=_place)


def _notes(relation: RelationView) -> list[tuple[bool, str]]:
    return [
        (relation.is_suggestion, N_("suggestion")),
        (relation.is_disputed, N_("sources disagree on the other end")),
        (relation.is_to_retired, N_("other end is retired")),
        (not relation.is_fresh, N_("not heard any more")),
    ]


def say_claim(claim: Mapping[str, Any], direction: str, viewpoint: Viewpoint) -> str:
    """What was claimed of the end that is not known yet: its identifiers in words, a bare ref as it is."""
    end = claim.get("from" if direction == "in" else "to")
    if not isinstance(end, Mapping):
        return say_plain(end, viewpoint)
    identifiers = end.get("identifiers") or {}
    return ", ".join(f"{word(IDENTIFIER_WORDS, name, viewpoint)} {say_plain(value, viewpoint)}" for name, value in identifiers.items())


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts ports as people count them.

    >>> sorted(["Gi1/0/10", "Gi1/0/9"], key=natural_key)
    ['Gi1/0/9', 'Gi1/0/10']
    """
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in re.findall(r"\d+|\D+", text)]


def _place(row: RelationRow) -> tuple[bool, str, list[tuple[int, int, str]], list[tuple[int, int, str]]]:
    own = row.own.name if row.own else ""
    return row.own is not None, row.text, natural_key(own), natural_key(row.other.name if row.other else "~")
