"""`muster availability`: figures of a service, the case that each is computed from, and its computation anywhere.

`compute` needs no collector: an auditor recomputes any reported figure from the exported case (docs/services.md).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from muster.cli.client import Client, open_client, part
from muster.cli.figure import to_outage_rows, to_rows
from muster.cli.output import Output, OutputOption, UrlOption, show_one
from muster.document import find_line, parse_yaml
from muster.errors import ConfigurationError, DocumentError, InputError, TooLargeError
from muster.instant import parse_instant, render_instant

COMMANDS = typer.Typer(help="Availability: figures, their cases, and their computation anywhere.", no_args_is_help=True)
MAXIMUM_CASE_BYTES = 64 * 1_048_576
MAXIMUM_POSITION_CHARACTERS = 1_048_576
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_POLICIES = {"unknown": "exclude", "degraded": "up", "planned": "exclude"}

FromOption = Annotated[str | None, typer.Option("--from", help="Begin: RFC 3339, or a date in the service's time zone.")]
ToOption = Annotated[str | None, typer.Option("--to", help="End, not included: RFC 3339, or a date in the service's time zone.")]


@COMMANDS.command()
def compute(
    case: Annotated[str, typer.Argument(help="A case in JSON or YAML (docs/services.md), or - for standard input.")],
    output: OutputOption = Output.JSON,
) -> None:
    """Compute the figures of a case. Needs no collector."""
    from collector.services.availability import compute as compute_case

    text, name = _read(case)
    value = parse_case_text(text, name)
    try:
        result = compute_case(value)
    except InputError as error:
        raise place(error, text, name) from None
    rows = [*to_rows(result), *_terms(value), *to_outage_rows(result)]
    show_one(result, rows, output)


@COMMANDS.command()
def show(
    service: Annotated[str, typer.Argument(help="The service's id.")],
    since: FromOption = None,
    until: ToOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """The figures of a service: those kept (this month, the last one, 30 days), or of any window."""
    client = open_client(url)
    if since is not None or until is not None:
        answer = client.get(f"/v1/services/{part(service)}/availability", **_window(client, service, since, until))
        result = answer["result"]
        show_one(answer, [("from", answer["from"]), ("to", answer["to"]), *to_rows(result), *to_outage_rows(result)], output)
        return
    view = client.get(f"/v1/services/{part(service)}")
    rows: list[tuple[str, object]] = [
        ("service", view["id"]),
        ("state", view["state"]),
        ("target", view.get("target")),
        ("agreement", view.get("sla")),
    ]
    for window, figure in view["figures"].items():
        if figure:
            rows += [("", ""), (window, ""), *_span(figure), *to_rows(figure)]
    show_one(view["figures"], rows, output)


@COMMANDS.command()
def export(
    service: Annotated[str, typer.Argument(help="The service's id.")],
    since: FromOption = None,
    until: ToOption = None,
    output: OutputOption = Output.JSON,
    url: UrlOption = None,
) -> None:
    """The case of a window: everything its figure is computed from, for `muster availability compute`."""
    if output not in {Output.JSON, Output.YAML}:
        raise ConfigurationError(f"a case is nested and is no {output.value}; use --output json or yaml")
    client = open_client(url)
    case = client.get(f"/v1/services/{part(service)}/case", **_window(client, service, since, until))
    show_one(to_text_instants(case), [], output)


def parse_case_text(text: str, name: str) -> dict[str, Any]:
    """The plain value of a case. `name`: the file, in errors. Raises DocumentError."""
    value = _parse_json(text, name) if text.lstrip().startswith("{") else parse_yaml(text, file=name)[1]
    if not isinstance(value, dict):
        raise DocumentError("no case: a mapping with window, components and expression must stand here", file=name, line=1)
    return value


def _parse_json(text: str, name: str) -> Any:
    """JSON; flow YAML begins with the same brace, so that what is no JSON is tried as that unless the file's name says JSON."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise DocumentError("nested too deeply", file=name, line=1) from None
    except ConfigurationError as error:
        raise DocumentError(str(error), file=name, line=1) from None
    except ValueError as error:
        if name.endswith(".json"):
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            raise DocumentError(f"not JSON: {getattr(error, 'msg', error)}", file=name, line=line) from None
    return parse_yaml(text, file=name)[1]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; a key that stands twice would silently hide its first value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        doubled = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ConfigurationError(f"key {doubled!r} stands twice")
    return found


def place(error: InputError, text: str, name: str) -> DocumentError:
    """The error with the line of its path where the text is not too long to look for it."""
    line = 1
    if len(text) <= MAXIMUM_POSITION_CHARACTERS:
        try:
            line = find_line(parse_yaml(text, file=name)[0], error.path)
        except DocumentError:
            line = 1  # JSON that is no YAML: the path says where
    return DocumentError(str(error), file=name, line=line, path=error.path)


def to_text_instants(case: Mapping[str, Any]) -> dict[str, Any]:
    """A case with its instants as RFC 3339 text, for people and other programs."""

    def spell(value: Any) -> Any:
        return render_instant(value) if isinstance(value, int) else value

    def span(window: Mapping[str, Any]) -> dict[str, Any]:
        return {"from": spell(window["from"]), "to": spell(window["to"])}

    return {
        **case,
        "window": span(case["window"]),
        "planned_downtime": [span(each) for each in case.get("planned_downtime") or []],
        "components": {
            name: [{"at": spell(each["at"]), "state": each["state"]} for each in transitions] for name, transitions in case["components"].items()
        },
    }


def _read(case: str) -> tuple[str, str]:
    """(text, name). Raises ConfigurationError, TooLargeError."""
    name = "standard input" if case == "-" else case
    try:
        if case == "-":
            raw = sys.stdin.buffer.read(MAXIMUM_CASE_BYTES + 1)
        else:
            with Path(case).open("rb") as stream:
                raw = stream.read(MAXIMUM_CASE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror}") from None
    if len(raw) > MAXIMUM_CASE_BYTES:
        raise TooLargeError(f"{name}: over {MAXIMUM_CASE_BYTES} bytes; export a shorter window", limit_bytes=MAXIMUM_CASE_BYTES)
    try:
        return raw.decode("utf-8"), name
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8 text; save the file as UTF-8", file=name, line=1) from None


def _terms(case: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The terms that the figure stands under."""
    policies = {**_POLICIES, **(case.get("policies") or {})}
    return [("target", case.get("target")), ("policies", ", ".join(f"{name}: {word}" for name, word in policies.items()))]


def _span(figure: Mapping[str, Any]) -> list[tuple[str, object]]:
    since, until = figure.get("from"), figure.get("to")
    return [(name, render_instant(at)) for name, at in (("from", since), ("to", until)) if isinstance(at, int)]


def _window(client: Client, service: str, since: str | None, until: str | None) -> dict[str, str]:
    """The query of a window; a date begins in the service's time zone. Raises ConfigurationError."""
    if since is None or until is None:
        raise ConfigurationError("give both --from and --to, for example --from 2026-03-01 --to 2026-04-01")
    zone = ""
    if _DATE.fullmatch(since) or _DATE.fullmatch(until):
        zone = str(client.get(f"/v1/services/{part(service)}")["time_zone"])
    return {"from": _to_instant(since, "--from", zone), "to": _to_instant(until, "--to", zone)}


def _to_instant(text: str, flag: str, zone: str) -> str:
    try:
        if _DATE.fullmatch(text):
            return render_instant(parse_instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)))
        return render_instant(parse_instant(text, path=flag))
    except ValueError as error:
        raise ConfigurationError(str(error) if isinstance(error, InputError) else f"{flag} {text!r} is no date") from None
