"""/proc/meminfo (proc(5)): memory by kind."""

from __future__ import annotations


def parse_meminfo(text: str) -> dict[str, int]:
    """Bytes by the kernel's own names (`MemTotal`, `Active(anon)`); counts without a unit stay counts."""
    values: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isascii() and words[0].isdigit():
            values[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return values
