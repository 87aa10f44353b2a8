"""`python -m agent`: read the settings, then become the resident process; or enrol, or report once.

What reading the settings needs (msgspec, argparse, tomllib) is gone when the resident process takes this one's place by exec.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.configuration import AUTHORITY_FILE, IDENTITY_FILE, TOKEN_FILE, AgentSettings, host_name, load_settings
from agent.host import Host
from agent.log import Log
from agent.settings import Settings
from muster.errors import MusterError

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
# mallopt(3): give memory back sooner, which saves the resident process half a megabyte (measured with glibc 2.36).
_ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "32768", "MALLOC_TOP_PAD_": "16384"}
_PACKAGES_FOLDER = str(Path(__file__).resolve().parent.parent)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code: 0 done, 1 failed, 2 a setting or argument is wrong."""
    if arguments[:1] == ["enrol"]:
        return run_enrol(arguments[1:])
    settings, configuration = load_settings(arguments, environment)
    if configuration.flags.is_printed or configuration.flags.once:
        return run_once(settings, is_printed=configuration.flags.is_printed)
    become_resident(settings, environment)
    return EXIT_FAILED


def run_once(settings: Settings, *, is_printed: bool) -> int:
    """Show or send one report."""
    from agent.once import render_once, send_once
    from agent.recording import open_host

    host = open_host(settings.root, settings.recording)
    if is_printed:
        print(render_once(settings, host))
        return EXIT_OK
    waiting = send_once(settings, host, Log(level=settings.log_level))
    print(f"muster agent: reported as {settings.name} to {settings.url}; {waiting} older reports wait")
    return EXIT_OK


def become_resident(settings: Settings, environment: Mapping[str, str]) -> None:
    """Replace this process by the resident one; the process number stays, so that a service manager keeps it.

    -S: it needs nothing from site-packages, and looking there costs 2 MiB. -P: folders of the working directory are not ours.
    """
    command = [sys.executable, "-S", "-P", "-m", "agent.process", settings.to_text()]
    kept = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    os.execve(sys.executable, command, {**_ALLOCATOR, **kept, "PYTHONPATH": _PACKAGES_FOLDER})


def run_enrol(arguments: Sequence[str]) -> int:
    """`enrol URL`: exchange an enrolment token for this agent's own."""
    from muster.wire.enrolment import EnrolmentRequest, enrol, save_private
    from muster.wire.token_file import load_token

    given = _parse_enrol(arguments)
    token = load_token(given.token_file) if given.token_file else given.token
    state = Path(given.state_directory).absolute()
    name = given.name or host_name(Host("/"))
    done = enrol(given.url, token, EnrolmentRequest(kind="agent", name=name, zone=given.zone), fingerprint=given.ca)
    if done.authority_pem:
        save_private(str(state / AUTHORITY_FILE), done.authority_pem)
    save_private(str(state / TOKEN_FILE), done.token + "\n")
    save_private(str(state / IDENTITY_FILE), _to_json({"url": given.url, "name": name, "zone": given.zone}))
    pending = "; it may report once a person has approved it" if done.state == "pending" else ""
    print(f"muster agent: enrolled as {name} at {given.url}{pending}")
    return EXIT_OK


def _parse_enrol(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="muster agent enrol", description="Exchange an enrolment token for this agent's own.", allow_abbrev=False)
    parser.add_argument("url", metavar="URL", help="the collector, for example https://muster.example.org:8420")
    parser.add_argument("--token", default="", help="enrolment token; other users of this machine can see it while the command runs")
    parser.add_argument("--token-file", default="", metavar="FILE", help="file with the enrolment token")
    parser.add_argument("--ca", default="", metavar="FINGERPRINT", help="sha256: and the fingerprint of the collector's own authority")
    parser.add_argument("--zone", default="default", help="zone in which this host's addresses are unique")
    parser.add_argument("--name", default="", help="name of this source; the host's name where it is left out")
    parser.add_argument("--state-directory", default=AgentSettings().state_directory, metavar="FOLDER", help="where token and identity are kept")
    given = parser.parse_args(list(arguments))
    if bool(given.token) == bool(given.token_file):
        parser.error("give either --token or --token-file")
    return given


def _to_json(document: Mapping[str, str]) -> str:
    import json

    return json.dumps(document) + "\n"


def run() -> int:
    """`main` with this process's arguments; errors as one line."""
    try:
        return main(sys.argv[1:], os.environ)
    except MusterError as error:
        print(f"muster agent: {str(error).removeprefix('muster agent: ')}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ValueError) else EXIT_FAILED
    except BrokenPipeError:
        # Whoever read the output has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_OK
    except OSError as error:
        print(f"muster agent: {error.filename or 'the output'}: {error.strerror or error}; check path, rights and space", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(run())
