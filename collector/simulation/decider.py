"""The decisions and operations of a case's steps, each carried out by the store's own function in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection

from collector.reconcile.compare import value_token
from collector.simulation.case_file import to_document
from collector.simulation.case_format import Adopt, CiName, Decide, Merge, Name, Operation, Record, Unmerge
from collector.simulation.naming import Naming
from collector.store.apply_change import apply_changes
from collector.store.case_decision import MemberChoice
from collector.store.case_lookup import find_records
from collector.store.decision import (
    Choice,
    adopt_suggestion,
    link_differences,
    resolve_case,
    undo_decision,
)
from collector.store.edit import Context
from collector.store.merge import merge_cis
from collector.store.pin import PinWish, pin_value, unpin_value
from collector.store.recorded import Patch, patch_recorded
from collector.store.recording import record_ci
from collector.store.review_decision import ReviewWish, review_differences
from collector.store.tombstone import delete_ci
from collector.store.unmerge import unmerge
from muster.errors import ConfigurationError, NotFoundError
from muster.instant import parse_instant


@dataclass
class Merged:
    """A CI that a step merged into another: its refs then, and its id."""

    step: int
    gone_refs: frozenset[tuple[str, str]]
    ci_id: str


@dataclass
class Decider:
    """Carries out decisions in one course of events, and remembers them for what takes them back."""

    context: Context
    naming: Naming
    decisions: dict[int, str] = field(default_factory=dict)
    merges: list[Merged] = field(default_factory=list)

    def decide(self, connection: Connection, number: int, wish: Decide, now: int) -> None:
        """One `decide` step. Raises what the store raises, NotFoundError and ConflictError for names that mean nothing or several."""
        actor = f"person:{wish.by}"
        if wish.step is not None:
            made = undo_decision(connection, self.context, self._of_step(wish.step), actor=actor, now=now, reason=wish.reason)
        elif wish.case is not None:
            made = self._decide_case(connection, wish, actor, now)
        else:
            made = self._decide_difference(connection, wish, actor, now)
        self.decisions[number] = made

    def _of_step(self, step: int) -> str:
        if step not in self.decisions:
            raise NotFoundError(f"step {step} made no decision, or its decision was refused")
        return self.decisions[step]

    def _decide_case(self, connection: Connection, wish: Decide, actor: str, now: int) -> str:
        assert wish.case is not None
        if wish.decision == "undo":
            decided = self.naming.find_case(connection, wish.case, is_decided=True).decision_id
            return undo_decision(connection, self.context, str(decided), actor=actor, now=now, reason=wish.reason)
        action: Any = "same" if wish.decision == "merge" else wish.decision
        found = self.naming.find_case(connection, wish.case)
        choice = None if wish.keep is None else MemberChoice(self.naming.find_ci(connection, wish.keep))
        return resolve_case(connection, self.context, found.id, action, actor=actor, now=now, reason=wish.reason, choice=choice)

    def _decide_difference(self, connection: Connection, wish: Decide, actor: str, now: int) -> str:
        assert wish.difference is not None
        found = self.naming.find_difference(connection, wish.difference, is_decided=wish.decision == "undo")
        if wish.decision == "undo":
            return undo_decision(connection, self.context, str(found.decision_id), actor=actor, now=now, reason=wish.reason)
        choice = Choice({found.id: None if wish.observed is UNSET else value_token(wish.observed)})
        if wish.decision == "link" and wish.change is not None:
            return link_differences(connection, self.context, choice, change_id=wish.change, actor=actor, now=now, reason=wish.reason)
        if wish.decision == "link":
            assert wish.to is not None
            other = self.naming.find_ci(connection, wish.to)
            return adopt_suggestion(connection, self.context, found.ci_id, other, actor=actor, now=now, reason=wish.reason)
        until = None if wish.until is None else parse_instant(wish.until)
        asked = ReviewWish(kind=wish.decision, choice=choice, reason=wish.reason, until=until)  # type: ignore[arg-type]  # one of the three that are left
        made = review_differences(connection, self.context, asked, actor=actor, now=now)
        return made.decision_id or str(made.waiting_id)

    def operate(self, connection: Connection, number: int, wish: Operation, now: int) -> None:
        """One `operation` step but `advance`. Raises as `decide`."""
        run: dict[str, Callable[..., str | None]] = {
            "merge": self._merge,
            "unmerge": self._unmerge,
            "record": self._record,
            "pin": self._pin,
            "unpin": self._unpin,
            "lifecycle": self._change_lifecycle,
            "retire": self._retire,
            "adopt": self._adopt,
            "delete": self._delete,
            "change": self._approve,
        }
        for name, carry_out in run.items():
            value = getattr(wish, name)
            if value is not None:
                made = carry_out(connection, value, Doing(number, f"person:{wish.by}", wish.reason, now))
                if made is not None:
                    self.decisions[number] = made
                return
        raise ConfigurationError("this operation cannot be run in a case")

    def _merge(self, connection: Connection, value: Merge | list[Name], doing: Doing) -> str:
        keep, *others = [value.keep, value.gone] if isinstance(value, Merge) else value
        kept, *gone = [self.naming.find_ci(connection, each) for each in (keep, *others)]
        refs = {each: find_records(connection, each) | self._labels_of(each) for each in gone}
        made = merge_cis(connection, self.context, kept, gone, actor=doing.actor, now=doing.now, reason=doing.reason)
        self.merges += [Merged(doing.step, found, ci_id) for ci_id, found in refs.items()]
        return made

    def _labels_of(self, ci_id: str) -> frozenset[tuple[str, str]]:
        return frozenset(("", label) for label, known in self.naming.labels.items() if known == ci_id)

    def _unmerge(self, connection: Connection, value: str | Unmerge | list[Name], doing: Doing) -> str:
        if isinstance(value, Unmerge) and value.step is not None:
            key = self._of_step(value.step)
        else:
            names = (
                value if isinstance(value, list) else [CiName(ref=value) if isinstance(value, str) else CiName(ref=value.ref, source=value.source)]
            )
            gone = [each.ci_id for each in self.merges if any(_has(each, name) for name in names)]
            key = gone[-1] if gone else self.naming.find_ci(connection, names[0])
        return unmerge(connection, self.context, key, actor=doing.actor, now=doing.now, reason=doing.reason)

    def _record(self, connection: Connection, value: Record, doing: Doing) -> None:
        patch = Patch(value.attributes, value.tags, value.lifecycle)
        if value.ci is not None:
            ci_id = self.naming.find_ci(connection, value.ci)
            patch_recorded(connection, self.context, ci_id, patch, actor=doing.actor, now=doing.now, reason=doing.reason)
            return
        made = record_ci(
            connection,
            self.context,
            str(value.ci_class),
            patch,
            actor=doing.actor,
            now=doing.now,
            identifiers=value.identifiers,
            zone=value.zone,
            reason=doing.reason,
        )
        if value.ref is not None:
            self.naming.labels[value.ref] = made.id

    def _pin(self, connection: Connection, value: Any, doing: Doing) -> str:
        expires = None if value.expires is None else parse_instant(value.expires)
        wish = PinWish(value.attribute, value.value, value.reason or doing.reason, value.owner or doing.actor.partition(":")[2], expires)
        return pin_value(connection, self.context, self.naming.find_ci(connection, value.ci), wish, actor=doing.actor, now=doing.now)

    def _unpin(self, connection: Connection, value: Any, doing: Doing) -> str:
        ci_id = self.naming.find_ci(connection, value.ci)
        return unpin_value(connection, self.context, ci_id, value.attribute, actor=doing.actor, now=doing.now)

    def _change_lifecycle(self, connection: Connection, value: Any, doing: Doing) -> None:
        ci_id = self.naming.find_ci(connection, value.ci)
        patch_recorded(connection, self.context, ci_id, Patch(lifecycle=value.to), actor=doing.actor, now=doing.now, reason=doing.reason)

    def _retire(self, connection: Connection, value: Name, doing: Doing) -> None:
        ci_id = self.naming.find_ci(connection, value)
        patch_recorded(connection, self.context, ci_id, Patch(lifecycle="retired"), actor=doing.actor, now=doing.now, reason=doing.reason)

    def _approve(self, connection: Connection, value: dict[str, Any], doing: Doing) -> None:
        apply_changes(connection, self.context, {"$.operation.change": to_document(value)}, actor=doing.actor, now=doing.now)

    def _delete(self, connection: Connection, value: Name, doing: Doing) -> str:
        gone = self.naming.find_ci(connection, value)
        return delete_ci(connection, self.context, gone, actor=doing.actor, now=doing.now, reason=doing.reason)

    def _adopt(self, connection: Connection, value: Adopt | list[Name], doing: Doing) -> str:
        ci, to = (value.ci, value.to) if isinstance(value, Adopt) else value
        gone, kept = self.naming.find_ci(connection, ci), self.naming.find_ci(connection, to)
        return adopt_suggestion(connection, self.context, gone, kept, actor=doing.actor, now=doing.now, reason=doing.reason)


@dataclass(frozen=True)
class Doing:
    """Who does a step's operation, why and when."""

    step: int
    actor: str
    reason: str
    now: int


def _has(merged: Merged, name: Name) -> bool:
    wanted = CiName(ref=name) if isinstance(name, str) else name
    return wanted.ref is not None and any(ref == wanted.ref and wanted.source in (None, source) for source, ref in merged.gone_refs)
