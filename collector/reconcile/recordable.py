"""Whether values and identifiers can be put on record of a class, and as what they stand there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.reconcile.claim import RECORDED_PREFIX
from collector.reconcile.validate import validate_value
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.ci_class import CiClass
from muster.model.identifier import IDENTIFIER_KINDS

IDENTIFIER_LENGTH = 1_024
VALUES_LIMIT = 100


def check_values(ci_class: CiClass, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept; empty ones are None. Raises InputError with the path."""
    found: dict[str, Any] = {}
    for name, value in changes.items():
        attribute = ci_class.attributes.get(name)
        if attribute is None:
            raise InputError(
                f"class {ci_class.name} has no attribute {quote(name)}{suggest(name, list(ci_class.attributes))}", path=f"attributes.{name}"
            )
        if attribute.volatile:
            raise InputError("its value moves by itself and is never on record", path=f"attributes.{name}")
        converted, fault = validate_value(attribute, value)
        if fault:
            raise InputError(fault, path=f"attributes.{name}")
        found[name] = None if converted == "" else converted
    return found


def check_identifiers(ci_class: CiClass, identifiers: Mapping[str, Any]) -> dict[str, Any]:
    """Identifiers as they stand on record: as the attribute of that name where the class has one, else beside the attributes.

    Raises InputError with the path.
    """
    found: dict[str, Any] = {}
    for name, value in identifiers.items():
        if name not in IDENTIFIER_KINDS:
            raise InputError(f"unknown identifier {quote(name)}{suggest(name, list(IDENTIFIER_KINDS))}", path=f"identifiers.{name}")
        values = [each.strip() for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each.strip()]
        if not values:
            continue
        if len(values) > VALUES_LIMIT or any(len(each) > IDENTIFIER_LENGTH for each in values):
            raise InputError(f"more than {VALUES_LIMIT} values, or one of over {IDENTIFIER_LENGTH} characters", path=f"identifiers.{name}")
        attribute = ci_class.attributes.get(name)
        kept: Any = values if IDENTIFIER_KINDS[name].is_list and len(values) > 1 else values[0]
        if attribute is None or (attribute.type != "list" and isinstance(kept, list)):
            found[f"{RECORDED_PREFIX}{name}"] = kept
        else:
            found |= check_values(ci_class, {name: values if attribute.type == "list" else kept})
    return found
