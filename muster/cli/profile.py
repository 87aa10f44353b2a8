"""Which collector the commands talk to: address and token, from the environment, a flag or a profile file.

A token is never a flag: a process list would show it. Order of places: docs/cli.md.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from muster.document import suggest
from muster.errors import AuthenticationError, ConfigurationError, quote

KEYS = ("url", "token", "ca_file")
LOCAL = Path("var/profile.toml")
_HOW = "set MUSTER_TOKEN, or write url and token into ~/.config/muster/profile.toml (mode 0600), or start in the folder of `muster up`"


class Profile(Struct, frozen=True):
    """`url`: without a path. `ca_file`: the certificate authority of a collector that the system does not know."""

    url: str
    token: str
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"Profile(url={self.url!r})"


def load_profile(url: str | None, environment: Mapping[str, str], *, folder: Path, home: Path) -> Profile:
    """The collector to talk to. `url`: the flag.

    A profile's token goes only to the profile's own address. Raises ConfigurationError, AuthenticationError.
    """
    found = next((each for each in (folder / LOCAL, home / ".config/muster/profile.toml") if each.is_file()), None)
    kept = {} if found is None else _read_file(found)
    wanted = url or environment.get("MUSTER_URL") or kept.get("url")
    if not wanted:
        raise ConfigurationError(f"no collector named: give --url, or set MUSTER_URL, or {_HOW.partition(', or ')[2]}")
    address = parse_url(wanted)
    token = environment.get("MUSTER_TOKEN")
    is_own = bool(kept) and address == parse_url(kept.get("url", address))
    if token is None and is_own:
        token = kept.get("token")
    if not token:
        raise AuthenticationError(f"no token for {address}: {_HOW}")
    ca_file = environment.get("MUSTER_CA_FILE") or (kept.get("ca_file") if is_own else None)
    return Profile(address, token.strip(), ca_file)


def parse_url(text: str) -> str:
    """Scheme, host and port. Raises ConfigurationError; plain HTTP is for loopback alone, since the token would be readable."""
    parts = urlsplit(text.strip())
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query or parts.path.strip("/"):
        raise ConfigurationError(f"{quote(text)} is no address of a collector; write for example https://muster.example.org:8420")
    if parts.scheme == "http" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise ConfigurationError(f"{quote(text)} would send the token readable over the network; use https://")
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + (f":{port}" if port else "")


def _read_file(path: Path) -> dict[str, str]:
    """The keys of a profile. One that others can read or that somebody else owns is refused: its token may be known, its address a trap."""
    status = path.stat()
    if status.st_uid != os.getuid():
        raise ConfigurationError(f"{path} belongs to another user; use a profile of your own, or --url with MUSTER_TOKEN")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    for key, value in content.items():
        if key not in KEYS:
            raise ConfigurationError(f"{path}: unknown key {quote(key)}{suggest(key, KEYS)}")
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {key} is no text")
    return content
