"""Settings of the discovery process (`muster/config.py`): TOML file, `MUSTER_DISCOVERY_*` variables, flags. See docs/discovery.md."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from muster.config import Configuration, load_configuration
from muster.errors import ConfigurationError

PROGRAM = "muster discover"
PREFIX = "MUSTER_DISCOVERY_"


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the process needs to know before it reads its jobs."""

    jobs: Annotated[str, Meta(description="folder of job files, *.yaml")] = "discovery.d"
    credentials: Annotated[str, Meta(description="folder of credential files, *.yaml")] = "credentials.d"
    url: Annotated[str, Meta(description="address of the collector")] = ""
    token_file: Annotated[str, Meta(description="file with an enrolment token (or the token of one source)")] = ""
    ca_file: Annotated[str, Meta(description="PEM file of the authority that alone is trusted for the collector")] = ""
    state_directory: Annotated[str, Meta(description="folder for spools, tokens and known hosts")] = "var/discovery"
    name: Annotated[str, Meta(description="what the sources of this process are called; this machine's host name if empty", max_length=128)] = ""
    known_hosts: Annotated[str, Meta(description="further file of known SSH host keys, only read")] = "/etc/ssh/ssh_known_hosts"
    profiles: Annotated[str, Meta(description="folder of the site's own device profiles, *.yaml")] = ""
    ssh_threads: Annotated[int, Meta(description="SSH connections at one time", ge=1, le=256)] = 16
    log_format: Annotated[str, Meta(description="auto, json or console")] = "auto"
    log_level: Annotated[str, Meta(description="debug, info, warning or error")] = "info"


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Configuration[Settings]:
    """Settings and the flags `once`, `print`, `job` and `output`. Raises ConfigurationError with what, where and a suggestion."""
    extra = argparse.ArgumentParser(add_help=False)
    extra.add_argument("--once", action="store_true", help="run the jobs once, report, and end")
    extra.add_argument("--print", action="store_true", help="with --once: show what would be reported; send and spool nothing")
    extra.add_argument("--job", metavar="ID", action="append", default=[], help="only this job; may be repeated")
    extra.add_argument("--output", choices=("auto", "table", "json"), default="auto", help="form of --print; auto: table on a terminal, else json")
    found = load_configuration(Settings, program=PROGRAM, prefix=PREFIX, arguments=arguments, environment=environment, extra=extra)
    if found.flags.print and not found.flags.once:
        raise ConfigurationError(f"{PROGRAM}: --print goes with --once")
    if not found.settings.url and not found.flags.print:
        raise ConfigurationError(f"{PROGRAM}: no collector; give its address with --url, or see what would be reported with --once --print")
    return found
