"""Lists that come in pages: fetched up to a limit and shown with the total."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from muster.cli.client import Client
from muster.cli.output import Column, Output, show_list

DEFAULT_LIMIT = 50
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="How many at most; 0: all.")]


def show_pages(client: Client, path: str, columns: Sequence[Column], output: Output, *, limit: int, **query: object) -> None:
    """Fetch the pages of a list and show it."""
    items: list[dict[str, Any]] = []
    total = 0
    with progress() as advance:
        for page in client.pages(path, limit=limit or None, **query):
            items += page["items"]
            total = int(page["total"])
            advance(len(items), min(total, limit or total))
    show_list(items, columns, output, total=total)


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal; call what it gives with how many are done, of how many."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
