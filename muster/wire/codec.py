"""Reports, answers and problems to bytes and back: MessagePack and JSON, within limits, naming the first fault.

`decode_report` leaves items, relations and states raw; `decode_item`, `decode_relation` and `decode_state` take them one by
one, so that a bad one costs only itself. Content encodings: `muster/wire/compression.py`. Format: docs/reference/wire.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from muster.errors import InputError, quote
from muster.instant import parse_instant
from muster.wire.compression import compress, inflate
from muster.wire.fault_path import name_keys
from muster.wire.report import (
    CONTENT_TYPE_JSON,
    CONTENT_TYPE_MSGPACK,
    MAXIMUM_COMPRESSED_BYTES,
    MAXIMUM_INFLATED_BYTES,
    MAXIMUM_PARTS,
    Answer,
    Item,
    RawReport,
    ReceivedReport,
    ReceivedSection,
    RelationClaim,
    SampleBlock,
    SeriesTable,
    StateReport,
)

T = TypeVar("T")
_MSGPACK_TYPES = (CONTENT_TYPE_MSGPACK, "application/msgpack", "application/vnd.msgpack", "application/x-msgpack")
_JSON_NUL = b"\\u0000"
_AT = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
JSON_VALUES_LIMIT = 8_000_000


def encode(value: object, content_type: str = CONTENT_TYPE_MSGPACK, *, content_encoding: str = "") -> bytes:
    """The value (a struct of `muster.wire`) as a body of this content type and encoding."""
    body = msgspec.json.encode(value) if is_json(content_type) else msgspec.msgpack.encode(value)
    return compress(body, content_encoding)


@lru_cache(maxsize=64)
def is_json(content_type: str) -> bool:
    """Whether the type is JSON; False is MessagePack. Raises InputError on any other type."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in ("", CONTENT_TYPE_JSON) or media_type.endswith("+json"):
        return True
    if media_type in _MSGPACK_TYPES:
        return False
    raise InputError(f"Content-Type {quote(content_type)} is not known; send {CONTENT_TYPE_MSGPACK} or {CONTENT_TYPE_JSON}", path="")


def decode_report(
    body: bytes,
    content_type: str,
    content_encoding: str = "",
    *,
    maximum_compressed_bytes: int = MAXIMUM_COMPRESSED_BYTES,
    maximum_inflated_bytes: int = MAXIMUM_INFLATED_BYTES,
) -> ReceivedReport:
    """The report of a request's body, its instants in milliseconds.

    Raises InputError with the path of the first fault, TooLargeError over a limit.
    """
    is_json(content_type)
    plain = inflate(body, content_encoding, maximum_compressed_bytes=maximum_compressed_bytes, maximum_inflated_bytes=maximum_inflated_bytes)
    report = decode(plain, RawReport, content_type)
    return ReceivedReport(
        source=report.source,
        sequence=report.sequence,
        observed_at=parse_instant(report.observed_at, path="$.observed_at"),
        schema=report.schema,
        tables={digest: decode(raw, SeriesTable, content_type, path=f"$.tables.{digest}") for digest, raw in report.tables.items()},
        dropped=report.dropped,
        software_version=report.software_version,
        sections=_decode_sections(report.sections, content_type),
        states=report.states,
        samples=_decode_blocks(report.samples, content_type),
    )


def _decode_sections(sections: Mapping[str, msgspec.Raw], content_type: str) -> dict[str, ReceivedSection]:
    found: dict[str, ReceivedSection] = {}
    count = 0
    for name, raw in sections.items():
        found[name] = decode(raw, ReceivedSection, content_type, path=f"$.sections.{name}")
        count += len(found[name].items or ()) + len(found[name].relations or ())
        _check_count(count, f"$.sections.{name}")
    return found


def _decode_blocks(blocks: Sequence[msgspec.Raw], content_type: str) -> list[SampleBlock]:
    found: list[SampleBlock] = []
    count = 0
    for at, raw in enumerate(blocks):
        path = f"$.samples[{at}]"
        block = decode(raw, SampleBlock, content_type, path=path)
        count += len(block.values)
        _check_count(count, path)
        found.append(_check_block(block, path))
    return found


def _check_count(count: int, path: str) -> None:
    if count > MAXIMUM_PARTS:
        raise InputError(f"more than {MAXIMUM_PARTS} parts in one report; send the others in another", path=path)


def decode(body: bytes | msgspec.Raw, kind: type[T], content_type: str, *, path: str = "$") -> T:
    """A value of `kind` from a plain body; `path` is where the body stands in a larger one. Raises InputError."""
    if (
        len(body) > JSON_VALUES_LIMIT and is_json(content_type) and bytes(body).count(b",") > JSON_VALUES_LIMIT
    ):  # lists are built before they are counted
        raise InputError(f"more than {JSON_VALUES_LIMIT} values in one body; send smaller reports", path=path)
    value = _guard(
        lambda: msgspec.json.decode(body, type=kind) if is_json(content_type) else msgspec.msgpack.decode(body, type=kind),
        path,
        lambda at: name_keys(at, body, kind, is_json=is_json(content_type)),
    )
    if (_JSON_NUL if is_json(content_type) else b"\0") in bytes(body):
        _refuse_nul(value, path)
    return value


def decode_item(raw: bytes | msgspec.Raw, content_type: str, *, path: str = "$") -> Item:
    """One item of a section. Raises InputError with its path."""
    return decode(raw, Item, content_type, path=path)


def decode_relation(raw: bytes | msgspec.Raw, content_type: str, *, path: str = "$") -> RelationClaim:
    """One relation of a section. Raises InputError with its path."""
    return decode(raw, RelationClaim, content_type, path=path)


def decode_state(raw: bytes | msgspec.Raw, content_type: str, *, path: str = "$") -> StateReport:
    """One state, its instant in milliseconds. Raises InputError with its path."""
    state = decode(raw, StateReport, content_type, path=path)
    return msgspec.structs.replace(state, at=parse_instant(state.at, path=f"{path}.at"))


def decode_answer(body: bytes, content_type: str) -> Answer:
    """A collector's answer to a report. Raises InputError."""
    return decode(body, Answer, content_type)


def _guard(run: Callable[[], T], path: str, name_fault: Callable[[str], str]) -> T:
    try:
        return run()
    except msgspec.ValidationError as error:
        text = str(error)
        at = _AT.search(text)
        below = name_fault(at.group(1))[1:] if at else ""
        raise InputError(_AT.sub("", text), path=path + below) from None
    except msgspec.DecodeError as error:
        raise InputError(str(error), path=path) from None
    except UnicodeDecodeError:
        raise InputError("text that is not UTF-8", path=path) from None
    except RecursionError:
        raise InputError("nested too deeply", path=path) from None


def _refuse_nul(value: Any, path: str) -> None:
    """Text with a NUL, which PostgreSQL cannot hold, and no person means. What is still raw is looked at when it is decoded."""
    if isinstance(value, str):
        if "\0" in value:
            raise InputError(f"{quote(value)} holds a NUL character", path=path)
    elif isinstance(value, msgspec.Struct):
        for name, field in zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True):
            _refuse_nul(getattr(value, field), f"{path}.{name}")
    elif isinstance(value, dict):
        for key, each in value.items():
            _refuse_nul(key, path)
            _refuse_nul(each, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            if not isinstance(each, int | float | None):
                _refuse_nul(each, f"{path}[{index}]")


def _check_block(block: SampleBlock, path: str) -> SampleBlock:
    times: list[Any] = [parse_instant(at, path=f"{path}.times[{index}]") for index, at in enumerate(block.times)]
    for index, row in enumerate(block.values):
        if len(row) != len(times):
            raise InputError(f"has {len(row)} samples for {len(times)} times", path=f"{path}.values[{index}]")
    return msgspec.structs.replace(block, times=times)
