"""`python -m discovery`, also `muster discover`: the resident process, or one run with `--once`. Exit codes: docs/discovery.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from discovery.delivery import Delivery
from discovery.finding import Finding, Tally
from discovery.job import Job
from discovery.known_target import TargetBook
from discovery.plan import Plan, load_plan
from discovery.printout import Printout, count_words, describe_tally, render_json, render_reasons, render_table
from discovery.process import DiscoveryProcess, find_name, make_survey, open_book, open_instruments, prepare_state
from discovery.runner import JobRunner
from discovery.settings import Settings, load_settings
from discovery.survey import Outlet
from muster.clock import SystemClock
from muster.errors import ConfigurationError, MusterError
from muster.logs import configure_logs
from muster.wire.transport import Destination, parse_url

VERSION = "0.1.0"
EXIT_OK, EXIT_NOT_DELIVERED, EXIT_CONFIGURATION, EXIT_UNAVAILABLE, EXIT_UNEXPECTED = 0, 1, 2, 3, 70


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """The exit code: 0 done, 1 not all delivered yet (it waits in the spool), 2 configuration, 3 no state directory, 70 a fault of ours."""
    environment = os.environ if environment is None else environment
    try:
        configuration = load_settings(sys.argv[1:] if arguments is None else arguments, environment)
        settings, flags = configuration.settings, configuration.flags
        is_shown = flags.print and configuration.origins["log_level"] == "default"
        configure_logs(log_format=settings.log_format, level="warning" if is_shown else settings.log_level)
        # paramiko tells of every refused sign-in at level error; what matters of it is in our own events.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        plan = _load_plan(settings, flags)
        if not flags.print:
            parse_url(settings.url)
        prepare_state(Path(settings.state_directory))
        run = _run_once(settings, plan, flags, environment) if flags.once else _run_resident(settings, plan, flags, environment)
        return asyncio.run(run)
    except ConfigurationError as error:
        print(f"muster discover: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except MusterError as error:
        print(f"muster discover: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    except Exception as error:  # the border of the process: nobody is shown a traceback
        log("error", "discovery_failed", reason=f"{type(error).__name__}: {error}")
        logging.getLogger("discovery").debug("traceback", exc_info=True)
        print(f"muster discover: unexpected {type(error).__name__}: {error}; --log-level debug shows where", file=sys.stderr)
        return EXIT_UNEXPECTED


def log(level: str, event: str, **fields: Any) -> None:
    """One event to structlog."""
    getattr(structlog.get_logger("discovery"), level)(event, **fields)


def _load_plan(settings: Settings, flags: argparse.Namespace) -> Plan:
    plan = load_plan(Path(settings.jobs), Path(settings.credentials), flags.job)
    if not plan.jobs and flags.once:
        raise ConfigurationError(f"no job in {settings.jobs}; nothing is probed unless a job names it (docs/discovery.md has an example)")
    return plan


def _delivery(settings: Settings) -> Delivery:
    return Delivery(
        Path(settings.state_directory),
        find_name(settings),
        clock=SystemClock(),
        log=log,
        destination=Destination(settings.url, settings.ca_file),
        token_file=Path(settings.token_file) if settings.token_file else None,
        software_version=VERSION,
    )


async def _run_resident(settings: Settings, plan: Plan, flags: argparse.Namespace, environment: Mapping[str, str]) -> int:
    process = DiscoveryProcess(settings, plan, _delivery(settings), clock=SystemClock(), log=log, only=tuple(flags.job))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    loop.add_signal_handler(signal.SIGHUP, process.reload)
    log("info", "discovery_started", jobs=sorted(plan.jobs), url=settings.url, version=VERSION)
    is_delivered = await process.run(environment)
    log("info", "discovery_stopped", is_delivered=is_delivered)
    return EXIT_OK  # what waits is in the spool; an orderly end is no failure


async def _run_once(settings: Settings, plan: Plan, flags: argparse.Namespace, environment: Mapping[str, str]) -> int:
    clock = SystemClock()
    printout = Printout(find_name(settings), clock) if flags.print else None
    delivery = None if printout is not None else _delivery(settings)
    outlet: Outlet | None = printout if printout is not None else delivery
    assert outlet is not None
    # What is only shown must not change what a resident process knows.
    book = TargetBook(None) if printout is not None else open_book(settings, log)
    findings: list[Finding] = []
    total = Tally()
    async with open_instruments(settings, clock=clock, environment=environment) as instruments:
        with _progress() as bar:

            def watch(job: Job, finding: Finding, tally: Tally) -> None:
                findings.append(finding)
                total.add(finding)
                bar.update(job.id, tally)

            survey = make_survey(instruments, outlet, book, log, on_finding=watch)
            for name, job in plan.jobs.items():
                runner = JobRunner(job, plan.digest_of(name), survey, book, clock=clock, log=log)
                await runner.run_once()
    if printout is not None:
        _show(printout, findings, total, flags.output)
        return EXIT_OK
    assert delivery is not None
    is_delivered = await delivery.finish(budget_seconds=60.0)
    if not is_delivered:
        for reporter in delivery.reporters:
            if reporter.sender is not None and reporter.sender.reason:
                print(f"muster discover: not delivered, kept in the spool: {reporter.sender.reason}", file=sys.stderr)
    return EXIT_OK if is_delivered else EXIT_NOT_DELIVERED


def _show(printout: Printout, findings: Sequence[Finding], total: Tally, output: str) -> None:
    if output == "json" or (output == "auto" and not sys.stdout.isatty()):
        print(render_json(printout.reports()))
        return
    console = Console()
    console.print(render_table(findings))
    console.print(count_words(total))
    if total.reasons:
        console.print(render_reasons(total))


class _Bar:
    """A progress bar on a terminal, nothing elsewhere: there the log tells."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def update(self, job: str, tally: Tally) -> None:
        if self._progress is None:
            return
        if job not in self._tasks:
            self._tasks[job] = self._progress.add_task(job, total=tally.total, told="")
        self._progress.update(self._tasks[job], completed=tally.asked, total=tally.total, told=describe_tally(tally))


@contextlib.contextmanager
def _progress() -> Iterator[_Bar]:
    if not sys.stderr.isatty():
        yield _Bar(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bar(progress)


if __name__ == "__main__":
    sys.exit(main())
