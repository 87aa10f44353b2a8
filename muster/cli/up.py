"""`muster up`: collector, agent and discovery as child processes of one parent that starts, watches and stops them.

Everything it makes lies in the state directory: database, tokens (0600), spools, logs, and `profile.toml`, by which the other
commands find the collector when they are started in the folder that holds it.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import shlex
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from muster.cli.child import Child
from muster.cli.up_credential import Address, Credentials, ensure_credentials, ensure_profile
from muster.errors import ConfigurationError, UnavailableError
from muster.listen import is_loopback, is_unspecified, parse_listen

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
WATCH_SECONDS = 0.5
AGENT_METRICS_PORT = 9100
THIS_HOST_JOB = """\
# Made by `muster up`: this host alone. Name what else to watch in discovery.d/*.yaml (docs/discovery.md).
id: this-host
zone: {zone}
targets: ["{address}"]
probes: [icmp]
unidentified: by_address
schedule: {{every: 1h}}
poll: {{reachability: 30s, metrics: 5m}}
"""


@dataclass(frozen=True)
class UpSettings:
    """What the command line gave. `state_directory` and `folder` (of services.d, targets.d, discovery.d, credentials.d) are absolute."""

    listen: str
    state_directory: Path
    folder: Path
    zone: str
    has_agent: bool = True
    has_discovery: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Raises ConfigurationError."""
        host, port = parse_listen(self.listen, example="127.0.0.1:8420")
        if port == 0:
            raise ConfigurationError("--listen needs a port that the agent and people can be told; write for example 127.0.0.1:8420")
        return host, port

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.address[0])


def run_up(settings: UpSettings) -> int:
    """Start everything, tell where it is, and stay until SIGINT or SIGTERM. Returns the exit code."""
    began = time.monotonic()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(settings.state_directory):
        _check_free(settings)
        address = _make_address(settings)
        token = ensure_profile(settings.state_directory, address)
        children: list[Child] = []
        try:
            collector = _collector(settings, address)
            children.append(collector)
            collector.start()
            if not _wait_until_ready(collector, address, stopping):
                return 0
            credentials = ensure_credentials(settings.state_directory, address, token, host=_host_name(), zone=settings.zone)
            for child in _sources(settings, address, credentials):
                children.append(child)
                child.start()
            _greet(settings, address, credentials, time.monotonic() - began)
            while not stopping.wait(WATCH_SECONDS):
                for child in children:
                    if told := child.watch(time.monotonic()):
                        say(told)
            say("stopping")
            return 0
        finally:
            for child in reversed(children):
                child.stop(STOP_SECONDS)
            say("stopped")


def say(text: str) -> None:
    """One line on the terminal."""
    print(f"muster: {text}", flush=True)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the state directory: two collectors on one database would each think itself alone."""
    with (folder / "up.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise UnavailableError(
                f"another `muster up` (process {lock.read().strip()}) holds {folder}; stop it, or give --state-directory"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _check_free(settings: UpSettings) -> None:
    host, port = settings.address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(f"cannot listen on {settings.listen}: {reason}; choose another with --listen {host}:{port + 1}") from None


def _make_address(settings: UpSettings) -> Address:
    """Plain HTTP on loopback; anywhere else TLS by an authority of our own in the state directory."""
    host, port = settings.address
    if settings.is_loopback:
        return Address(f"http://{settings.listen}")
    from muster.cli.certificate import ensure_certificates

    reached = _own_addresses() if is_unspecified(host) else [host]
    made = ensure_certificates(settings.state_directory / "tls", reached, datetime.datetime.now(datetime.UTC))
    shown = f"[{reached[0]}]" if ":" in reached[0] else reached[0]
    return Address(f"https://{shown}:{port}", str(made.authority), str(made.certificate), str(made.key), made.fingerprint)


def _collector(settings: UpSettings, address: Address) -> Child:
    state = settings.state_directory
    command = [
        sys.executable, "-P", "-m", "muster.cli.collector",
        "--listen", settings.listen,
        "--state-directory", str(state),
        "--services-directory", str(settings.folder / "services.d"),
        "--targets-directory", str(settings.folder / "targets.d"),
        "--classes-directory", str(settings.folder / "classes.d"),
        "--policies-directory", str(settings.folder / "policies.d"),
        "--changes-directory", str(settings.folder / "changes.d"),
        "--public-url", address.url,
        "--initial-discovery", f"agent/{_host_name()}",
        "--log-format", "json",
    ]  # fmt: skip
    if address.certificate:
        command += ["--tls-certificate", address.certificate, "--tls-key", address.key, "--tls-authority", address.authority]
    return Child("collector", command, state / "log" / "collector.log")


def _sources(settings: UpSettings, address: Address, credentials: Credentials) -> list[Child]:
    state = settings.state_directory
    trusted = ["--ca-file", address.authority] if address.authority else []
    children = []
    if settings.has_agent:
        listen = f"127.0.0.1:{AGENT_METRICS_PORT}" if _is_free(AGENT_METRICS_PORT) else ""
        command = [
            sys.executable, "-P", "-m", "agent", "--url", address.url, "--state-directory", str(state / "agent"), "--name", _host_name(),
            "--token-file", str(credentials.agent_token_file), "--zone", settings.zone, "--listen", listen, *trusted,
        ]  # fmt: skip
        children.append(Child("agent", command, state / "log" / "agent.log"))
    if settings.has_discovery:
        command = [
            sys.executable, "-P", "-m", "discovery", "--url", address.url, "--state-directory", str(state / "discovery"),
            "--token-file", str(credentials.enrolment_token_file), "--jobs", str(_jobs(settings)),
            "--credentials", str(settings.folder / "credentials.d"), "--log-format", "json", *trusted,
        ]  # fmt: skip
        children.append(Child("discovery", command, state / "log" / "discovery.log"))
    return children


def _jobs(settings: UpSettings) -> Path:
    """The folder of jobs: the reader's own where there is one, else a job for this host alone."""
    own = settings.folder / "discovery.d"
    if own.is_dir():
        return own
    made = settings.state_directory / "discovery.d"
    made.mkdir(mode=0o700, exist_ok=True)
    job = made / "this-host.yaml"
    if not job.exists():
        job.write_text(THIS_HOST_JOB.format(zone=settings.zone, address=_own_addresses()[0]), encoding="utf-8")
    return made


def _own_addresses() -> list[str]:
    """The address by which this host would reach others (asked of the routing table, nothing is sent), else loopback."""
    found = []
    for family, far in ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(str(probe.getsockname()[0]))
    return found or ["127.0.0.1"]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _host_name() -> str:
    return socket.gethostname().split(".")[0].lower()


def _wait_until_ready(collector: Child, address: Address, stopping: threading.Event) -> bool:
    """False where it is to be stopped meanwhile. Raises UnavailableError where the collector does not come up."""
    deadline = time.monotonic() + READY_SECONDS
    context = ssl.create_default_context(cafile=address.authority) if address.authority else None
    while not stopping.wait(0.05):
        if collector.process is not None and collector.process.poll() is not None:
            raise UnavailableError(f"the collector did not start. {collector.last_words()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address.url}/readyz", timeout=2, context=context) as answer:  # noqa: S310  # our own address
            if answer.status == 200:
                return True
        if time.monotonic() > deadline:
            raise UnavailableError(f"the collector is not ready after {READY_SECONDS:.0f} s. {collector.last_words()}")
    return False


def _greet(settings: UpSettings, address: Address, credentials: Credentials, seconds: float) -> None:
    state = settings.state_directory
    lines: Sequence[str] = [
        f"running at {address.url} (started in {seconds:.1f} s)",
        f"sign in, once, within ten minutes: {credentials.sign_in_link}",
        f"state in {state}, logs in {state / 'log'}; Ctrl-C stops everything",
    ]
    if address.fingerprint:
        token = credentials.enrolment_token_file.read_text(encoding="ascii").strip()
        zone = "" if settings.zone == "default" else f" --zone {shlex.quote(settings.zone)}"
        lines = [*lines, f"another server reports with: muster agent enrol {address.url} --token {token} --ca sha256:{address.fingerprint}{zone}"]
    for line in lines:
        say(line)
