"""TCP connect: whether a port accepts a connection. The connection is closed at once and nothing is sent over it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket

from discovery.sweep.answer import Answer
from muster.clock import Clock, SystemClock

_LOCAL_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


async def connect_tcp(address: str, port: int, *, timeout_seconds: float = 2.0, clock: Clock | None = None) -> Answer:
    """Whether the port accepts, refuses (which is a sign of life) or stays silent."""
    clock = clock or SystemClock()
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    started = clock.monotonic_seconds()
    try:
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(connection, (address, port)), timeout_seconds)
    except TimeoutError:
        return Answer(is_up=False, is_alive=False, reason=f"port {port}: no answer within {timeout_seconds:g} s")
    except ConnectionRefusedError:
        return Answer(is_up=False, is_alive=True, reason=f"port {port}: connection refused")
    except OSError as error:
        text = os.strerror(error.errno) if error.errno else str(error)
        # What this machine lacks says nothing about the other one.
        return Answer(is_up=None if error.errno in _LOCAL_FAULTS else False, is_alive=False, reason=f"port {port}: {text}")
    return Answer(is_up=True, is_alive=True, latency_seconds=max(0.0, clock.monotonic_seconds() - started))
