"""`muster collector`: joins the collector with the exporters, reads its settings, and becomes the process."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence

import uvloop

from collector.process import Exports, Signals, run_collector
from collector.settings import ENVIRONMENT_PREFIX, CollectorSettings
from exporters import incidents
from exporters.prometheus.exposition import render_exposition
from exporters.prometheus.target_discovery import render_targets
from muster.config import Configuration, load_configuration
from muster.errors import MusterError
from muster.logs import configure_logs
from muster.model.ci_class import ClassCatalogue
from muster.plugins import load_plugins
from muster.ports import CmdbReader, Target

PROGRAM = "muster collector"


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the collector; the exit code: 0 stopped as told, 1 it could not start or failed, 2 the configuration is wrong."""
    try:
        loaded = load_settings(sys.argv[1:] if arguments is None else arguments, os.environ if environment is None else environment)
        if loaded.flags.show_config:
            sys.stdout.write(loaded.render())
            return 0
        configure_logs(log_format=loaded.settings.log_format, level=loaded.settings.log_level)
    except MusterError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(loaded.settings))
    except MusterError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Configuration[CollectorSettings]:
    """From file, environment and flags. Raises ConfigurationError."""
    extra = argparse.ArgumentParser(add_help=False)
    extra.add_argument("--show-config", action="store_true", help="print the settings in force and where each came from, then end")
    return load_configuration(
        CollectorSettings, program=PROGRAM, prefix=ENVIRONMENT_PREFIX, arguments=arguments, environment=environment, extra=extra
    )


def make_exports() -> Exports:
    """What leaves the collector: Prometheus, and the kinds of incident targets."""
    return Exports(render_metrics=render_exposition, render_targets=_render_targets, target_kinds=load_plugins(incidents, "TARGET", Target))


def _render_targets(reader: CmdbReader, classes: ClassCatalogue, job: str, port: int | None) -> bytes:
    return render_targets(reader, classes, job, port=port)


async def _run(settings: CollectorSettings) -> None:
    signals, loop = Signals(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.stop.set)
    loop.add_signal_handler(signal.SIGHUP, signals.reload.set)
    await run_collector(settings, make_exports(), signals)


if __name__ == "__main__":
    sys.exit(main())
