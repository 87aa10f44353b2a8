"""What a person's (or a policy's) decision on a difference writes, and what undoes it. Pure; the store writes it with its audit entry.

Accept: recorded := the exact value that was seen. Reject and ignore write nothing on the recorded side. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from collector.reconcile.compare import value_token
from collector.reconcile.difference import StoredDifference
from collector.reconcile.fact import Merged, RecordedChange
from muster.errors import ConflictError, quote
from muster.model.ci_class import CiClass
from muster.model.state import DifferenceState, Lifecycle

RECORDED = ""  # the attribute that stands for the CI being on record


class Verdict(Struct, frozen=True, kw_only=True):
    """The difference's state after a decision, and the recorded changes. `lifecycle`: the CI's new one, None: unchanged."""

    state: DifferenceState
    changes: tuple[RecordedChange, ...] = ()
    lifecycle: Lifecycle | None = None
    ignore_until: int | None = None
    rejected_values: tuple[Any, ...] = ()
    change_id: str | None = None  # the change that it is linked to


class Content(Struct, frozen=True):
    """A CI that comes with an accepted new one: the CI itself and its dependent ones."""

    ci_id: str
    ci_class: CiClass
    merged: Merged
    recorded: Mapping[str, Any] = {}
    is_recorded: bool = False


def baseline_of(content: Content) -> dict[str, Any]:
    """What is recorded of a CI when it is accepted as it is: governed and mixed attributes, pins included."""
    attributes = content.ci_class.attributes
    return {
        name: value.value for name, value in content.merged.values.items() if name in attributes and attributes[name].mode in ("governed", "mixed")
    }


def accept(difference: StoredDifference, expected_token: str | None, contents: Sequence[Content] = ()) -> Verdict:
    """Recorded becomes what is observed. `expected_token` None (a policy): whatever is observed now.

    `contents`: for `new_ci` the CI and all that comes with it. Raises ConflictError (`observed-moved`, with the value now seen)
    where what the person saw is no longer what is observed, and (`already-decided`) where there is nothing left to decide.
    """
    _still_undecided(difference)
    if expected_token is not None and expected_token != value_token(difference.observed):
        raise ConflictError(
            f"difference {difference.id}: observed is now {quote(difference.observed)}; look at it and accept again",
            code="observed-moved",
            current=difference.observed,
        )
    match difference.kind:
        case "changed_attribute":
            had_old = difference.recorded is not None
            change = RecordedChange(difference.ci_id, difference.attribute, difference.recorded, difference.observed, had_old=had_old)
            return Verdict(state="accepted", changes=(change,))
        case "new_ci":
            return Verdict(state="accepted", changes=tuple(_put_on_record(contents)), lifecycle="live")
        case "absent_ci":
            return Verdict(state="accepted", changes=(RecordedChange(difference.ci_id, RECORDED, True, False, had_old=True),), lifecycle="retired")
        case "class_changed":
            return Verdict(
                state="accepted", changes=(RecordedChange(difference.ci_id, "class", difference.recorded, difference.observed, had_old=True),)
            )
        case "new_relation" | "absent_relation":
            return Verdict(state="accepted")  # relations stand in rows of their own


def reject(difference: StoredDifference) -> Verdict:
    """Observed is wrong or was not authorised: it stays visible until the world agrees, and this value does not ask again."""
    _still_undecided(difference)
    return Verdict(state="rejected", rejected_values=(*difference.rejected_values, difference.observed))


def ignore(difference: StoredDifference, until: int | None, now: int) -> Verdict:
    """Not now: silent until an instant (None: until it goes away by itself). Raises ConflictError for an instant that has passed."""
    _still_undecided(difference)
    if until is not None and until <= now:
        raise ConflictError(
            f"difference {difference.id}: ignoring until {until} ends before it begins; give a later instant", code="ignore-in-the-past"
        )
    return Verdict(state="ignored", ignore_until=until, rejected_values=difference.rejected_values)


def link(difference: StoredDifference, change_id: str) -> Verdict:
    """It belongs to a change, which a person says: no longer unauthorised; whether it is accepted is another decision."""
    _still_undecided(difference)
    return Verdict(state=difference.state, ignore_until=difference.ignore_until, rejected_values=difference.rejected_values, change_id=change_id)


def undo(changes: Iterable[RecordedChange], current: Mapping[tuple[str, str], Any]) -> tuple[RecordedChange, ...]:
    """What takes a decision's changes back, the last first. `current`: recorded values now by (CI, attribute), without a key: none.

    Raises ConflictError (`recorded-moved`) where a later decision has changed the same value: undo that one first.
    """
    inverses = []
    for change in reversed(tuple(changes)):
        key = (change.ci_id, change.attribute)
        if change.attribute != RECORDED and (key in current) != change.has_new:
            raise _moved(change, current.get(key))
        if change.has_new and key in current and value_token(current[key]) != value_token(change.new_value):
            raise _moved(change, current[key])
        inverses.append(change.inverse())
    return tuple(inverses)


def _moved(change: RecordedChange, current: Any) -> ConflictError:
    return ConflictError(
        f"CI {change.ci_id}, {change.attribute or 'record'}: is now {quote(current)}, changed by a later decision; undo that one first",
        code="recorded-moved",
        current=current,
    )


def _still_undecided(difference: StoredDifference) -> None:
    if difference.state not in ("open", "ignored", "pinned", "rejected"):
        raise ConflictError(
            f"difference {difference.id} is {difference.state}; nothing is left to decide", code="already-decided", current=difference.state
        )


def _put_on_record(contents: Sequence[Content]) -> Iterable[RecordedChange]:
    for content in contents:
        if not content.is_recorded:
            yield RecordedChange(content.ci_id, RECORDED, False, True, had_old=True)
        for name, value in baseline_of(content).items():
            if name not in content.recorded:
                yield RecordedChange(content.ci_id, name, None, value, had_old=False)
