"""`muster class`: the CI classes in force, and whether a site's class files are right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.output import EXIT_REFUSED, Output, OutputOption, UrlOption, clean, column, counted, localised, show_list, show_one, tell
from muster.errors import DocumentError
from muster.model.ci_class import SHIPPED_CLASSES
from muster.model.class_check import find_faults
from muster.model.class_file import Definition, build_classes, read_file, read_folder

NOUN = "class"
COMMANDS = typer.Typer(help="CI classes: the shipped ones and a site's own.", no_args_is_help=True)
COLUMNS = (
    column("name"),
    column("label", read=localised),
    column("parent"),
    column("family"),
    column("dependent", "is_dependent"),
    column("control"),
    column("attributes", read=len),
)


@COMMANDS.command("list")
def list_classes(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List the classes in force."""
    show_list(open_client(url).get("/v1/classes")["items"], COLUMNS, output)


@COMMANDS.command()
def show(
    name: Annotated[str, typer.Argument(help="The class's name.")],
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """One class: its attributes and rules, with what it inherits."""
    found: dict[str, Any] = open_client(url).get(f"/v1/classes/{part(name)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [(each, found[each]) for each in ("local_key", "name_from", "governed_when") if found[each]]
    rows += [("rule", f"{rule['rule']}  [{rule['strength']}]") for rule in found["identification"]]
    rows += [(attribute, _say(told)) for attribute, told in found["attributes"].items()]
    show_one(found, rows, output)


@COMMANDS.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Class files (TOML), or folders of them; alone and together.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Are these class files right? Needs no collector; whether data stand on what they leave out, the collector says when it reads them."""
    definitions: list[Definition] = list(read_folder(SHIPPED_CLASSES))
    faults: list[DocumentError] = []
    for file in [each for given in files for each in (sorted(given.glob("*.toml")) if given.is_dir() else [given])]:
        try:
            definitions += read_file(file)
        except DocumentError as error:
            faults.append(error)
    faults += find_faults(build_classes(definitions))
    for fault in faults:
        print(f"muster: {clean(str(fault))}", file=sys.stderr)
    if faults:
        raise typer.Exit(EXIT_REFUSED)
    own = sorted({each.name for each in definitions if not each.is_shipped})
    tell(f"nothing is wrong with {counted(len(own), 'class')}: {', '.join(own)}", {"classes": own}, output)


def _say(attribute: dict[str, Any]) -> str:
    told = [attribute["type"], attribute["mode"]]
    told += [attribute["unit"]] if attribute["unit"] else []
    told += [name for name in ("volatile", "sensitive", "clearable", "indexed", "required") if attribute[name]]
    return f"{localised(attribute['label']) or ''}  [{', '.join(told)}]"
