"""Instants on the command line, and configuration items as they were then or became between two of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.output import instant, to_text

AtOption = Annotated[str | None, typer.Option(help="As it was at this instant (RFC 3339, or 2026-03-01).")]
KnownOption = Annotated[str | None, typer.Option(help="By what was known at this instant; without: by what is known now.")]
FromOption = Annotated[
    str, typer.Option("--from", help="The earlier instant (RFC 3339, or 2026-03-01); 2026-03-01@2026-04-01: by what was known in April.")
]
ToOption = Annotated[str | None, typer.Option("--to", help="The later one likewise; without: now.")]


_NOTES = {"is_suggestion": "suggestion", "is_disputed": "sources disagree on the other end", "is_to_retired": "other end is retired"}


def day(text: str | None) -> str | None:
    """An instant as the API takes it: a plain day is its beginning, UTC."""
    return f"{text}T00:00:00Z" if text is not None and len(text) == 10 and text[4] == "-" else text


def to_moments(since: str, until: str | None) -> dict[str, str | None]:
    """`AT` and `AT@KNOWN` of the options --from and --to as the API takes them."""
    moments: dict[str, str | None] = {}
    for name, text in (("from", since), ("to", until)):
        at, _, known = (text or "").partition("@")
        moments |= {name: day(at or None), f"known_{name}": day(known or None)}
    return moments


def render_then(found: dict[str, Any]) -> list[tuple[str, object]]:
    """A CI as it was."""
    ci, asked = found["ci"], found["asked_for"]
    rows: list[tuple[str, object]] = [("number", ci["number"]), ("class", ci["class"]), ("name", ci["name"]), ("at", instant(found["at"]))]
    rows.append(("as known", instant(found["known_at"])))
    if not found["existed"]:
        return [*rows, ("", "It was not known then.")]
    if asked is not None:
        rows.append(("asked for", f"{asked['name']} (number {asked['number']}), which it was believed to be"))
    owner = found["owner"]
    rows += [(name, found[name]) for name in ("presence", "lifecycle", "zone")]
    rows += [("owner", None if owner is None else f"{owner['class']} {owner['name']}"), ("recorded", found["is_recorded"])]
    rows += [("tags", [f"{name}={value}" for name, value in found["tags"].items()]), ("", "")]
    for name in sorted({*found["effective"], *found["recorded"]}):
        told = to_text(found["effective"].get(name))
        rows.append((name, told + (f"  [recorded: {to_text(found['recorded'][name])}]" if name in found["recorded"] else "")))
    rows += [("", ""), *(("identifier", f"{each['kind']} {each['value']}") for each in found["identifiers"])]
    rows += [("relation", say_relation(each)) for each in found["relations"]]
    return [*rows, *(("holds", f"{count} {name}") for name, count in found["contents"].items())]


def render_comparison(found: dict[str, Any]) -> list[tuple[str, object]]:
    """What became of a CI, a row for each value and relation."""
    rows: list[tuple[str, object]] = [
        (f"{each['layer']} {each['attribute']}", f"{to_text(each['old']) or '—'} → {to_text(each['new']) or '—'}") for each in found["values"]
    ]
    for each in found["relations"]:
        other = "not known" if each["other"] is None else f"{each['other']['class']} {each['other']['name']}"
        rows.append((f"relation {each['change']}", f"{each['type']} {'→' if each['direction'] == 'out' else '←'} {other}"))
    return rows


def say_relation(relation: dict[str, Any]) -> str:
    """A relation as a line."""
    other = relation["other"]
    name = to_text(relation["claim"]) if other is None else f"{other['class']} {other['name']} (number {other['number']})"
    notes = [text for key, text in _NOTES.items() if relation.get(key)]
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"{relation['type']} {'→' if relation['direction'] == 'out' else '←'} {name}{noted}"
