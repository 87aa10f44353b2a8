"""The query language of lists, services, policies and rules: text to a tree, and a tree against the facts of one CI.

    class:server tag.role:web os.name:debian seen<7d        and is a space
    (class:server OR class:virtual_machine) -site:lab "db primary"

`field:value` holds where the value contains the text (for words such as class and presence: is it), `=` and `!=` compare whole values,
`<` `<=` `>` `>=` numbers, and ages for seen, created and changed. `*` stands for any text. Letter case never counts.
How a tree becomes SQL is in `collector/store`. Reference: docs/reference/query.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct

from muster.errors import InputError, quote

Operator = Literal[":", "=", "!=", "<", "<=", ">", ">="]
MAXIMUM_LENGTH = 4096
MAXIMUM_DEPTH = 50
WORD_FIELDS = frozenset({"class", "lifecycle", "presence", "operation", "zone", "source", "id", "number", "is", "control", "owner_id"})
AGE_FIELDS = frozenset({"seen", "created", "changed"})
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<minus>-)(?=[^\s)])|(?P<quoted>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<field>[A-Za-z_][\w.\-]*)(?P<operator>!=|<=|>=|[:=<>])(?P<value>"(?:[^"\\]|\\.)*"|[^\s()"]*)|(?P<word>[^\s()"]+))"""
)


class Everything(Struct, frozen=True, tag="everything"):
    """The empty query."""


class Words(Struct, frozen=True, tag="words"):
    """Text that the name or any indexed value contains."""

    text: str


class Term(Struct, frozen=True, tag="term"):
    """One comparison of a field."""

    field: str
    operator: Operator
    value: str


class Not(Struct, frozen=True, tag="not"):
    """What the inner query does not match."""

    inner: Query


class And(Struct, frozen=True, tag="and"):
    """All of them."""

    terms: tuple[Query, ...]


class Or(Struct, frozen=True, tag="or"):
    """Any of them."""

    terms: tuple[Query, ...]


Query = Everything | Words | Term | Not | And | Or


class QueryError(InputError):
    """The text is no query; `position` (0-based) is where."""

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(f"query {quote(text)}, position {position + 1}: {message}", path="")
        self.position = position


class _Token(Struct, frozen=True):
    kind: str
    at: int
    text: str = ""
    term: Term | None = None


def parse_query(text: str) -> Query:
    """The tree of a query. Raises QueryError with the position.

    >>> parse_query("class:server -seen<7d")
    And(terms=(Term(field='class', operator=':', value='server'), Not(inner=Term(field='seen', operator='<', value='7d'))))
    """
    if len(text) > MAXIMUM_LENGTH:
        raise QueryError(f"longer than {MAXIMUM_LENGTH} characters", text=text, position=MAXIMUM_LENGTH)
    tokens = _tokens(text)
    if not tokens:
        return Everything()
    query, at = _parse_or(tokens, 0, text, 0)
    if at < len(tokens):
        raise QueryError("a parenthesis closes that was not opened", text=text, position=tokens[at].at)
    return query


def parse_duration(text: str) -> int | None:
    """Seconds of `7d`, `90m`, `2w`; None where it is no duration."""
    found = re.fullmatch(r"(\d{1,9})([smhdwy])", text.strip().casefold())
    return int(found.group(1)) * _SECONDS[found.group(2)] if found else None


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise QueryError("a quotation mark is not closed", text=text, position=at)
        start = match.start(match.lastgroup or 0)
        at = match.end()
        if match["field"] is not None:
            found.append(_Token("term", start, term=_term(match, text)))
        elif match["quoted"] is not None:
            found.append(_Token("words", start, _unquote(match["quoted"])))
        elif match["word"] is not None:
            found.append(_Token("or" if match["word"] == "OR" else "words", start, match["word"]))
        else:
            found.append(_Token("open" if match["open"] else "close" if match["close"] else "minus", start))
    return found


def _term(match: re.Match[str], text: str) -> Term:
    value = _unquote(match["value"])
    field, operator = match["field"].casefold(), match["operator"]
    if not value and operator not in (":", "=", "!="):
        raise QueryError(f"{field}{operator} needs a value", text=text, position=match.end())
    if operator in ("<", "<=", ">", ">=") and _number(value) is None and parse_duration(value) is None:
        raise QueryError(f"{value!r} is neither a number nor an age such as 7d", text=text, position=match.start("value"))
    return Term(field, operator, value)  # type: ignore[arg-type]  # the pattern has these operators only


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _parse_or(tokens: list[_Token], at: int, text: str, depth: int) -> tuple[Query, int]:
    if depth > MAXIMUM_DEPTH:
        raise QueryError(f"deeper than {MAXIMUM_DEPTH} parentheses", text=text, position=tokens[at].at if at < len(tokens) else len(text))
    terms: list[Query] = []
    while True:
        query, at = _parse_and(tokens, at, text, depth)
        terms.append(query)
        if at >= len(tokens) or tokens[at].kind != "or":
            return (terms[0] if len(terms) == 1 else Or(tuple(terms))), at
        at += 1


def _parse_and(tokens: list[_Token], at: int, text: str, depth: int) -> tuple[Query, int]:
    terms: list[Query] = []
    while at < len(tokens) and tokens[at].kind not in ("or", "close"):
        query, at = _parse_one(tokens, at, text, depth)
        terms.append(query)
    if not terms:
        raise QueryError("a term is missing", text=text, position=tokens[at].at if at < len(tokens) else len(text))
    return (terms[0] if len(terms) == 1 else And(tuple(terms))), at


def _parse_one(tokens: list[_Token], at: int, text: str, depth: int) -> tuple[Query, int]:
    token = tokens[at]
    if token.kind == "minus":
        inner, at = _parse_one(tokens, at + 1, text, depth + 1)
        return Not(inner), at
    if token.kind == "open":
        inner, at = _parse_or(tokens, at + 1, text, depth + 1)
        if at >= len(tokens):
            raise QueryError("a parenthesis is not closed", text=text, position=token.at)
        return inner, at + 1
    if token.term is not None:
        return token.term, at + 1
    return Words(token.text), at + 1


def matches(query: Query, facts: Mapping[str, Any], now: int) -> bool:
    """Whether the facts of one CI satisfy a query.

    `facts`: field to value or list of values: attributes, `class` (with its ancestors), `name`, `tag.X`, axes; `seen`, `created`
    and `changed` as instants. A field that is missing satisfies only `!=`, and `field:` with no value asks whether it is there.
    """
    match query:
        case Everything():
            return True
        case Words(text=text):
            wanted = text.casefold()
            return any(wanted in str(value).casefold() for value in _all_values(facts))
        case Term():
            return _matches_term(query, facts, now)
        case Not(inner=inner):
            return not matches(inner, facts, now)
        case And(terms=terms):
            return all(matches(each, facts, now) for each in terms)
        case Or(terms=terms):
            return any(matches(each, facts, now) for each in terms)


def _all_values(facts: Mapping[str, Any]) -> Iterable[Any]:
    for value in facts.values():
        yield from value if isinstance(value, list | tuple) else (value,)


def _matches_term(term: Term, facts: Mapping[str, Any], now: int) -> bool:
    stored = facts.get(term.field)
    values = [value for value in (stored if isinstance(stored, list | tuple) else [stored]) if value is not None]
    if term.operator == "!=":
        return not any(_is_text(value, term.value) for value in values)
    if not values:
        return False
    if not term.value:
        return True
    if term.operator == "=" or (term.operator == ":" and term.field in WORD_FIELDS):
        return any(_is_text(value, term.value) for value in values)
    if term.operator == ":":
        return any(_contains(value, term.value) for value in values)
    return any(_compares(term, value, now) for value in values)


def _is_text(value: Any, wanted: str) -> bool:
    text = _plain(value)
    return fnmatchcase(text, wanted.casefold().replace("[", "[[]")) if "*" in wanted else text == wanted.casefold()


def _contains(value: Any, wanted: str) -> bool:
    if "*" in wanted:
        return _is_text(value, wanted)
    return _plain(value) == wanted.casefold() if isinstance(value, int | float) else wanted.casefold() in _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).casefold()


def _compares(term: Term, value: Any, now: int) -> bool:
    duration = parse_duration(term.value)
    number = _number(value)
    if number is None:
        return False
    wanted = _number(term.value)
    if term.field in AGE_FIELDS and duration is not None:
        number, wanted = (now - number) / 1000, float(duration)
    if wanted is None:
        return False
    match term.operator:
        case "<":
            return number < wanted
        case "<=":
            return number <= wanted
        case ">":
            return number > wanted
        case _:
            return number >= wanted


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
