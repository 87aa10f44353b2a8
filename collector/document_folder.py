"""A folder of documents that people edit while the collector runs: read at start, when told, and when a file changes.

What is faulty is refused whole, with file and line; what was in force stays in force. An absent folder says nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from stat import S_ISREG

import structlog

from muster.document import MAXIMUM_BYTES, SUFFIXES, list_documents
from muster.errors import DocumentError, MusterError

log = structlog.get_logger(__name__)
LOOK_SECONDS = 2.0
FILES_LIMIT = 10_000
Signature = tuple[tuple[str, int, int], ...]


class DocumentFolder:
    """`apply` puts the texts (file → text) in force and raises MusterError where it refuses. `fault`: why, empty when all is in force.

    `suffixes`: those of its documents, YAML where none are named.
    """

    def __init__(
        self, name: str, folder: Path, apply: Callable[[Mapping[str, str]], Awaitable[None]], *, suffixes: frozenset[str] = SUFFIXES
    ) -> None:
        self._name = name
        self._folder = folder
        self._apply = apply
        self._suffixes = suffixes
        self._seen: Signature | None = None
        self.fault = ""

    async def load(self) -> bool:
        """Read and put in force now; False where it was refused, which is logged once for a state of the files."""
        self._seen = await asyncio.to_thread(sign_folder, self._folder, self._suffixes)
        if not self._folder.is_dir():
            return True
        try:
            texts = await asyncio.to_thread(read_folder, self._folder, self._suffixes)
            await self._apply(texts)
        except MusterError as error:
            self.fault = str(error)
            log.error("documents_refused", kind=self._name, folder=str(self._folder), reason=str(error))  # noqa: TRY400 -- a person's mistake
            return False
        self.fault = ""
        log.info("documents_loaded", kind=self._name, folder=str(self._folder), files=len(texts))
        return True

    async def watch(self) -> None:
        """Load when files have changed and stand still again, until cancelled."""
        pending: Signature | None = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = await asyncio.to_thread(sign_folder, self._folder, self._suffixes)
            if now != self._seen and now == pending:
                try:
                    await self.load()
                except Exception:
                    log.exception("documents_failed", kind=self._name)
                    self._seen = None
            pending = now


def sign_folder(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> Signature:
    """What tells that something changed: names, sizes and times."""
    found = []
    for path in _files(folder, suffixes):
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((path.name, state.st_mtime_ns, state.st_size))
    return tuple(found)


def read_folder(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> dict[str, str]:
    """File → text of every document. Raises DocumentError for what cannot be read."""
    texts: dict[str, str] = {}
    for path in _files(folder, suffixes):
        try:
            if not S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
                raise DocumentError("no file; move it elsewhere", file=str(path), line=1)
            with path.open("rb") as opened:
                content = opened.read(MAXIMUM_BYTES + 1)
            if len(content) > MAXIMUM_BYTES:
                raise DocumentError(f"larger than {MAXIMUM_BYTES} bytes; split the document", file=str(path), line=1)
            texts[str(path)] = content.decode("utf-8")
        except UnicodeDecodeError:
            raise DocumentError("not UTF-8 text; save the file as UTF-8", file=str(path), line=1) from None
        except OSError as error:
            raise DocumentError(f"cannot be read: {error.strerror}; check its rights", file=str(path), line=1) from None
    return texts


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    found = list_documents(folder, suffixes)
    if len(found) > FILES_LIMIT:
        raise DocumentError(f"more than {FILES_LIMIT} documents; split the folder", file=str(folder), line=1)
    return found
