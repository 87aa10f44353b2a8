"""`python -m collector`: what an operator does at the database itself, when nobody can sign in yet.

The process is `muster collector` (`muster/cli/collector.py`), since it joins the collector with the exporters.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping, Sequence

from collector.bootstrap import add_user, make_sign_in_link
from collector.settings import ENVIRONMENT_PREFIX, CollectorSettings
from collector.store.account import ROLES
from muster.config import load_configuration
from muster.errors import ConfigurationError, MusterError

PROGRAM = "python -m collector"
USAGE = f"{PROGRAM}: say `sign-in-link [NAME]` or `user add NAME --role ROLE`; the process itself is `muster collector`"


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 refused, 2 wrong usage or configuration."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    known = os.environ if environment is None else environment
    try:
        if given[:1] == ["sign-in-link"]:
            print(_link(given[1:], known))
        elif given[:2] == ["user", "add"]:
            print(_add(given[2:], known))
        else:
            print(USAGE, file=sys.stderr)
            return 2
    except MusterError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


def _link(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    extra = argparse.ArgumentParser(add_help=False)
    extra.add_argument("name", nargs="?", default="admin", help="the account; an administrator is made where it is missing")
    loaded = load_configuration(
        CollectorSettings, program=f"{PROGRAM} sign-in-link", prefix=ENVIRONMENT_PREFIX, arguments=arguments, environment=environment, extra=extra
    )
    return make_sign_in_link(loaded.settings.database_url, loaded.settings.url, account_name=loaded.flags.name)


def _add(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    extra = argparse.ArgumentParser(add_help=False)
    extra.add_argument("name", help="the account's name")
    extra.add_argument("--role", choices=ROLES, default="viewer", help="what the person may do")
    loaded = load_configuration(
        CollectorSettings, program=f"{PROGRAM} user add", prefix=ENVIRONMENT_PREFIX, arguments=arguments, environment=environment, extra=extra
    )
    name = loaded.flags.name
    password = getpass.getpass(f"Password for {name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    add_user(loaded.settings.database_url, name, role=loaded.flags.role, password=password)
    return f"{name} may sign in as {loaded.flags.role.replace('_', ' ')}"


if __name__ == "__main__":
    sys.exit(main())
