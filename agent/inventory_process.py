"""The inventory child: reads sections once, writes them to its output and ends, so that their memory goes back to the host.

`python -m agent.inventory_process REQUEST`, REQUEST being JSON: `root`, `recording`, `sections` (empty: all), `known` (digest by
section). Output: one line of JSON, then the items of each section that is new as MessagePack, one after the other.
Not for people: `python -m agent --once --print` shows the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

import agent.inventory
from agent.host import Host
from agent.recording import open_host
from agent.section import Content, Section, failed
from muster.errors import MusterError
from muster.plugins import load_plugins
from muster.wire.digest import digest_section

MEMORY_LIMIT_BYTES = 512 * 1_048_576
PROCESSOR_LIMIT_SECONDS = 60
NICENESS = 10


def load_sections() -> dict[str, Section]:
    """Every section, by name."""
    return load_plugins(agent.inventory, "SECTION", Section)


def read_section(section: Section, host: Host) -> Content:
    """One section; whatever goes wrong in it costs it alone and is told as its reason."""
    try:
        return section.read(host)
    except Exception as error:
        # The border of a section: the parent logs and counts what stands in the reason.
        return failed(f"{type(error).__name__}: {error}")


def read_inventory(host: Host, names: Sequence[str], known: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The headers and the items of sections; a section whose digest is `known` goes without items (length -1)."""
    headers: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for name, section in load_sections().items():
        if names and name not in names:
            continue
        content = read_section(section, host)
        digest = digest_section(content.items) if content.status == "ok" else ""
        is_new = content.status == "ok" and known.get(name) != digest
        if is_new:
            blobs.append(msgspec.msgpack.encode(list(content.items)))
        watched = sorted({path for pattern in section.watched for path in (pattern if "*" not in pattern else "", *host.match(pattern)) if path})
        headers.append(
            {
                "name": name,
                "status": content.status,
                "complete": content.is_complete,
                "reason": content.reason,
                "digest": digest,
                "count": len(content.items),
                "length": len(blobs[-1]) if is_new else -1,
                "subjects": [[ref, *keys] for ref, keys in content.subjects],
                "watched": watched,
            }
        )
    return headers, blobs


def limit_self() -> None:
    """The host's own work goes first, and a section that runs away ends itself."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_LIMIT_SECONDS, PROCESSOR_LIMIT_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: Sequence[str]) -> int:
    """Read what the request names and write it out."""
    request = json.loads(arguments[0])
    limit_self()
    headers, blobs = read_inventory(open_host(request["root"], request["recording"]), request["sections"], request["known"])
    output = sys.stdout.buffer
    output.write(json.dumps(headers).encode() + b"\n")
    for blob in blobs:
        output.write(blob)
    output.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MusterError as error:
        print(f"muster agent: inventory: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the agent was killed: nobody reads the inventory any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
