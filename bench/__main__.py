"""`python -m bench [NAME ...]`: every table, each measured beside its peer in the same run."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys

import bench


def names() -> list[str]:
    """The modules of this folder that print a table, by name."""
    return sorted(each.name for each in pkgutil.iter_modules(bench.__path__) if not each.name.startswith("_"))


def main(arguments: list[str]) -> int:
    unknown = set(arguments) - set(names())
    if unknown:
        print(f"bench: unknown {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"machine: {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print("ratios within one run count, absolute figures move with the machine")
    failed = 0
    for name in arguments or names():
        print(f"\n## {name}", flush=True)
        failed |= importlib.import_module(f"bench.{name}").main()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
