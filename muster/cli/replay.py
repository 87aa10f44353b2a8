"""`muster simulate --days`: the last days' reports held against a changed rule set, by a collector or on a database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muster.cli.client import open_client, part
from muster.cli.listing import progress
from muster.cli.output import Output, counted, write
from muster.cli.state_table import show_parts
from muster.errors import ConfigurationError, DocumentError, UnavailableError

ASK_SECONDS = 1.0
MAXIMUM_FILE_BYTES = 1_048_576
REPLAY_TABLES: dict[str, tuple[str, ...]] = {
    "merges": ("cis",),
    "splits": ("ci", "parts"),
    "changes": ("ci", "attribute", "before", "after"),
    "opened": ("ci", "kind", "attribute", "recorded", "observed"),
    "gone": ("ci", "kind", "attribute", "recorded", "observed"),
}


def read_rules(classes: Path | None, settings: Path | None, policies: Path | None) -> dict[str, Any]:
    """The changed rule set as the API takes it; what is not named stays as it is in force. Raises ConfigurationError, DocumentError."""
    from collector.simulation.rule_set import parse_settings_file

    rules: dict[str, Any] = {}
    if classes is not None:
        rules["classes"] = _read_folder(classes, {".toml"})
    if policies is not None:
        rules["policies"] = _read_folder(policies, {".yaml", ".yml"})
    if settings is not None:
        rules["settings"] = parse_settings_file(_read_file(settings), str(settings))
    return rules


def replay(days: float, rules: Mapping[str, Any], output: Output, *, database: str | None, url: str | None) -> None:
    """Run it and show what would be otherwise."""
    found = _run_here(days, rules, database) if database is not None else _ask(days, rules, url)
    if output is not Output.TABLE:
        show_parts(found, {}, output)
        return
    comparison = found["comparison"]
    write(f"{counted(found['reports'], 'report')} replayed, {found['refused']} refused; {counted(found['standing'], 'source')} as they stand")
    counts = comparison["counts"]
    words = {"merges": "merges", "splits": "splits", "changes": "changed values", "opened": "new differences", "gone": "differences less"}
    write(", ".join(f"{counts.get(name, 0)} {word}" for name, word in words.items()))
    for kind, sides in comparison["cases"].items():
        if sides["before"] != sides["after"]:
            write(f"open {kind} cases: {sides['before']} before, {sides['after']} after")
    for name, number in comparison["decided"].items():
        write(f"policy {name}: {counted(number, 'decision')}")
    if any(comparison[name] for name in REPLAY_TABLES):
        show_parts(comparison, REPLAY_TABLES, output)


def _ask(days: float, rules: Mapping[str, Any], url: str | None) -> dict[str, Any]:
    client = open_client(url)
    view = client.send("POST", "/v1/simulations/replays", {"days": days, **rules})
    with progress() as advance:
        while view["state"] == "running":
            time.sleep(ASK_SECONDS)
            view = client.get(f"/v1/simulations/replays/{part(view['id'])}")
            advance(view["done"], view["total"] or view["done"] + 1)
    if view["state"] == "failed":
        raise UnavailableError(f"the replay failed: {view['fault']}")
    result: dict[str, Any] = view["result"]
    return result


def _run_here(days: float, rules: Mapping[str, Any], database: str) -> dict[str, Any]:
    import msgspec

    from collector.simulation.replay import try_rules
    from collector.simulation.rule_set import RuleSet, make_context
    from collector.store.edit import Context
    from collector.store.engine import open_database
    from muster.clock import SystemClock
    from muster.model.ci_class import load_catalogue

    live = open_database(database)
    if live.is_sqlite and not Path(live.url.database or "").is_file():
        raise ConfigurationError(f"{live.url.database}: there is no such file; name the collector's database")
    try:
        base = Context(load_catalogue())
        in_force, changed = make_context(base, live, RuleSet()), make_context(base, live, msgspec.convert(rules, RuleSet))
        with progress() as advance:
            found = try_rules(
                live, in_force, changed, now=SystemClock().now_ms(), days=days, progress=lambda _stage, done, total: advance(done, total or done + 1)
            )
        plain: dict[str, Any] = msgspec.to_builtins(found)
        return plain
    finally:
        live.close()


def _read_folder(folder: Path, suffixes: set[str]) -> dict[str, str]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder; name the one that holds the files")
    files = sorted(path for path in folder.iterdir() if path.suffix in suffixes and not path.name.startswith("."))
    return {path.name: _read_file(path) for path in files}


def _read_file(path: Path) -> str:
    try:
        if path.stat().st_size > MAXIMUM_FILE_BYTES:
            raise DocumentError(f"larger than {MAXIMUM_FILE_BYTES} bytes", file=str(path), line=1)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8 text; save the file as UTF-8", file=str(path), line=1) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
