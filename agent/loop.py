"""One thread that waits for descriptors, signals and times: poll(2) and callbacks. Not asyncio, which costs 6 MiB resident."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from types import FrameType

READABLE = select.POLLIN
WRITABLE = select.POLLOUT


class Loop:
    """Calls back when a descriptor is ready. SIGTERM and SIGINT end `run`."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self.is_stopping = False

    def watch(self, descriptor: int, callback: Callable[[], None], *, events: int = READABLE) -> None:
        """Call back whenever the descriptor is ready (an error or the other end's hanging up counts as ready)."""
        self._callbacks[descriptor] = callback
        self._poll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Watch it no longer; before it is closed."""
        if self._callbacks.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> None:
        """Until something is ready or the time is over; runs the callbacks."""
        # Rounded up: a timer must not be met a fraction too early and then polled for again and again.
        for descriptor, _ in self._poll.poll(max(0, int(seconds * 1000) + 1)):
            callback = self._callbacks.get(descriptor)
            if callback is not None:
                callback()

    def stop(self) -> None:
        """End `run` after what is in hand."""
        self.is_stopping = True

    def run(self, work: Callable[[], float]) -> None:
        """Call `work` and wait as many seconds as it says (less where a descriptor is ready), until stopped."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        handlers = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.watch(reader, lambda: _discard(reader))
        try:
            while not self.is_stopping:
                self.wait(work())
        finally:
            self.forget(reader)
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()


def _discard(reader: int) -> None:
    try:
        os.read(reader, 64)
    except BlockingIOError:
        return
