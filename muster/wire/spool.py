"""The durable queue of reports in a folder: a file a report, written before the first attempt, removed after the answer.

A kill at any instant loses at most the report being written. Bounded by bytes and age: the oldest reports of metrics alone go
first, then the oldest of all, and what went is listed until a collector has been told. Standard library only, because the
resident agent lives here. One thread may fill it while another empties it. Format: docs/reference/wire.md.
"""

from __future__ import annotations

import os
from _thread import RLock  # threading's own, without its 0.3 MiB
from collections.abc import Callable
from typing import NamedTuple

from muster.errors import UnavailableError
from muster.wire.compression import compress, inflate

MAXIMUM_BYTES = 64 * 1_048_576
MAXIMUM_AGE_SECONDS = 7 * 86_400
_ENCODINGS = {"gz": "gzip", "zst": "zstd", "raw": ""}
_CONTENT_TYPES = {"json": "application/json", "msgpack": "application/vnd.muster.report+msgpack"}
_REWRITE_LIMIT_BYTES = 64 * 1_048_576
# More would make a report large; the rest is told by the next ones.
_MAXIMUM_TOLD = 256


class SpoolEntry(NamedTuple):
    """One report that waits: `keeps` is whether it holds more than metrics, `added_at` in milliseconds UTC."""

    sequence: int
    keeps: bool
    size_bytes: int
    added_at: int
    content_type: str
    content_encoding: str
    file: str


class DroppedRange(NamedTuple):
    """Sequences given up, both ends included."""

    from_sequence: int
    to_sequence: int
    reason: str


class Spool:
    """Reports of one source instance, in `folder` (made with mode 0700)."""

    def __init__(
        self,
        folder: str,
        *,
        maximum_bytes: int = MAXIMUM_BYTES,
        maximum_age_seconds: float = MAXIMUM_AGE_SECONDS,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Open or make the spool. Raises UnavailableError where the folder cannot be used."""
        self._folder = folder
        self._maximum_bytes = maximum_bytes
        self._maximum_age_ms = round(maximum_age_seconds * 1000)
        self._random_bytes = random_bytes
        self._entries: dict[int, SpoolEntry] = {}
        self._size_bytes = 0
        self._told: dict[int, int] = {}
        self._offered = 0
        self._done_file = ""
        self._lock = RLock()
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self.instance = self._load_instance()
            self._last_sequence = self._scan()
            self._dropped = self._load_dropped()
        except OSError as error:
            raise UnavailableError(f"spool folder {folder} cannot be used: {error.strerror}; check that it exists and is writable") from error

    @property
    def next_sequence(self) -> int:
        """The sequence that the next report must carry."""
        return self._last_sequence + 1

    @property
    def size_bytes(self) -> int:
        """What waits, in bytes."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> list[SpoolEntry]:
        """What waits, oldest first."""
        with self._lock:
            return list(self._entries.values())

    def oldest(self) -> SpoolEntry | None:
        """What has waited longest; None where nothing waits."""
        with self._lock:
            return next(iter(self._entries.values()), None)

    def newest(self) -> SpoolEntry | None:
        """What was added last; None where nothing waits."""
        with self._lock:
            return next(reversed(self._entries.values()), None)

    def dropped(self) -> list[DroppedRange]:
        """Sequences given up that no collector has confirmed to know, the oldest 256; the report that is added next carries them."""
        with self._lock:
            self._offered = min(len(self._dropped), _MAXIMUM_TOLD)
            return self._dropped[:_MAXIMUM_TOLD]

    def add(self, sequence: int, body: bytes, *, keeps: bool, now_ms: int, content_type: str, content_encoding: str) -> SpoolEntry:
        """Write a report durably; older ones make room. Raises UnavailableError where the disk refuses."""
        encoding = next(suffix for suffix, name in _ENCODINGS.items() if name == content_encoding)
        kind = "json" if content_type.startswith("application/json") else "msgpack"
        file = f"{sequence:016d}.{now_ms}.{'k' if keeps else 'm'}.{kind}.{encoding}"
        try:
            self._write(file, body, durable=True)
        except OSError as error:
            raise UnavailableError(f"spool {self._folder}: {error.strerror}; the report of this moment is lost, free some space") from error
        entry = SpoolEntry(sequence, keeps, len(body), now_ms, _CONTENT_TYPES[kind], content_encoding, file)
        with self._lock:
            self._entries[sequence] = entry
            self._size_bytes += entry.size_bytes
            self._last_sequence = max(self._last_sequence, sequence)
            self._told[sequence], self._offered = self._offered, 0
            self._make_room(now_ms, newest=sequence)
        return entry

    def load(self, entry: SpoolEntry) -> bytes | None:
        """The body of an entry; None where its file has vanished (the entry is then listed as dropped)."""
        try:
            with open(self._path(entry.file), "rb") as file:
                return file.read()
        except OSError:
            self.drop(entry, "file lost")
            return None

    def remove(self, entry: SpoolEntry) -> None:
        """Forget a report that a collector has answered for, with the dropped ranges that it told of."""
        with self._lock:
            self._take(entry)
            told = self._told.pop(entry.sequence, 0)
            if told:
                self._dropped = self._dropped[told:]
                self._told = {sequence: max(0, count - told) for sequence, count in self._told.items()}
                self._offered = max(0, self._offered - told)
                self._save_dropped()

    def drop(self, entry: SpoolEntry, reason: str) -> None:
        """Give a report up and list it, so that its gap is known."""
        words = " ".join(reason.split())
        with self._lock:
            self._take(entry)
            self._told.pop(entry.sequence, None)
            last = self._dropped[-1] if self._dropped else None
            is_untold = max(self._told.values(), default=self._offered) < len(self._dropped) > self._offered
            if last is not None and last.reason == words and last.to_sequence + 1 == entry.sequence and is_untold:
                self._dropped[-1] = last._replace(to_sequence=entry.sequence)
            else:
                self._dropped.append(DroppedRange(entry.sequence, entry.sequence, words))
            self._save_dropped()

    def renew_instance(self) -> str:
        """Take a new instance after a re-used sequence and write it into every report that waits."""
        with self._lock:
            return self._renew()

    def _renew(self) -> str:
        old = self.instance
        new = self._random_bytes(16).hex()
        self._write("instance", new.encode(), durable=True)
        self.instance = new
        for entry in self.entries():
            body = self.load(entry)
            if body is None:
                continue
            plain = inflate(body, entry.content_encoding, maximum_compressed_bytes=_REWRITE_LIMIT_BYTES, maximum_inflated_bytes=_REWRITE_LIMIT_BYTES)
            # 128 random bits in hexadecimal, first met in the source: no other text of the report can equal them.
            renewed = compress(plain.replace(old.encode(), new.encode(), 1), entry.content_encoding)
            self._write(entry.file, renewed, durable=True)
            self._size_bytes += len(renewed) - entry.size_bytes
            self._entries[entry.sequence] = entry._replace(size_bytes=len(renewed))
        return new

    def _make_room(self, now_ms: int, *, newest: int) -> None:
        while (oldest := self.oldest()) is not None and oldest.sequence != newest and now_ms - oldest.added_at > self._maximum_age_ms:
            self.drop(oldest, "too old")
        for keeps in (False, True):
            if self._size_bytes <= self._maximum_bytes:
                return
            for entry in self.entries():
                if self._size_bytes <= self._maximum_bytes:
                    return
                if entry.keeps == keeps and entry.sequence != newest:
                    self.drop(entry, "spool full")

    def _take(self, entry: SpoolEntry) -> None:
        if self._entries.pop(entry.sequence, None) is not None:
            self._size_bytes -= entry.size_bytes
        if entry.sequence != self._last_sequence:
            self._unlink(entry.file)
            return
        # The highest sequence stays known through the name of a file, without a write to a counter for each report.
        done = f"{entry.sequence:016d}.done"
        try:
            os.rename(self._path(entry.file), self._path(done))
        except FileNotFoundError:
            self._write(done, b"", durable=False)
        if self._done_file not in ("", done):
            self._unlink(self._done_file)
        self._done_file = done

    def _scan(self) -> int:
        highest = -1
        # Names begin with the sequence in sixteen digits: their order is the order of sequences, which the dictionary keeps.
        for name in sorted(os.listdir(self._folder)):
            if name.endswith(".part"):
                self._unlink(name)
                continue
            parts = name.split(".")
            if not (parts[0].isascii() and parts[0].isdigit()):
                continue
            highest = max(highest, int(parts[0]))
            if parts[1:] == ["done"]:
                # In the order of sequences: only the last one is needed.
                if self._done_file:
                    self._unlink(self._done_file)
                self._done_file = name
                continue
            entry = self._parse_name(name, parts)
            if entry is not None:
                self._entries[entry.sequence] = entry
                self._size_bytes += entry.size_bytes
        return highest

    def _parse_name(self, name: str, parts: list[str]) -> SpoolEntry | None:
        if len(parts) != 5 or parts[3] not in _CONTENT_TYPES or parts[4] not in _ENCODINGS or not parts[1].isdigit():
            return None
        size = os.stat(self._path(name)).st_size
        return SpoolEntry(int(parts[0]), parts[2] == "k", size, int(parts[1]), _CONTENT_TYPES[parts[3]], _ENCODINGS[parts[4]], name)

    def _load_instance(self) -> str:
        text = self._read("instance")
        if len(text) == 32:
            return text
        instance = self._random_bytes(16).hex()
        self._write("instance", instance.encode(), durable=True)
        return instance

    def _load_dropped(self) -> list[DroppedRange]:
        found: list[DroppedRange] = []
        for line in self._read("dropped").splitlines():
            words = line.split(" ", 2)
            if len(words) == 3 and words[0].isdigit() and words[1].isdigit():
                found.append(DroppedRange(int(words[0]), int(words[1]), words[2]))
        return found

    def _save_dropped(self) -> None:
        text = "".join(f"{each.from_sequence} {each.to_sequence} {each.reason}\n" for each in self._dropped)
        self._write("dropped", text.encode(), durable=False)

    def _read(self, name: str) -> str:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _write(self, name: str, content: bytes, *, durable: bool) -> None:
        part = self._path(name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(part, self._path(name))

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"
