"""Secrets by reference: `file:PATH`, `env:NAME`, `systemd-credential:NAME`. Read when needed, never kept, never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from muster.errors import ConfigurationError

SECRET_LIMIT_BYTES = 65_536
SCHEMES = ("file", "env", "systemd-credential")


def check_reference(reference: str) -> None:
    """Refuse what is no reference. Raises ConfigurationError, which does not show the text: it may be the secret itself."""
    scheme, colon, rest = reference.partition(":")
    if not colon or not rest or scheme not in SCHEMES:
        raise ConfigurationError("a secret is given by reference: file:/path, env:NAME or systemd-credential:NAME")


def read_secret(reference: str, environment: Mapping[str, str] | None = None) -> str:
    """The text behind a reference, without surrounding blanks. Raises ConfigurationError naming the reference where it cannot be read."""
    check_reference(reference)
    environment = os.environ if environment is None else environment
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        value = environment.get(rest, "").strip()
        if not value:
            raise ConfigurationError(f"secret env:{rest}: the variable is not set; set it in the environment of this process")
        return value
    return _read_file(_locate(scheme, rest, environment), reference)


def _locate(scheme: str, rest: str, environment: Mapping[str, str]) -> Path:
    if scheme == "file":
        return Path(rest)
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise ConfigurationError(f"secret systemd-credential:{rest}: systemd gave no credentials; add LoadCredential={rest}:/path to the unit")
    return Path(folder) / rest


def _read_file(path: Path, reference: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(SECRET_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"secret {reference!r} cannot be read: {error.strerror}") from None
    if len(content) > SECRET_LIMIT_BYTES or not content.strip():
        raise ConfigurationError(f"secret {reference!r} is empty or larger than {SECRET_LIMIT_BYTES} bytes")
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"secret {reference!r} is not UTF-8 text") from None
