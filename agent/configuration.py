"""The agent's settings from file, environment and flags, and what enrolment left in the state directory.

Loaded before the resident process takes over, and gone with all that it needs. Reference: docs/agent.md.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from agent.host import Host
from agent.metrics_server import LISTEN_EXAMPLE
from agent.settings import DEFAULT_URL, Settings
from muster.config import Configuration, load_configuration
from muster.errors import ConfigurationError
from muster.facts.host_name import find_fqdn
from muster.listen import parse_listen
from muster.wire.transport import parse_url

ENVIRONMENT_PREFIX = "MUSTER_AGENT_"
IDENTITY_FILE = "source.json"
TOKEN_FILE = "token"  # noqa: S105  # a file's name
AUTHORITY_FILE = "ca.pem"


class AgentSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator may set; units are in the names."""

    url: Annotated[str, Meta(description="the collector; empty: where this agent enrolled, else http://127.0.0.1:8420")] = ""
    token_file: Annotated[str, Meta(description="file with the source token; empty: token in the state directory")] = ""
    ca_file: Annotated[str, Meta(description="PEM file of the authority to trust alone; empty: ca.pem in the state directory, else the system's")] = (
        ""
    )
    state_directory: Annotated[str, Meta(description="folder of spool, token and identity")] = "./var/agent"
    name: Annotated[str, Meta(max_length=128, description="name of this source; empty: as enrolled, else the host's name")] = ""
    zone: Annotated[str, Meta(max_length=128, description="zone in which this host's addresses are unique; empty: as enrolled, else default")] = ""
    listen: Annotated[str, Meta(description="address and port of the agent's own /metrics; empty: none")] = ""
    interval_seconds: Annotated[int, Meta(ge=1, le=3600, description="between two collections of metrics")] = 15
    inventory_seconds: Annotated[int, Meta(ge=1, le=86_400, description="between two inventories; a change is reported at once")] = 600
    root: Annotated[str, Meta(description="folder below which the host's file system lies (in a container)")] = "/"
    spool_bytes: Annotated[int, Meta(ge=1_048_576, description="largest size of what waits to be sent")] = 64 * 1_048_576
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="what is logged at least")] = "info"


def make_flags() -> argparse.ArgumentParser:
    """The flags that are no settings."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--once", action="store_true", help="collect once with the whole inventory, report, and end")
    parser.add_argument("--print", action="store_true", dest="is_printed", help="show the report as JSON and send nothing (implies --once)")
    parser.add_argument("--replay", metavar="FOLDER", default="", help="report a recorded host in place of this one")
    return parser


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[Settings, Configuration[AgentSettings]]:
    """Settings in force, checked. Raises ConfigurationError."""
    configuration = load_configuration(
        AgentSettings, program="muster agent", prefix=ENVIRONMENT_PREFIX, arguments=arguments, environment=environment, extra=make_flags()
    )
    given = configuration.settings
    state = Path(given.state_directory).absolute()
    identity = load_identity(state)
    recording = str(Path(configuration.flags.replay).absolute()) if configuration.flags.replay else ""
    settings = Settings(
        url=given.url or identity.get("url") or DEFAULT_URL,
        name=given.name or identity.get("name") or host_name(Host(f"{recording}/root") if recording else Host(given.root)),
        zone=given.zone or identity.get("zone") or "default",
        token_file=str(Path(given.token_file).absolute()) if given.token_file else str(state / TOKEN_FILE),
        ca_file=_authority(given.ca_file, state),
        state_directory=str(state),
        listen=given.listen,
        interval_seconds=given.interval_seconds,
        inventory_seconds=given.inventory_seconds,
        root=given.root,
        recording=recording,
        spool_bytes=given.spool_bytes,
        log_level=given.log_level,
    )
    parse_url(settings.url)
    if settings.listen:
        parse_listen(settings.listen, example=LISTEN_EXAMPLE)
    return settings, configuration


def load_identity(state: Path) -> dict[str, str]:
    """What enrolment wrote: `url`, `name`, `zone`; empty before. Raises ConfigurationError."""
    file = state / IDENTITY_FILE
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read ({error}); enrol this agent again") from error
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def host_name(host: Host) -> str:
    """The host's qualified name where it has one, else its name."""
    name = (host.read_text("/proc/sys/kernel/hostname") or os.uname().nodename).strip()
    return (find_fqdn(name, host.read_text("/etc/hosts") or "") or name)[:128]


def _authority(given: str, state: Path) -> str:
    if given:
        return str(Path(given).absolute())
    enrolled = state / AUTHORITY_FILE
    return str(enrolled) if enrolled.is_file() else ""
