"""The `muster` command. `agent`, `discover` and `collector` become their process at once, so that nothing else is loaded in it."""

from __future__ import annotations

import os
import sys

# command → the module that is its process
PROCESSES = {"agent": "agent", "discover": "discovery", "collector": "muster.cli.collector"}


def main() -> None:
    """Run what the arguments name; ends the process."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in PROCESSES:
        # -P: a folder named like a package of ours in the working directory is not ours.
        command = [sys.executable, "-P", "-m", PROCESSES[arguments[0]], *arguments[1:]]
        os.execv(sys.executable, command)
    from muster.cli.app import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
