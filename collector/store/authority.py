"""What may decide a difference beside a person: the policies and approved changes in force, read once for a piece of writing.

Design: docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from collector.reconcile.authorise import PolicySet, PolicyVerdict, decide_policy
from collector.reconcile.change import ChangeSet, Reviewed
from collector.reconcile.difference import DifferenceSeed
from collector.store.ci import StoredCi, load_cis
from collector.store.ci_facts import facts_of
from collector.store.content import load_contents
from collector.store.edit import Edit
from collector.store.observed_view import View
from collector.store.policy_set import load_policies
from collector.store.stored_change import load_changes_in_force


class Authority:
    """Asked for each difference that opens or moves; reads nothing where none does. `since`: the oldest instant that is asked about."""

    def __init__(self, edit: Edit, *, since: int | None = None) -> None:
        self._edit = edit
        self._since = edit.valid_from if since is None else min(since, edit.valid_from)
        self._owners: dict[str, Mapping[str, Any] | None] = {}

    @cached_property
    def policies(self) -> PolicySet:
        return load_policies(self._edit.connection, self._edit.context)

    @cached_property
    def changes(self) -> ChangeSet:
        return load_changes_in_force(self._edit.connection, self._since, self._edit.valid_from, self._grace_ms)

    @property
    def _grace_ms(self) -> int:
        return self._edit.context.settings.change_grace_seconds * 1000

    def mark(self, seed: DifferenceSeed, view: View, at: int | None = None) -> DifferenceSeed:
        """The seed with the approved change that expects it, of which its group is part. `at`: when it was observed; None: now."""
        if not self.changes.changes or seed.is_pinned:
            return seed
        reviewed = Reviewed(self._edit.class_of(view.ci.ci_class), self.facts(view), self._facts_of_owner(view.ci))
        found = self.changes.find(seed, reviewed, at=self._edit.valid_from if at is None else at, now=self._edit.now, grace_ms=self._grace_ms)
        if found is None:
            return seed
        return msgspec.structs.replace(seed, change_id=found, group_key=f"{seed.group_key}|{found}")

    def decide(self, seed: DifferenceSeed, view: View) -> PolicyVerdict | None:
        """What a policy decides of a difference that is open; None: a person does."""
        change = self.changes.get(seed.change_id) if seed.change_id is not None else None
        if change is None and not self.policies.policies:
            return None
        return decide_policy(self.policies, seed, self.facts(view), self._edit.now, change)

    def facts(self, view: View) -> Mapping[str, Any]:
        """The CI of a view as conditions see it."""
        return facts_of(self._edit.context.catalogue, view.ci, view.recorded, view.merged.plain())

    def _facts_of_owner(self, ci: StoredCi) -> Mapping[str, Any] | None:
        if ci.owner_ci_id is None:
            return None
        if ci.owner_ci_id not in self._owners:
            owner = load_cis(self._edit.connection, [ci.owner_ci_id]).get(ci.owner_ci_id)
            self._owners[ci.owner_ci_id] = None if owner is None else self._stored_facts(owner)
        return self._owners[ci.owner_ci_id]

    def _stored_facts(self, ci: StoredCi) -> Mapping[str, Any]:
        contents = load_contents(self._edit.connection, [ci.effective_hash, ci.recorded_hash], self._edit.contents)
        effective, recorded = (contents.get(key or b"", {}) for key in (ci.effective_hash, ci.recorded_hash))
        return facts_of(self._edit.context.catalogue, ci, recorded, effective)
