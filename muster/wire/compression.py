"""Content encodings of a report: gzip (standard library) and zstd, inflated in steps so that a bomb allocates nothing.

Not for parsing what is inside: `muster/wire/codec.py`. The resident agent imports this module, so it stays light.
"""

from __future__ import annotations

import zlib

from muster.errors import InputError, TooLargeError, quote

GZIP_WINDOW_BITS = 31
MAXIMUM_ZSTD_WINDOW_BYTES = 8 * 1_048_576
_STEP_BYTES = 65_536


def compress(body: bytes, content_encoding: str, *, level: int = 6) -> bytes:
    """The body under this Content-Encoding (`gzip`, `zstd` or empty)."""
    encoding = _normalise(content_encoding)
    if encoding == "gzip":
        packer = zlib.compressobj(level, zlib.DEFLATED, GZIP_WINDOW_BITS)
        return packer.compress(body) + packer.flush()
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=min(level, 19)).compress(body)
    return body


def inflate(body: bytes, content_encoding: str, *, maximum_compressed_bytes: int, maximum_inflated_bytes: int) -> bytes:
    """The plain body. Raises TooLargeError over either limit, InputError where the encoding is unknown or broken."""
    encoding = _normalise(content_encoding)
    limit = maximum_compressed_bytes if encoding else maximum_inflated_bytes
    if len(body) > limit:
        raise TooLargeError(f"the body has {len(body)} bytes, the limit is {limit}; send smaller reports", limit_bytes=limit)
    if encoding == "gzip":
        return _inflate_gzip(body, maximum_inflated_bytes)
    if encoding == "zstd":
        return _inflate_zstd(body, maximum_inflated_bytes)
    return body


def _normalise(content_encoding: str) -> str:
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding in ("gzip", "x-gzip"):
        return "gzip"
    if encoding == "zstd":
        return "zstd"
    raise InputError(f"Content-Encoding {quote(content_encoding)} is not known; use gzip, zstd or none", path="")


def _inflate_gzip(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW_BITS)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise InputError(f"the body is not gzip: {error}", path="") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise InputError("the gzip body is cut short or has bytes after its end", path="")
    return plain


def _inflate_zstd(body: bytes, limit: int) -> bytes:
    import zstandard

    parts: list[bytes] = []
    size = 0
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAXIMUM_ZSTD_WINDOW_BYTES).stream_reader(body) as reader:
            while part := reader.read(_STEP_BYTES):
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except zstandard.ZstdError as error:
        raise InputError(f"the body is not zstd: {error}", path="") from None
    return b"".join(parts)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the inflated body is over {limit} bytes; send smaller reports", limit_bytes=limit)
