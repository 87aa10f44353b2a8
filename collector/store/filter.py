"""A query of `muster/model/query.py` as a condition on `ci`, over its columns and the indexed values of `search_value`.

It finds what `query.matches` would, but for attributes that no class declares `indexed`: these it refuses. Reference: docs/api.md.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, case, cast, exists, false, func, literal_column, not_, or_, select, true

from collector.store.schema import NOT_SEEN, ci, difference, search_value, source, source_record
from collector.store.uuid_text import UuidText, id_text
from collector.store.word import Word
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.ci_class import ClassCatalogue
from muster.model.query import AGE_FIELDS, And, Everything, Not, Or, Query, Term, Words, parse_duration, parse_query

_WORDS: dict[str, ColumnElement[Any]] = {
    "lifecycle": ci.c.lifecycle,
    "presence": ci.c.presence,
    "operation": ci.c.operation,
    "zone": ci.c.zone,
    "id": ci.c.id,
    "control": ci.c.control_level,
    "owner_id": ci.c.owner_ci_id,
}
_AGES: dict[str, ColumnElement[Any]] = {"seen": ci.c.seen_at, "created": ci.c.created_at, "changed": ci.c.changed_at}
_open_difference = exists(select(difference.c.id).where(difference.c.ci_id == ci.c.id, difference.c.state == "open"))
_IS: dict[str, ColumnElement[bool]] = {
    "recorded": ci.c.is_recorded,
    "unrecorded": not_(ci.c.is_recorded),
    "provisional": ci.c.is_provisional,
    "dependent": ci.c.owner_ci_id.is_not(None),
    "independent": ci.c.owner_ci_id.is_(None),
    "different": _open_difference,
}
_NUMBER_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"


@dataclass(frozen=True)
class Fields:
    """Further fields that a list knows beside those of CIs: words (compared whole), numbers, and ages of instants."""

    words: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    numbers: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    ages: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)

    def names(self) -> set[str]:
        return {*self.words, *self.numbers, *self.ages}


@dataclass(frozen=True)
class _Compiler:
    catalogue: ClassCatalogue
    now: int
    fields: Fields


def compile_text(text: str, catalogue: ClassCatalogue, now: int, fields: Fields | None = None) -> ColumnElement[bool]:
    """The condition of a query's text. Raises InputError (`query`) with a suggestion for an unknown field, class or word."""
    return compile_query(parse_query(text), catalogue, now, fields)


def compile_query(query: Query, catalogue: ClassCatalogue, now: int, fields: Fields | None = None) -> ColumnElement[bool]:
    """The condition of a parsed query; never NULL."""
    return _compile(query, _Compiler(catalogue, now, fields or Fields()))


def searchable_fields(catalogue: ClassCatalogue) -> list[str]:
    """Every field that lists of CIs can be asked for, sorted; `tag.NAME` comes on top."""
    indexed = {name for ci_class in catalogue for name, attribute in ci_class.attributes.items() if attribute.indexed}
    return sorted({"class", "name", "number", "is", "source", *_WORDS, *AGE_FIELDS, *indexed})


def _compile(query: Query, compiler: _Compiler) -> ColumnElement[bool]:
    match query:
        case Everything():
            return true()
        case Words(text=text):
            value = text.casefold()
            held = select(search_value.c.ci_id).where(search_value.c.value.contains(value, autoescape=True))
            return or_(func.lower(ci.c.name).contains(value, autoescape=True), ci.c.id.in_(held))
        case Not(inner=inner):
            return not_(_compile(inner, compiler))
        case And(terms=terms):
            return and_(*(_compile(each, compiler) for each in terms))
        case Or(terms=terms):
            return or_(*(_compile(each, compiler) for each in terms))
        case Term():
            return _term(query, compiler)


def _term(term: Term, compiler: _Compiler) -> ColumnElement[bool]:
    if term.operator == "!=":
        return not_(_term(Term(term.field, "=", term.value), compiler))
    name, fields = term.field, compiler.fields
    words = {**_WORDS, **fields.words}
    ages = {**_AGES, **fields.ages}
    if name == "class":
        return ci.c.ci_class.in_(_classes(term, compiler.catalogue))
    if name == "is":
        return _is(term)
    if name == "source":
        return _source(term)
    if name in words:
        return _word(words[name], term)
    if name in ages:
        return _age(ages[name], term, compiler.now)
    if name == "number" or name in fields.numbers:
        return _number(fields.numbers.get(name, ci.c.number), term)
    if name == "name" and term.operator in (":", "="):
        return _text(func.lower(ci.c.name), term, whole=False)
    return _attribute(term, compiler)


def _classes(term: Term, catalogue: ClassCatalogue) -> list[str]:
    """The class with all its descendants."""
    wanted = term.value.casefold()
    chosen = {name for name in catalogue.names() if fnmatchcase(name, wanted)}
    if not chosen and wanted and "*" not in wanted:
        raise InputError(f"unknown class {quote(term.value)}{suggest(wanted, catalogue.names())}", path="query")
    grown = True
    while grown:
        below = {each.name for each in catalogue if each.parent in chosen} - chosen
        chosen |= below
        grown = bool(below)
    return sorted(chosen) if wanted else catalogue.names()


def _is(term: Term) -> ColumnElement[bool]:
    found = _IS.get(term.value.casefold())
    if found is None:
        raise InputError(f"unknown word {quote('is:' + term.value)}{suggest(term.value.casefold(), list(_IS))}", path="query")
    return found


def _source(term: Term) -> ColumnElement[bool]:
    """By kind or name of a source that reports the CI."""
    is_it = or_(_text(source.c.kind, term, whole=True), _text(func.lower(source.c.name), term, whole=True))
    held = select(source_record.c.ci_id).join(source, source.c.id == source_record.c.source_id)
    return ci.c.id.in_(held.where(source_record.c.closed_at.is_(None), source_record.c.ci_id.is_not(None), is_it))


def _attribute(term: Term, compiler: _Compiler) -> ColumnElement[bool]:
    if not term.field.startswith("tag."):
        _check_known(term.field, compiler)
    value = search_value.c.value
    held = select(search_value.c.ci_id).where(search_value.c.attribute == term.field)
    if term.operator in (":", "="):
        return ci.c.id.in_(held.where(_text(value, term, whole=False)))
    # Text that is no number compares with nothing; PostgreSQL would refuse to cast it.
    number = case((value.regexp_match(_NUMBER_PATTERN), cast(value, Double)), else_=None)
    return ci.c.id.in_(held.where(func.coalesce(_compare(number, term.operator, _wanted(term)), false())))


def _check_known(name: str, compiler: _Compiler) -> None:
    known = searchable_fields(compiler.catalogue)
    if name in known:
        return
    if any(name in each.attributes for each in compiler.catalogue):
        raise InputError(f"attribute {quote(name)} is not indexed, so lists cannot be filtered by it; indexed are {', '.join(known)}", path="query")
    raise InputError(f"unknown field {quote(name)}{suggest(name, [*known, *compiler.fields.names()])}", path="query")


def _word(column: ColumnElement[Any], term: Term) -> ColumnElement[bool]:
    """A whole word, an id, or a pattern of either."""
    if isinstance(column.type, Word):
        return _listed(column, column.type, term)
    if not isinstance(column.type, UuidText):
        return _text(func.lower(column), term, whole=True)
    if term.operator in (":", "=") and "*" not in term.value:
        return and_(column.is_not(None), column == term.value.casefold()) if term.value or term.operator == "=" else column.is_not(None)
    return and_(column.is_not(None), _text(id_text(column), term, whole=True))


def _listed(column: ColumnElement[Any], kind: Word, term: Term) -> ColumnElement[bool]:
    wanted = term.value.casefold()
    if term.operator not in (":", "="):
        return _text(column, term, whole=True)  # refuses
    if not wanted:
        return true() if term.operator == ":" else false()
    chosen = column.in_([each for each in kind.words if fnmatchcase(each, _literally(wanted))])
    if column is ci.c.presence and not fnmatchcase("seen", _literally(wanted)):
        return and_(chosen, literal_column(NOT_SEEN))
    return chosen


def _literally(pattern: str) -> str:
    """A pattern in which only `*` is special."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _text(column: ColumnElement[Any], term: Term, *, whole: bool) -> ColumnElement[bool]:
    value = term.value.casefold()
    if term.operator not in (":", "="):
        raise InputError(f"{term.field} is text: {quote(term.field + term.operator)} does not compare; write {term.field}:{term.value}", path="query")
    if not value and term.operator == ":":
        return and_(column.is_not(None), column != "")
    if "*" in value:
        pattern = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        return column.like(pattern, escape="\\")
    if whole or term.operator == "=":
        return column == value
    return column.contains(value, autoescape=True)


def _age(column: ColumnElement[Any], term: Term, now: int) -> ColumnElement[bool]:
    if not term.value:
        return column.is_not(None)
    seconds = parse_duration(term.value)
    if seconds is None or term.operator in (":", "="):
        raise InputError(f"{term.field} is an age: write for example {term.field}<7d", path="query")
    limit = now - seconds * 1000
    # The age is below a limit where the instant is above another.
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[term.operator]
    return and_(column.is_not(None), _compare(column, turned, limit))


def _number(column: ColumnElement[Any], term: Term) -> ColumnElement[bool]:
    if not term.value:
        return column.is_not(None)
    wanted = _wanted(term)
    return column == wanted if term.operator in (":", "=") else _compare(column, term.operator, wanted)


def _wanted(term: Term) -> float | int:
    try:
        number = float(term.value)
    except ValueError:
        raise InputError(f"{quote(term.value)} is no number; {term.field} compares with numbers", path="query") from None
    if not -(2.0**62) < number < 2.0**62:
        raise InputError(f"{quote(term.value)} is out of range", path="query")
    return int(number) if number.is_integer() else number


def _compare(column: ColumnElement[Any], word: str, wanted: Any) -> ColumnElement[bool]:
    return _COMPARISONS[word](column, wanted)


_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
