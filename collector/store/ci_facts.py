"""A CI as queries, policies and changes see it: attributes, tags and axes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.store.ci import StoredCi
from collector.store.content import decode
from muster.model.ci_class import ClassCatalogue
from muster.model.relation_type import ancestors


def facts_of(catalogue: ClassCatalogue, ci: StoredCi, recorded: Mapping[str, Any], effective: Mapping[str, Any]) -> Mapping[str, Any]:
    """Field to value or list of values, as `muster.model.query.matches` takes them."""
    tags = {f"tag.{name}": value for name, value in (decode(ci.tags) or {}).items()}
    axes = {"lifecycle": ci.lifecycle, "presence": ci.presence, "operation": ci.operation, "control": ci.control_level}
    named = {"id": ci.id, "number": ci.number, "name": ci.name, "zone": ci.zone, "class": ancestors(ci.ci_class, catalogue)}
    instants = {"created": ci.created_at, "changed": ci.changed_at, **({"seen": ci.seen_at} if ci.seen_at is not None else {})}
    return {**recorded, **effective, **tags, **axes, **named, **instants}
