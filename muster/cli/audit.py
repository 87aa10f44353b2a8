"""`muster audit`: the audit trail read, exported and verified; verification also of a copy of the database, without a collector."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from muster.cli.client import open_client
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, progress, show_pages
from muster.cli.output import EXIT_REFUSED, Output, OutputOption, UrlOption, clean, column, instant, show_list, show_one

COMMANDS = typer.Typer(help="The audit trail: who did what, and whether the chain of it holds.", no_args_is_help=True)
COLUMNS = (column("entry", "id"), column("at", read=instant), column("who", "actor"), column("action"), column("subject"), column("detail"))
EXPORT_COLUMNS = (*COLUMNS, column("hash"))
ActorOption = Annotated[str, typer.Option("--actor", help="person:NAME, token:NAME, policy:NAME or collector; a * at the end for a beginning.")]
ActionOption = Annotated[str, typer.Option("--action", help="For example signed_in, or decision.* for every decision.")]
SubjectOption = Annotated[str, typer.Option("--subject", help="What it was about: an id or a name.")]
FromOption = Annotated[str | None, typer.Option("--from", help="Not before: RFC 3339, for example 2026-03-01T00:00:00Z.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Before: RFC 3339.")]
_PATH = "/v1/audit"


@COMMANDS.command("list")
def list_entries(
    *,
    actor: ActorOption = "",
    action: ActionOption = "",
    subject: SubjectOption = "",
    since: FromOption = None,
    until: ToOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List entries, newest first."""
    wanted = {"actor": actor, "action": action, "subject": subject, "from": since, "to": until}
    show_pages(open_client(url), _PATH, COLUMNS, output, limit=limit, **wanted)


@COMMANDS.command()
def export(
    *,
    actor: ActorOption = "",
    action: ActionOption = "",
    subject: SubjectOption = "",
    since: FromOption = None,
    until: ToOption = None,
    output: OutputOption = Output.JSON,
    url: UrlOption = None,
) -> None:
    """Every entry that matches, oldest first, with its hash."""
    wanted = {"actor": actor, "action": action, "subject": subject, "from": since, "to": until}
    found: list[dict[str, Any]] = []
    with progress() as advance:
        for page in open_client(url).pages(_PATH, limit=None, **wanted):
            found += page["items"]
            advance(len(found), int(page["total"]))
    show_list(found[::-1], EXPORT_COLUMNS, output)


@COMMANDS.command()
def verify(
    database: Annotated[
        str | None, typer.Option("--database", help="Of a copy instead: sqlite:///PATH or postgresql+psycopg://... Needs no collector.")
    ] = None,
    expect: Annotated[str | None, typer.Option("--expect", help="A head that was written down earlier: NUMBER:HASH, or the hash alone.")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Follow the chain and name the first entry that does not hold. Ends with 1 where there is one."""
    found = open_client(url).get(f"{_PATH}/verification", expect=expect) if database is None else _verify_copy(database, expect)
    rows: list[tuple[str, object]] = [("whole", found["is_whole"]), ("entries that hold", found["entries"]), ("head", found["head"])]
    if not found["is_whole"]:
        rows += [("first broken entry", found["broken_id"]), ("reason", found["reason"])]
    show_one(found, rows, output)
    if not found["is_whole"]:
        print(f"muster: the audit trail does not hold at entry {found['broken_id']}: {clean(found['reason'])}", file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED)
    if output is Output.TABLE and expect is None:
        print("write the head down elsewhere: --expect compares with it later, and shows an end that was cut off", file=sys.stderr)


def _verify_copy(database: str, expect: str | None) -> dict[str, Any]:
    from collector.store.audit_chain import parse_anchor, verify
    from collector.store.database_copy import reading_copy

    expected = None if expect is None else parse_anchor(expect)
    with reading_copy(database, table="audit") as connection:
        found = verify(connection, expected=expected)
    return {
        "is_whole": found.broken_id is None,
        "entries": found.entries,
        "head": str(found.head),
        "broken_id": found.broken_id,
        "reason": found.reason,
    }
