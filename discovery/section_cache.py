"""The last full content of every section that was reported, on disk: what a collector asks for again is sent without asking the device.

One file a section, named by the digests of its name and its content, so that after a restart an unchanged section still costs a
digest. Not the only copy of anything: a lost cache only makes the next report larger.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import zstandard

from muster.errors import UnavailableError
from muster.wire.digest import digest_bytes
from muster.wire.report import Section

MAXIMUM_INFLATED_BYTES = 64 * 1_048_576
_SUFFIX = ".section"


class _Entry(msgspec.Struct, frozen=True):
    name: str
    section: Section


class SectionCache:
    """Sections of one source instance, in `folder`. Blocking; use it from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Raises UnavailableError."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = [path.name for path in folder.iterdir()]
        except OSError as error:
            raise UnavailableError(f"folder {folder} cannot be used: {error.strerror}; check that it exists and is writable") from None
        # name digest → content digest
        self._digests: dict[str, str] = {}
        for name in names:
            first, dot, rest = name.removesuffix(_SUFFIX).partition(".")
            if name.endswith(_SUFFIX) and dot:
                self._digests[first] = rest

    def digest_of(self, name: str) -> str | None:
        """The digest of a section as it was last saved."""
        return self._digests.get(digest_bytes(name.encode()))

    def save(self, name: str, section: Section) -> None:
        """Keep a section (with items) under its digest, in place of an older one. Raises UnavailableError."""
        assert section.digest is not None, "a section is kept under its digest"
        key = digest_bytes(name.encode())
        old = self._digests.get(key)
        path = self._path(key, section.digest)
        part = path.with_suffix(".part")
        try:
            part.write_bytes(zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(_Entry(name, section))))
            part.replace(path)
        except OSError as error:
            raise UnavailableError(f"{path} cannot be written: {error.strerror}; free some space") from None
        self._digests[key] = section.digest
        if old is not None and old != section.digest:
            self._path(key, old).unlink(missing_ok=True)

    def find(self, digest: str) -> tuple[str, Section] | None:
        """Name and section of a content digest; None where it is not (or no more) here."""
        for key, content in self._digests.items():
            if content == digest:
                return self._load(self._path(key, content))
        return None

    def forget(self, name: str) -> None:
        """Take a section out."""
        key = digest_bytes(name.encode())
        digest = self._digests.pop(key, None)
        if digest is not None:
            self._path(key, digest).unlink(missing_ok=True)

    def _load(self, path: Path) -> tuple[str, Section] | None:
        with contextlib.suppress(OSError, zstandard.ZstdError, msgspec.MsgspecError):
            body = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=MAXIMUM_INFLATED_BYTES)
            entry = msgspec.msgpack.decode(body, type=_Entry)
            return entry.name, entry.section
        return None

    def _path(self, key: str, digest: str) -> Path:
        return self._folder / f"{key}.{digest}{_SUFFIX}"
