"""Small files of the agent's own in its state directory, written whole or not at all. Not for the host's files: `agent/host.py`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from muster.errors import UnavailableError

_LIMIT_BYTES = 4 * 1_048_576


def load_document(file: str) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none or it is damaged, for what stands in it can be found out anew."""
    try:
        with open(file, encoding="utf-8") as content:
            found = json.loads(content.read(_LIMIT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def save_document(file: str, document: Mapping[str, Any]) -> None:
    """Write a JSON object, readable by the agent's account alone. Raises OSError."""
    part = f"{file}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(document).encode())
    finally:
        os.close(descriptor)
    os.replace(part, file)


@contextmanager
def lock_folder(folder: str) -> Iterator[None]:
    """Hold the state directory (made with mode 0700) for one process. Raises UnavailableError where another holds it."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"state directory {folder} cannot be used: {error.strerror}; check that it exists and is writable") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UnavailableError(f"state directory {folder} is in use by another agent; stop it, or give this one a folder of its own") from None
        yield
    finally:
        os.close(descriptor)
