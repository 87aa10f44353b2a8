"""Where a process listens, as people write it: `127.0.0.1:8420`, `[::1]:8420`, `localhost:8420`."""

from __future__ import annotations

from muster.errors import ConfigurationError, quote


def parse_listen(text: str, *, example: str) -> tuple[str, int]:
    """Host, without brackets, and port; 0 takes a free one. Raises ConfigurationError, which shows the example."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ConfigurationError(f"listen {quote(text)} is no address and port; write for example {example}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; of names only `localhost` is known to be so."""
    import ipaddress  # the resident agent, which only parses, does without

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_unspecified(host: str) -> bool:
    """Whether it stands for every address of this machine (`0.0.0.0`, `::`); a name never does."""
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
