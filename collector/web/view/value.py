"""Attribute values as text: units, lists, and instants as people read them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from collector.web.view.moment import say_exact
from collector.web.view.viewpoint import Viewpoint
from muster.model.ci_class import Attribute

MEMBERS_SHOWN = 12
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("", "k", "M", "G", "T", "P")


class Value(Struct, frozen=True):
    """`texts`: one, or the members of a list; `more`: members left out; `exact`: what `text` was shortened from, or empty."""

    texts: list[str]
    exact: str = ""
    is_missing: bool = False
    is_list: bool = False
    more: int = 0

    @property
    def text(self) -> str:
        return ", ".join(self.texts)


MISSING = Value(["—"], is_missing=True)


def to_value(value: Any, viewpoint: Viewpoint, *, attribute: Attribute | None = None, unit: str = "") -> Value:
    """A value as its attribute's type and unit ask; None is missing."""
    if value is None or value == "":
        return MISSING
    if attribute is not None and attribute.type == "timestamp" and isinstance(value, int | float):
        return Value([say_exact(int(value), viewpoint)])
    if isinstance(value, list | tuple):
        return _to_list(value, viewpoint)
    unit = unit or (attribute.unit if attribute else "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = say_quantity(value, unit)
        return Value([text], exact="" if text == f"{value}" else f"{value:,} {unit}".strip())
    return Value([say_plain(value, viewpoint)])


def say_plain(value: Any, viewpoint: Viewpoint) -> str:
    """A scalar or a nested value in one line."""
    if isinstance(value, bool):
        return viewpoint.say("yes") if value else viewpoint.say("no")
    if isinstance(value, dict):
        return " · ".join(f"{name} {say_plain(each, viewpoint)}" for name, each in value.items() if each not in (None, "", []))
    if isinstance(value, list | tuple):
        return ", ".join(say_plain(each, viewpoint) for each in value)
    return "—" if value is None else str(value)


def say_quantity(number: float, unit: str) -> str:
    """A number with its unit at a readable size; an identifier-like number without a unit stays as it is.

    >>> say_quantity(16_777_216, "bytes"), say_quantity(1_000_000_000, "bit/s"), say_quantity(0.25, "ratio"), say_quantity(8161, "")
    ('16 MiB', '1 Gbit/s', '25 %', '8161')
    """
    match unit:
        case "bytes" | "bytes_total":
            return _scaled(number, 1024, _BINARY)
        case "bit/s" | "B/s" | "bytes/s":
            return f"{_scaled(number, 1000, _DECIMAL)}{unit.replace('bytes', 'B')}"
        case "ratio":
            return f"{_short(number * 100)} %"
        case "":
            return str(number) if isinstance(number, int) else _short(number)
        case "seconds":
            return f"{_short(number)} s"
        case "celsius":
            return f"{_short(number)} °C"
        case _:
            return f"{_short(number)} {unit}"


def _scaled(number: float, step: int, names: tuple[str, ...]) -> str:
    place = 0
    while abs(number) >= step and place < len(names) - 1:
        number /= step
        place += 1
    return f"{_short(number)} {names[place]}"


def _short(number: float) -> str:
    """Three figures that count, no trailing zeros, grouped."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) >= 0.001 else f"{number:.2e}"


def _to_list(value: list[Any] | tuple[Any, ...], viewpoint: Viewpoint) -> Value:
    if not value:
        return Value([viewpoint.say("none")], is_list=True)
    texts = [say_plain(each, viewpoint) for each in value]
    return Value(
        texts[:MEMBERS_SHOWN], exact=", ".join(texts) if len(texts) > MEMBERS_SHOWN else "", is_list=True, more=max(len(texts) - MEMBERS_SHOWN, 0)
    )
