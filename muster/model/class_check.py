"""Whether classes make sense together: parents, keys, names, rules and attributes that exist and fit. Pure; every fault is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from muster.document import suggest
from muster.errors import DocumentError
from muster.model.ci_class import Attribute, CiClass, ClassCatalogue, IdentificationRule, naming_attributes
from muster.model.class_file import Built, Definition, find_attribute
from muster.model.identifier import IDENTIFIER_KINDS
from muster.model.query import AGE_FIELDS, WORD_FIELDS

_CLASS_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
# Names that queries and history give another meaning.
_TAKEN = (WORD_FIELDS | AGE_FIELDS) - {"number"}
_TAKEN_PREFIXES = ("tag.", "pin.", "identifier.")
_LOCATORS = frozenset({"ip", "hostname", "fqdn", "sysname"})
_STRENGTHS = ("strong", "medium", "weak", "locator")
_NUMBERS = frozenset({"integer", "number"})
_TYPES_OF: Mapping[str, frozenset[str]] = {
    "numeric": _NUMBERS,
    "set": frozenset({"list"}),
    "ordered": frozenset({"list"}),
    "casefold": frozenset({"text", "mac", "uuid", "ip"}),
    "version": frozenset({"text"}),
    "path": frozenset({"text"}),
    "secret_hash": frozenset({"text"}),
}


def find_faults(built: Built) -> list[DocumentError]:
    """What was wrong in reading, and what is wrong of the classes and changes together, in the order of the files."""
    faults = [*built.faults, *(fault for definition in built.places.values() for fault in _check_parent(built, definition))]
    if faults:
        return faults  # what follows needs every class and its ancestors
    catalogue = ClassCatalogue(built.classes)
    for definition in [*built.places.values(), *built.changes]:
        faults += _check_class(built, catalogue, definition)
    return faults


def _check_parent(built: Built, definition: Definition) -> Iterator[DocumentError]:
    classes, name = built.classes, definition.name
    chain = [name]
    while (parent := classes[chain[-1]].parent) is not None:
        if parent not in classes:
            if len(chain) == 1:
                yield definition.fault(f"class {name!r}: unknown parent {parent!r}{suggest(parent, sorted(classes))}", "parent")
            return
        if parent in chain:
            yield definition.fault(f"class {name!r}: its parents are a circle: {' > '.join([*chain, parent])}", "parent")
            return
        chain.append(parent)


def _check_class(built: Built, catalogue: ClassCatalogue, definition: Definition) -> Iterator[DocumentError]:
    name = definition.name
    own, whole = built.classes[name], catalogue[name]
    parent = catalogue.get(own.parent or "")
    if not _CLASS_NAME.fullmatch(name):
        yield definition.fault(f"class {name!r}: a name of at most 63 small letters, digits and _, beginning with a letter")
    if not own.label.get("en"):
        yield definition.fault(f'class {name!r} needs a label in English: label = {{en = "…"}}', "label")
    if parent is not None and own.family not in ("any", parent.family) and parent.family != "any":
        yield definition.fault(f"class {name!r} is of family {own.family}, its parent {own.parent!r} of {parent.family}; leave family out", "family")
    if parent is not None and own.is_dependent and not parent.is_dependent:
        yield definition.fault(f"class {name!r} is part of others and its parent {own.parent!r} is not; choose another parent or none", "parent")
    yield from _check_keys(whole, definition)
    yield from _check_rules(whole, own, definition)
    for attribute in _written(definition):
        yield from _check_attribute(built, whole, attribute, definition)


def _written(definition: Definition) -> list[str]:
    """The attributes that this table names itself."""
    attributes = definition.table.get("attributes", {}) if isinstance(definition.table, Mapping) else {}
    return [str(each) for each in attributes]


def _check_keys(whole: CiClass, definition: Definition) -> Iterator[DocumentError]:
    known = sorted({*whole.attributes, *IDENTIFIER_KINDS})
    if whole.is_dependent and not whole.is_abstract and not whole.local_key:
        yield definition.fault(f"class {whole.name!r} is part of others: local_key says what tells one from the next in its owner", "is_dependent")
    for each in whole.local_key:
        if each not in known:
            yield definition.fault(f"class {whole.name!r}: local_key {each!r} is no attribute or identifier{suggest(each, known)}", "local_key")
    for naming in whole.name_from:
        for each in naming_attributes(naming):
            if each not in whole.attributes:
                yield definition.fault(
                    f"class {whole.name!r}: name_from {each!r} is no attribute{suggest(each, sorted(whole.attributes))}", "name_from"
                )
    for each in whole.governed_when:
        if each not in whole.attributes:
            message = f"class {whole.name!r}: governed_when {each!r} is no attribute{suggest(each, sorted(whole.attributes))}"
            yield definition.fault(message, "governed_when")


def _check_rules(whole: CiClass, own: CiClass, definition: Definition) -> Iterator[DocumentError]:
    seen: set[str] = set()
    last = 0
    for rule in own.identification:
        said = f"class {whole.name!r}, rule {rule.rule!r}"
        if rule.rule in seen:
            yield definition.fault(f"{said} stands twice", "identification")
        seen.add(rule.rule)
        place = _STRENGTHS.index(rule.strength)
        if place < last:
            yield definition.fault(f"{said} is {rule.strength} and comes after a weaker one; the strongest come first", "identification")
        last = max(last, place)
        for message in _check_rule(rule):
            yield definition.fault(f"{said}: {message}", "identification")


def _check_rule(rule: IdentificationRule) -> Iterator[str]:
    kinds = [*rule.all, *rule.shared, *rule.common, *rule.equal_sets]
    for kind in kinds:
        if kind not in IDENTIFIER_KINDS:
            yield f"unknown identifier {kind!r}{suggest(kind, sorted(IDENTIFIER_KINDS))}"
    for kind in (*rule.common, *rule.equal_sets):
        if kind in IDENTIFIER_KINDS and not IDENTIFIER_KINDS[kind].is_list:
            yield f"a thing has one {kind}, so name it in `all`"
    if not kinds and not rule.one_name:
        yield "no condition; give all, shared, common, equal_sets or one_name"
    elif set(kinds) <= _LOCATORS and rule.strength in ("strong", "medium"):
        yield "names and addresses move from one thing to another, so alone they are weak: they only suggest"


def _check_attribute(built: Built, whole: CiClass, name: str, definition: Definition) -> Iterator[DocumentError]:
    attribute = whole.attributes[name]
    said = f"class {whole.name!r}, attribute {name!r}"
    if not _ATTRIBUTE_NAME.fullmatch(name) or len(name) > 128:
        yield definition.fault(f"{said}: a name of at most 128 small letters, digits, _ and dots", "attributes", name)
    elif name in _TAKEN or name.startswith(_TAKEN_PREFIXES):
        yield definition.fault(f"{said}: the name means something else in queries; choose another", "attributes", name)
    inherited = find_attribute(built.classes, built.classes[whole.name].parent or "", name)
    if inherited is not None and inherited.type != attribute.type:
        yield definition.fault(f"{said}: a {attribute.type}, and a {inherited.type} in the parent; choose another name", "attributes", name)
    for key, message in _judge(attribute):
        yield definition.fault(f"{said}: {message}", "attributes", name, key)
    for other in _descendants(built, whole.name) if definition in built.changes else ():
        own = built.classes[other].attributes.get(name)
        if own is not None and own.type != attribute.type:
            yield definition.fault(f"{said}: a {attribute.type}, and a {own.type} in {other!r} below it; choose another name", "attributes", name)


def _judge(attribute: Attribute) -> Iterator[tuple[str, str]]:
    fits = _TYPES_OF.get(attribute.comparator)
    if fits is not None and attribute.type not in fits:
        yield "comparator", f"comparator {attribute.comparator} compares {' or '.join(sorted(fits))}, and it is a {attribute.type}"
    if attribute.mode == "union" and attribute.type != "list":
        yield "mode", f"mode union joins the members of lists, and it is a {attribute.type}"
    if attribute.mode == "mixed" and attribute.comparator != "numeric":
        yield "mode", "mode mixed accepts what is within the tolerance, which only comparator numeric has"
    if attribute.tolerance_ratio and attribute.comparator != "numeric":
        yield "tolerance_ratio", "only comparator numeric has a tolerance"
    if attribute.volatile and attribute.mode != "observed":
        yield "mode", f"what is volatile is never compared, so mode {attribute.mode} means nothing; leave one out"


def _descendants(built: Built, name: str) -> list[str]:
    found = [name]
    for at in found:
        found += [each.name for each in built.classes.values() if each.parent == at and each.name not in found]
    return found[1:]
