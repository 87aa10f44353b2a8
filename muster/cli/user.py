"""`muster user`: people who may sign in. A password is asked for or read from standard input, never an argument."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, show_list, tell
from muster.cli.token import Role
from muster.errors import ConfigurationError

COMMANDS = typer.Typer(help="People who may sign in.", no_args_is_help=True)
COLUMNS = (
    column("name"),
    column("role"),
    column("disabled", "is_disabled"),
    column("password", "has_password"),
    column("language"),
    column("created", "created_at", read=instant),
)
SHORTEST_PASSWORD = 8
NameArgument = Annotated[str, typer.Argument(help="The account's name.")]


@COMMANDS.command("list")
def list_users(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List accounts."""
    show_list(open_client(url).get("/v1/accounts")["items"], COLUMNS, output)


@COMMANDS.command()
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.VIEWER,
    *,
    password: Annotated[bool, typer.Option(help="Ask for a password; without one the person signs in by one-time links alone.")] = True,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Make an account. The password is asked for, or is the first line of standard input."""
    client = open_client(url)
    body = {"name": name, "role": role.value, "password": read_password(name) if password else None}
    tell(f"{name} may sign in as {role.value.replace('_', ' ')}", client.send("POST", "/v1/accounts", body), output)


@COMMANDS.command()
def passwd(name: NameArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Set a password: asked for, or the first line of standard input. Signs the account out everywhere."""
    client = open_client(url)
    answer = client.send("PATCH", f"/v1/accounts/{part(name)}", {"password": read_password(name)})
    tell(f"{name} has a new password and is signed out everywhere", answer, output)


@COMMANDS.command()
def disable(name: NameArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Sign a person out and let nobody sign in as them."""
    tell(f"{name} can no longer sign in", open_client(url).send("PATCH", f"/v1/accounts/{part(name)}", {"is_disabled": True}), output)


@COMMANDS.command()
def enable(name: NameArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Let a disabled account sign in again."""
    tell(f"{name} can sign in again", open_client(url).send("PATCH", f"/v1/accounts/{part(name)}", {"is_disabled": False}), output)


@COMMANDS.command()
def link(name: NameArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Make a link that signs a person in once."""
    made = open_client(url).send("POST", f"/v1/accounts/{part(name)}/sign-in-link")
    tell(made["url"], made, output)


def read_password(name: str) -> str:
    """Asked for twice on a terminal, else the first line of standard input. Raises ConfigurationError."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {name}: ")
        if getpass.getpass("Again: ") != password:
            raise ConfigurationError("the two passwords differ; try again")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationError(
            f"a password has at least {SHORTEST_PASSWORD} characters; type it at the prompt or give it as the first line of input"
        )
    return password
