"""`muster service`: the catalogue as files: checked, planned, applied and exported; and where each service stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import Client, open_client, part
from muster.cli.figure import say_mean, say_percent
from muster.cli.output import Output, OutputOption, UrlOption, clean, column, instant, localised, show_list, show_one, tell, write
from muster.errors import ConfigurationError, DocumentError

COMMANDS = typer.Typer(help="Services: the catalogue as files, and where each stands.", no_args_is_help=True)
MAXIMUM_FILE_BYTES = 1_048_576
COLUMNS = (
    column("id"),
    column("name", read=localised),
    column("state"),
    column("since", read=instant),
    column("target"),
    column("this month", "figures", "month_to_date", "availability", read=say_percent),
    column("verdict", "figures", "month_to_date", "verdict"),
    column("budget left", "figures", "month_to_date", "error_budget", "remaining_ms", read=say_mean),
    column("30 days", "figures", "30d", "availability", read=say_percent),
    column("incidents", "open_incidents"),
    column("owner"),
)


def say_held(is_held: object) -> str:
    """What a plan says of a document that only its file in the collector's folder may change."""
    return "by the collector's folder; change it there" if is_held else ""


PLAN_COLUMNS = (column("service", "service_id"), column("action"), column("held", "is_held", read=say_held))
FilesArgument = Annotated[list[Path], typer.Argument(help="YAML files of services, or folders that hold them.")]
ServiceArgument = Annotated[str, typer.Argument(help="The service's id.")]
PruneOption = Annotated[bool, typer.Option("--prune", help="These are all: services that were applied before and are not named are retired.")]


@COMMANDS.command("list")
def list_services(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List services with state, target and figures."""
    show_list(open_client(url).get("/v1/services")["items"], COLUMNS, output)


@COMMANDS.command()
def show(service: ServiceArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One service: state, figures, and the tree of what it depends on."""
    found: dict[str, Any] = open_client(url).get(f"/v1/services/{part(service)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [("customer", found["customer"]), ("stage", found["stage"]), ("time zone", found["time_zone"]), ("agreement", found.get("sla"))]
    rows += [("evaluated", instant(found["evaluated_at"])), ("", "")]
    show_one(found, [*rows, *_branches(found["tree"])], output)


@COMMANDS.command()
def check(files: FilesArgument, output: OutputOption = Output.TABLE) -> None:
    """Check files alone and together. Needs no collector; services that the files do not hold are taken to be there."""
    from collector.services.catalogue import check_catalogue, check_document, named_services

    documents = read_files(files)
    own = {str(value["id"]): value for value in (check_document(text, file) for file, text in documents.items())}
    elsewhere = {name for value in own.values() for _, name in named_services(value["components"])} - own.keys()
    checked = check_catalogue(documents, {name: {} for name in elsewhere})
    tell("1 service is right" if len(checked) == 1 else f"{len(checked)} services are right", [{"service_id": name} for name in checked], output)


@COMMANDS.command()
def plan(files: FilesArgument, *, prune: PruneOption = False, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """What applying would change. Changes nothing."""
    _show_plan(_send(open_client(url), "plan", files, prune=prune), output)


@COMMANDS.command()
def apply(files: FilesArgument, *, prune: PruneOption = False, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Put files in force, all or none. What was in force before stays known for its time."""
    _show_plan(_send(open_client(url), "apply", files, prune=prune), output)


@COMMANDS.command()
def export(
    services: Annotated[list[str] | None, typer.Argument(help="Ids; without: all.")] = None,
    directory: Annotated[Path | None, typer.Option(help="Write each to ID.yaml in this folder instead of printing.")] = None,
    url: UrlOption = None,
) -> None:
    """The YAML in force."""
    client = open_client(url)
    names = services or [str(each["id"]) for each in client.get("/v1/services")["items"]]
    for place, name in enumerate(names):
        text = client.get_text(f"/v1/services/{part(name)}/document")
        if directory is None:
            write(("---\n" if place else "") + text)
            continue
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"{part(name)}.yaml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{directory / name}.yaml: cannot be written: {error.strerror}") from None
        write(str(directory / f"{part(name)}.yaml"))


@COMMANDS.command()
def schema() -> None:
    """The JSON Schema of a service's file, for editors. Needs no collector."""
    from collector.services.catalogue import to_json_schema

    write(json.dumps(to_json_schema(), indent=2, ensure_ascii=False))


def read_files(paths: list[Path]) -> dict[str, str]:
    """File → text; of a folder its *.yaml and *.yml. Raises ConfigurationError, DocumentError."""
    texts: dict[str, str] = {}
    for path in _spread(paths):
        try:
            if path.stat().st_size > MAXIMUM_FILE_BYTES:
                raise DocumentError(f"larger than {MAXIMUM_FILE_BYTES} bytes", file=str(path), line=1)
            texts[str(path)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise DocumentError("not UTF-8 text; save the file as UTF-8", file=str(path), line=1) from None
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    return texts


def _spread(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.iterdir() if each.suffix in {".yaml", ".yml"})
        if not found:
            raise ConfigurationError(f"{path} holds no .yaml file")
        yield from found


def _send(client: Client, action: str, files: list[Path], *, prune: bool) -> list[dict[str, Any]]:
    documents = [{"file": file, "text": text} for file, text in read_files(files).items()]
    planned: list[dict[str, Any]] = client.send("POST", f"/v1/services/{action}", {"documents": documents, "removes_absent": prune})["items"]
    return planned


def _show_plan(planned: list[dict[str, Any]], output: Output) -> None:
    show_list(planned, PLAN_COLUMNS, output)
    if output is Output.TABLE:
        for each in planned:
            if each["difference"]:
                write("\n" + "\n".join(map(clean, each["difference"].splitlines())))


def _branches(node: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, object]]:
    """The tree, each node before its children, indented."""
    if not node:
        return
    reason = f": {node['reason']}" if node.get("reason") else ""
    yield "  " * depth + str(node["node"]), f"{node['state']}{reason}"
    for child in node.get("children") or []:
        yield from _branches(child, depth + 1)
