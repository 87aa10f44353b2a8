"""The command line's root: global options, one sub-command per noun, and the border at which errors become one line.

A module of this package that declares `COMMANDS` (a typer application) is the noun of its name, one that declares `COMMAND` (a function)
the command; `muster up` stands here.
Exit codes: docs/cli.md.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import muster.cli
from muster.cli.output import EXIT_FAULT, EXIT_REFUSED, clean, exit_code
from muster.errors import MusterError

app = typer.Typer(
    name="muster",
    help="What is there, does it keep its promises, who must act. Processes: `muster agent`, `muster discover`, `muster collector`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root() -> None:
    """A callback keeps the name of a command necessary, also where only one was added."""


@app.command()
def up(
    listen: Annotated[
        str, typer.Option(help="Address and port of the pages and the API. Another address than loopback gets TLS.")
    ] = "127.0.0.1:8420",
    state_directory: Annotated[Path, typer.Option(help="Database, tokens, spools and logs.")] = Path("var"),
    zone: Annotated[str, typer.Option(help="The zone of this host's addresses.")] = "default",
    *,
    agent: Annotated[bool, typer.Option(help="Report this host.")] = True,
    discovery: Annotated[bool, typer.Option(help="Watch this host, and what ./discovery.d names.")] = True,
) -> None:
    """Collector, pages, an agent and discovery of this host on one machine. Nothing on any network is probed unless a job names it."""
    from muster.cli.up import UpSettings, run_up

    raise typer.Exit(run_up(UpSettings(listen, state_directory.resolve(), Path.cwd(), zone, has_agent=agent, has_discovery=discovery)))


def add_nouns() -> None:
    """Each module's commands under its name."""
    for found in sorted(pkgutil.iter_modules(muster.cli.__path__), key=lambda each: each.name):
        if found.name in {"app", "collector"}:
            continue
        module = importlib.import_module(f"muster.cli.{found.name}")
        commands, command = getattr(module, "COMMANDS", None), getattr(module, "COMMAND", None)
        if isinstance(commands, typer.Typer):
            app.add_typer(commands, name=getattr(module, "NOUN", found.name.replace("_", "-")))
        elif callable(command):
            app.command(getattr(module, "NOUN", found.name.replace("_", "-")))(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the process's exit code."""
    is_debug = "--debug" in arguments
    if arguments[:1] != ["up"] and not app.registered_groups:
        add_nouns()
    command = typer.main.get_command(app)
    try:
        command.main(args=[each for each in arguments if each != "--debug"], prog_name="muster")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except MusterError as error:
        if is_debug:
            raise
        print(f"muster: {clean(str(error))}", file=sys.stderr)
        return exit_code(error)
    except OSError as error:  # a full disk, a file in place of a folder: the machine's matter, not a fault in Muster
        if is_debug:
            raise
        print(f"muster: {clean(str(error.filename or 'the output'))}: {error.strerror or error}; check path, rights and space", file=sys.stderr)
        return EXIT_REFUSED
    except Exception as error:
        if is_debug:
            raise
        print(
            f"muster: a fault in Muster itself: {type(error).__name__}: {clean(str(error))}; --debug shows where, please report it", file=sys.stderr
        )
        return EXIT_FAULT
    return 0
