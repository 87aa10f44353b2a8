"""What the service manager is told: sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notification:
    """Ready, alive and stopping; silent where no service manager asks (NOTIFY_SOCKET)."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, pid: int | None = None) -> None:
        found = os.environ if environment is None else environment
        address = found.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        text = found.get("WATCHDOG_USEC", "")
        is_ours = found.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
        self.watchdog_seconds = int(text) / 2_000_000 if self._address and is_ours and text.isascii() and text.isdigit() and int(text) else None

    def send(self, *lines: str) -> bool:
        """Tell `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `STATUS=…`; whether anyone took it."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as channel:
                channel.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True
