"""Which CI, difference or case a step of a case means: names that people write to ids of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from collector.reconcile.claim import RECORDED_PREFIX
from collector.reconcile.lifecycle import ACTIVE_STATES
from collector.simulation.case_format import CaseName, CiName, DifferenceName, Name
from collector.store.case_lookup import find_cases, find_differences, find_record_cis
from collector.store.whole_state import CaseRow, DifferenceRow, load_whole_state
from muster.errors import ConflictError, NotFoundError, quote
from muster.model.state import CaseKind

T = TypeVar("T")
_OWN_KINDS = ("new_ci", "absent_ci", "class_changed")


class Naming:
    """Names as one course of events knows them. `labels`: refs that records on paper were given."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}

    def find_ci(self, connection: Connection, name: Name) -> str:
        """The one CI of this name now. Raises NotFoundError, ConflictError (`several`)."""
        wanted = CiName(ref=name) if isinstance(name, str) else name
        if wanted.ref is not None and not (wanted.ci_class or wanted.name or wanted.identifiers):
            found = find_record_cis(connection, wanted.ref, wanted.source)
            if not found and wanted.ref in self.labels:
                return self.labels[wanted.ref]
        else:
            found = _search(connection, wanted)
        return _one(found, f"CI {_spell(wanted)}", "name its source too")

    def find_difference(self, connection: Connection, name: DifferenceName, *, is_decided: bool = False) -> DifferenceRow:
        """The one difference of a subject: an open one, else one still in sight; `is_decided`: the last one that was decided.

        Raises NotFoundError, ConflictError (`several`).
        """
        ci_id = self.find_ci(connection, name.ci)
        rows = [each for each in find_differences(connection, ci_id) if _is_of(each, name)]
        spelled = f"difference of {_spell(name.ci)}{f', {name.attribute}' if name.attribute else ''}{f', {name.kind}' if name.kind else ''}"
        if is_decided:
            decided = [each for each in rows if each.decision_id is not None]
            return _one(decided[:1], f"decided {spelled}", "")
        open_ones = [each for each in rows if each.state == "open"]
        active = open_ones or [each for each in rows if each.state in ACTIVE_STATES]
        return _one(active, f"open {spelled}", "name its kind and attribute")

    def find_case(self, connection: Connection, name: CaseKind | CaseName, *, is_decided: bool = False) -> CaseRow:
        """The one open case (`is_decided`: the last decided one) of a kind about these CIs. Raises as `find_difference`."""
        wanted = CaseName(name) if isinstance(name, str) else name
        members = {self.find_ci(connection, each) for each in wanted.members}
        rows = [each for each in find_cases(connection, wanted.kind) if members <= set(each.member_ids)]
        if is_decided:
            return _one([each for each in rows if each.decision_id is not None][:1], f"decided {wanted.kind} case", "")
        return _one([each for each in rows if each.state == "open"], f"open {wanted.kind} case of these members", "name its members")


def _is_of(row: DifferenceRow, name: DifferenceName) -> bool:
    if name.kind is not None and row.kind != name.kind:
        return False
    if name.attribute is not None:
        return name.attribute in (row.attribute, row.attribute.partition("|")[0])  # a relation's goes on with its other end
    return name.kind is not None or row.kind in _OWN_KINDS


def _search(connection: Connection, wanted: CiName) -> list[str]:
    """CIs by what is known of them; reads all, as a case's store is small."""
    found = []
    for each in load_whole_state(connection).cis:
        known = {**each.recorded, **each.effective}
        fits = (
            each.redirect_to is None
            and wanted.ci_class in (None, each.ci_class)
            and (wanted.name is None or wanted.name.casefold() == each.name.casefold())
            and (wanted.ref is None or wanted.ref in {ref for _, ref, _ in each.records})
            and all(_is_equal(known.get(kind, known.get(f"{RECORDED_PREFIX}{kind}")), value) for kind, value in wanted.identifiers.items())
        )
        if fits:
            found.append(each.id)
    return found


def _is_equal(known: Any, wanted: str | Sequence[str]) -> bool:
    def fold(value: Any) -> set[str]:
        return {str(each).strip().casefold() for each in (value if isinstance(value, list | tuple) else [value])}

    return known is not None and fold(wanted) <= fold(known)


def _one(found: Sequence[T], what: str, advice: str) -> T:
    if not found:
        raise NotFoundError(f"no {what} at this step")
    if len(found) > 1:
        raise ConflictError(f"{len(found)} are meant by {what}; {advice}", code="several")
    return found[0]


def _spell(name: Name) -> str:
    if isinstance(name, str):
        return quote(name)
    told: Mapping[str, Any] = {"ref": name.ref, "source": name.source, "class": name.ci_class, "name": name.name, **name.identifiers}
    return ", ".join(f"{key} {value!r}" for key, value in told.items() if value)
