"""Fingerprints of a host's public SSH keys, as ssh-keygen(1) prints them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

PATTERN = "/etc/ssh/ssh_host_*_key.pub"


def fingerprint_key(blob: bytes) -> str:
    """`SHA256:…` of a public key in its wire form."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def parse_public_keys(texts: Iterable[str]) -> list[str]:
    """Sorted fingerprints of the keys in these `.pub` files; lines that hold no key are left out."""
    found: set[str] = set()
    for text in texts:
        for line in text.splitlines():
            words = line.split()
            if len(words) < 2 or words[0].startswith("#"):
                continue
            try:
                blob = base64.b64decode(words[1], validate=True)
            except (binascii.Error, ValueError):
                continue
            if blob:
                found.add(fingerprint_key(blob))
    return sorted(found)
