"""Which host keys are known: files in the form of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

A key is looked for under the address and under the name of a target. What is trusted on first use is appended to the one
file that discovery owns; the others are only read. Certificates (`@cert-authority`) are not supported and left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from muster.errors import AuthenticationError, ConfigurationError
from muster.facts.ssh_host_key import fingerprint_key

MAXIMUM_BYTES = 16 * 1_048_576
Verdict = Literal["known", "new", "changed", "revoked"]


class HostKey(NamedTuple):
    """A public key as the wire has it."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`."""
        return fingerprint_key(self.blob)


class HostKeyError(AuthenticationError):
    """A host key is refused. `offered` is the fingerprint that the host showed, `known` those that were expected (none: never seen)."""

    def __init__(self, message: str, *, offered: str, known: Sequence[str] = (), is_changed: bool = False) -> None:
        super().__init__(message)
        self.offered = offered
        self.known = tuple(known)
        self.is_changed = is_changed


@dataclass(frozen=True)
class KnownHost:
    """One line: who it is about (plain, pattern or hashed), the key, and whether the key is revoked."""

    hosts: tuple[str, ...]
    key: HostKey
    is_revoked: bool = False

    def names(self, host: str) -> bool:
        """Whether the line is about this host: some pattern matches and no negated one does (`*`, `?`, `!`, `|1|salt|hash`)."""
        if any(_matches(each[1:], host) for each in self.hosts if each.startswith("!")):
            return False
        return any(_is_hash_of(each, host) if each.startswith("|1|") else _matches(each, host) for each in self.hosts)


def parse_known_hosts(text: str) -> list[KnownHost]:
    """The lines that hold a key; comments, certificate authorities and malformed lines are left out."""
    return [found for line in text.splitlines() if (found := _parse_line(line)) is not None]


def host_name(host: str, port: int) -> str:
    """How known_hosts writes a host: `[address]:port` for another port than 22.

    >>> host_name("10.0.0.1", 22), host_name("10.0.0.1", 2222)
    ('10.0.0.1', '[10.0.0.1]:2222')
    """
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


class HostKeyStore:
    """The known keys of all files, read again when one of them has changed; safe to use from several threads."""

    def __init__(self, own_file: Path, others: Sequence[Path] = ()) -> None:
        """Read the files; an absent one is empty. Raises ConfigurationError where one cannot be read."""
        self._own_file = own_file
        self._files = (own_file, *others)
        self._lock = threading.Lock()
        self._signature: object = None
        self._lines: list[KnownHost] = []
        self._refresh()

    def types_for(self, hosts: Sequence[str]) -> list[str]:
        """The key types known of a host: what to ask it for first. Raises ConfigurationError where a file cannot be read."""
        with self._lock:
            self._refresh()
            return list(dict.fromkeys(line.key.type for line in self._lines if not line.is_revoked and any(line.names(host) for host in hosts)))

    def judge(self, hosts: Sequence[str], key: HostKey) -> tuple[Verdict, list[str]]:
        """What is known of a host's key, and the fingerprints that are known instead."""
        with self._lock:
            self._refresh()
            lines = [line for line in self._lines if any(line.names(host) for host in hosts)]
            if any(line.is_revoked and line.key.blob == key.blob for line in self._lines):
                return "revoked", []
        keys = [line.key for line in lines if not line.is_revoked]
        if any(each.blob == key.blob for each in keys):
            return "known", []
        return ("changed", sorted({each.fingerprint for each in keys})) if keys else ("new", [])

    def check(self, hosts: Sequence[str], key: HostKey, *, trusts_on_first_use: bool) -> None:
        """Accept the key of a host or raise HostKeyError; a new one is kept where first use is trusted. `hosts` as `host_name` gives them."""
        verdict, known = self.judge(hosts, key)
        name = hosts[0]
        if verdict == "known":
            return
        if verdict == "new" and trusts_on_first_use:
            self.add(hosts, key)
            return
        if verdict == "new":
            message = (
                f"the host key of {name} is not known ({key.type} {key.fingerprint}); compare it and add it to {self._own_file}, "
                "or set host_keys: trust_on_first_use in the job"
            )
            raise HostKeyError(message, offered=key.fingerprint)
        if verdict == "revoked":
            raise HostKeyError(f"the host key of {name} is marked @revoked; do not trust this host", offered=key.fingerprint, is_changed=True)
        message = (
            f"the host key of {name} changed: known {', '.join(known)}, now {key.type} {key.fingerprint}. Someone may be listening in. "
            f"If the change is meant, take the old line out of {self._own_file}"
        )
        raise HostKeyError(message, offered=key.fingerprint, known=known, is_changed=True)

    def add(self, hosts: Sequence[str], key: HostKey) -> None:
        """Trust a key from now on. Raises ConfigurationError where the file cannot be written: then it is not trusted."""
        line = f"{','.join(hosts)} {key.type} {base64.b64encode(key.blob).decode()}\n"
        with self._lock:
            try:
                self._own_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(self._own_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise ConfigurationError(f"{self._own_file} cannot be written: {error.strerror}; a host key is trusted only when kept") from None
            self._refresh()

    def _refresh(self) -> None:
        signature = [_stamp(path) for path in self._files]
        if signature != self._signature:
            self._lines = [line for path in self._files for line in parse_known_hosts(_read(path))]
            self._signature = signature


def _parse_line(line: str) -> KnownHost | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#") or marker not in {"", "@revoked"}:
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return KnownHost(tuple(words[0].split(",")), HostKey(words[1], blob), is_revoked=bool(marker)) if blob else None


def _matches(pattern: str, host: str) -> bool:
    """`*` and `?` alone are special: brackets belong to `[address]:port`."""
    expression = "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in pattern.lower())
    return re.fullmatch(expression, host, re.DOTALL) is not None


def _is_hash_of(pattern: str, host: str) -> bool:
    """HashKnownHosts: HMAC-SHA1 of the name, keyed with the salt, both base64."""
    parts = pattern.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, expected = base64.b64decode(parts[2], validate=True), base64.b64decode(parts[3], validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, host.encode(), hashlib.sha1).digest(), expected)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"known hosts file {path} cannot be read: {error.strerror}") from None
    if len(content) > MAXIMUM_BYTES:
        raise ConfigurationError(f"known hosts file {path} is larger than {MAXIMUM_BYTES} bytes")
    return content.decode("utf-8", "replace")
