"""The host's short and fully qualified names, from the kernel's name and /etc/hosts, without asking any name server."""

from __future__ import annotations


def short_name(hostname: str) -> str:
    """The part before the first dot, as the host writes it."""
    return hostname.strip().partition(".")[0]


def find_fqdn(hostname: str, hosts_text: str) -> str:
    """The fully qualified name, lower case: the host name itself when it has a dot, else /etc/hosts' name for it; empty if neither."""
    name = hostname.strip().rstrip(".").lower()
    if "." in name:
        return name
    for line in hosts_text.splitlines():
        names = [each.rstrip(".").lower() for each in line.partition("#")[0].split()[1:]]
        if name and name in names:
            qualified = next((each for each in names if each.startswith(name + ".")), "")
            if qualified and not qualified.endswith((".localdomain", ".local")):
                return qualified
    return ""
